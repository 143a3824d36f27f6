import NormaCore
import NormaData
import Testing

@Suite("Splits, standardising and the catalog")
struct SplitTests {
  let catalog = DataCatalog()

  @Test("The training part has mean 0 and deviation 1; validation uses the training statistics")
  func standardized() throws {
    let splits = try catalog.load(DataSpec("shapes", train: 300, validate: 50, seed: 5))
    let (mean, deviation) = moments(splits.train.all().values)
    #expect(abs(mean) < 1e-4 && abs(deviation - 1) < 1e-4)
    let statistics = try #require(splits.standardization)
    #expect(statistics.mean.count == 1)
    #expect(splits.validate.standardization == statistics)
    let raw = try catalog.load(
      DataSpec("shapes", train: 300, validate: 50, seed: 5, standardize: false))
    #expect(raw.standardization == nil)
    let (rawMean, rawDeviation) = moments(raw.train.all().values)
    #expect(abs(rawMean - Double(statistics.mean[0])) < 1e-6)
    #expect(abs(rawDeviation - Double(statistics.deviation[0])) < 1e-6)
    for (a, b) in zip(raw.validate.all().values, splits.validate.all().values) {
      #expect(abs((a - statistics.mean[0]) / statistics.deviation[0] - b) < 1e-5)
    }
  }

  @Test("Vectors are standardised feature by feature, right at mean 1e6 and for constants")
  func perFeature() throws {
    let values = (0..<50).flatMap { i -> [Float] in [1e6 + Float(i), Float(i) * 1e-3, 7] }
    let samples = try Samples(
      floats: values, shape: [3], labels: [Int32](repeating: 0, count: 50), classCount: 1)
    let source = FixedSource(samples: samples)
    let splits = try DataSplits(DataSpec("fixed"), from: source)
    let out = splits.train.all().values
    for feature in 0..<2 {
      let column = stride(from: feature, to: out.count, by: 3).map { out[$0] }
      let (mean, deviation) = moments(column)
      #expect(abs(mean) < 1e-2 && abs(deviation - 1) < 1e-4)
    }
    #expect(stride(from: 2, to: out.count, by: 3).allSatisfy { out[$0] == 0 })
  }

  @Test(
    "The same seed gives the same samples, another seed others; more training moves no validation")
  func seeds() throws {
    let samples = try Samples(
      floats: (0..<90).map { Float($0) }, shape: [1], labels: (0..<90).map { Int32($0 % 3) },
      classCount: 3)
    let source = FixedSource(samples: samples)
    func rows(_ train: Int, _ seed: UInt64) throws -> (train: [Int32], validate: [Int32]) {
      let splits = try DataSplits(
        DataSpec("fixed", train: train, validate: 20, seed: seed), from: source)
      return (splits.train.rows, splits.validate.rows)
    }
    let first = try rows(40, 1)
    #expect(try rows(40, 1) == first)
    #expect(try rows(40, 2).validate != first.validate)
    let wider = try rows(70, 1)
    #expect(wider.validate == first.validate && Array(wider.train[..<40]) == first.train)
    #expect(Set(wider.train + wider.validate) == Set(0..<90))
  }

  @Test(
    "Asking for more than there is, or for nothing, says what there is",
    arguments: [
      (DataSpec("fixed", train: 80, validate: 20), ["90", "train = 80", "validate = 20", "100"]),
      (DataSpec("fixed", train: 0), ["train = 0"]),
      (DataSpec("fixed", train: -5), ["train = -5"]),
      (DataSpec("fixed", validate: -1), ["validate = -1"]),
      (DataSpec("fixed", validate: 90), ["nothing is left", "90"]),
      (DataSpec("fixed", train: Int.max, validate: Int.max), ["\(Int.max)"]),
      (DataSpec("fixed", test: Int.min), ["test = "]),
      (DataSpec("fixed", options: ["noise": 1]), ["no option 'noise'"]),
    ])
  func counts(spec: DataSpec, expected: [String]) throws {
    let samples = try Samples(
      floats: (0..<90).map { Float($0) }, shape: [1], labels: [Int32](repeating: 0, count: 90),
      classCount: 1)
    let error = try failure { _ = try DataSplits(spec, from: FixedSource(samples: samples)) }
    #expect(error.code == .usage && error.help != nil)
    for text in expected { #expect(error.message.contains(text), "\(error)") }
  }

  @Test("Names are looked up with suggestions, and a wrong option names the right ones")
  func names() throws {
    let unknown = try failure { _ = try catalog.load(DataSpec("fasion-mnist")) }
    #expect(unknown.code == .usage && unknown.message.contains("did you mean 'fashion-mnist'?"))
    #expect(unknown.help?.contains("spirals") == true)
    let option = try failure { _ = try catalog.load(DataSpec("spirals", options: ["nois": 1])) }
    #expect(option.message.contains("did you mean 'noise'?"))
    for value in [1, 2.5, .nan, 101] {
      let range = try failure {
        _ = try catalog.load(DataSpec("spirals", options: ["classes": value]))
      }
      #expect(range.code == .usage && range.help?.contains("from 2 to 100") == true)
    }
  }

  @Test("Samples whose sizes disagree are refused")
  func samples() throws {
    let cases: [(Int, [Int], [Int32], Int)] = [
      (5, [2], [0, 0], 1), (4, [2], [0, 1], 1), (4, [2], [0, -1], 2), (0, [], [], 1),
      (0, [0], [0], 1),
    ]
    for (count, shape, labels, classes) in cases {
      let error = try failure {
        _ = try Samples(
          floats: [Float](repeating: 0, count: count), shape: shape, labels: labels,
          classCount: classes)
      }
      #expect(error.code == .data)
    }
  }

  @Test("Statistics of other features are refused, saved ones give the same test batch")
  func savedStatistics() throws {
    let spec = DataSpec("spirals", train: 100, test: 30, seed: 2)
    let splits = try catalog.load(spec)
    let again = try catalog.test(spec, standardization: splits.standardization)
    #expect(try splits.test().all().values == again.all().values)
    let foreign = Standardization(mean: [0, 0, 0], deviation: [1, 1, 1])
    let error = try failure { _ = try catalog.test(spec, standardization: foreign) }
    #expect(error.code == .data)
  }

  private func moments(_ values: [Float]) -> (mean: Double, deviation: Double) {
    let count = Double(values.count)
    let mean = values.reduce(0) { $0 + Double($1) } / count
    let square = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
    return (mean, (square / count).squareRoot())
  }
}

/// A source of given samples without a test part.
struct FixedSource: DataSource {
  let samples: Samples
  let name = "fixed"
  let summary = "for tests"
  let options: [DataOption] = []
  let isShuffled = false

  func locate() -> String { "memory" }

  func supply(_ part: DataPart, spec: DataSpec) -> DataSupply {
    part == .training ? .count(samples.count) : .absent
  }

  func read(_ part: DataPart, first count: Int, spec: DataSpec) -> Samples { samples }
}
