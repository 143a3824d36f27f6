public import NormaCore

/// The parts of a loaded data set: disjoint training and validation samples, and the test set on demand.
public struct DataSplits: Sendable {
  /// What was asked for.
  public let spec: DataSpec
  /// The training part.
  public let train: DataSet
  /// The validation part; empty when none was asked for.
  public let validate: DataSet
  /// The statistics of the training part, or nil when standardising is off.
  public let standardization: Standardization?
  let source: any DataSource
  let heldOut: DataSet?

  /// Loads what `spec` asks of `source`; throws `usage` when it asks for more than there is.
  public init(_ spec: DataSpec, from source: any DataSource) throws(NormaError) {
    try source.checkOptions(spec)
    if let bytes = try source.text() {
      try self.init(text: bytes, spec, from: source)
      return
    }
    let splitsTest = try source.supply(.test, spec: spec) == .absent
    let counts = try Counts(
      spec, source: source, supply: source.supply(.training, spec: spec), splitsTest: splitsTest)
    let samples = try source.read(.training, first: counts.read, spec: spec)
    let order = RandomSource(seed: spec.seed, purpose: "data.split").shuffled(counts.read)
    // The training part comes last: where the whole source is read, more of it moves no other part.
    let testEnd = counts.test
    let validateEnd = testEnd + counts.validate
    let trainRows = Array(order[validateEnd..<(validateEnd + counts.train)])
    let statistics = spec.standardize ? Standardization.measure(samples, rows: trainRows) : nil
    self.init(
      spec: spec, source: source,
      train: try DataSet(samples, rows: trainRows, standardization: statistics),
      validate: try DataSet(
        samples, rows: Array(order[testEnd..<validateEnd]), standardization: statistics),
      heldOut: splitsTest
        ? try DataSet(samples, rows: Array(order[..<testEnd]), standardization: statistics) : nil)
  }

  init(
    spec: DataSpec, source: any DataSource, train: DataSet, validate: DataSet, heldOut: DataSet?
  ) {
    self.spec = spec
    self.source = source
    self.train = train
    self.validate = validate
    self.heldOut = heldOut
    standardization = train.standardization
  }

  /// The test part: read now from the test files, or split off the training files where there are none.
  ///
  /// - Throws: `input_missing` when there is none, and what loading throws.
  public func test() throws(NormaError) -> DataSet {
    if let heldOut {
      guard !heldOut.isEmpty else {
        throw NormaError(
          .inputMissing, "data set '\(spec.name)' has no test files",
          help: "say test = N to set "
            + (train.isText ? "the last N symbols" : "samples of the training files") + " apart")
      }
      return heldOut
    }
    let test = try DataSplits.test(spec, from: source, standardization: standardization)
    guard test.sampleShape == train.sampleShape, test.classCount <= train.classCount else {
      throw NormaError(
        .data,
        "data set '\(spec.name)': test samples have the shape \(test.sampleShape) and "
          + "\(test.classCount) classes, training samples \(train.sampleShape) and "
          + "\(train.classCount)")
    }
    return test
  }

  /// Reads the test part of a source that has one.
  static func test(
    _ spec: DataSpec, from source: any DataSource, standardization: Standardization?
  ) throws(NormaError) -> DataSet {
    try source.checkOptions(spec)
    var available: Int?
    var wanted = spec.test ?? 0
    switch try source.supply(.test, spec: spec) {
    case .absent: break
    case .count(let count):
      available = count
      wanted = spec.test ?? count
    case .unlimited(let usual): wanted = spec.test ?? usual
    }
    guard wanted >= 1, wanted <= available ?? mostGenerated else {
      throw NormaError(
        .usage, "data set '\(spec.name)': test = \(wanted)",
        help: "use a number from 1 to \(available ?? mostGenerated)")
    }
    guard let available, !source.isShuffled, wanted < available else {
      return try DataSet(
        source.read(.test, first: wanted, spec: spec), standardization: standardization)
    }
    let samples = try source.read(.test, first: available, spec: spec)
    let order = RandomSource(seed: spec.seed, purpose: "data.test").shuffled(available)
    return try DataSet(samples, rows: Array(order[..<wanted]), standardization: standardization)
  }

  /// The most samples of a generated set; more would be a slip of the finger.
  private static let mostGenerated = 10_000_000

  /// How many samples go where.
  private struct Counts {
    let train: Int
    let validate: Int
    let test: Int
    /// How many must be read to draw these.
    let read: Int

    init(
      _ spec: DataSpec, source: any DataSource, supply: DataSupply, splitsTest: Bool
    ) throws(NormaError) {
      validate = spec.validate ?? 0
      test = splitsTest ? spec.test ?? 0 : 0
      let available: Int? =
        switch supply {
        case .absent: 0
        case .count(let count): count
        case .unlimited: nil
        }
      let limit = available ?? 0
      if case .unlimited(let usual) = supply {
        train = spec.train ?? usual
      } else {
        train =
          spec.train ?? max(0, limit - Counts.clamp(validate, limit) - Counts.clamp(test, limit))
      }
      for (word, count, least) in [
        ("train", train, 1), ("validate", validate, 0), ("test", test, 0),
      ]
      where count < least
        || count > (available == nil ? DataSplits.mostGenerated : Int(Int32.max) / 4)
      {
        let asked = word != "train" || spec.train != nil
        throw NormaError(
          .usage,
          asked
            ? "data set '\(spec.name)': \(word) = \(count)"
            : "data set '\(spec.name)': nothing is left to train on "
              + "of \(available ?? 0) samples (validate = \(validate))",
          help: "use a number from \(least) to \(available ?? DataSplits.mostGenerated)")
      }
      let sum = train + validate + test
      if let available, sum > available {
        let parts =
          "train = \(train), validate = \(validate)" + (test > 0 ? ", test = \(test)" : "")
        throw NormaError(
          .usage,
          "data set '\(spec.name)' has \(available) training samples, \(parts) ask for \(sum)",
          help: available == 0
            ? "there is nothing to train on: see whether its files are empty"
            : "ask for \(available) or fewer together")
      }
      read = source.isShuffled ? sum : available ?? sum
    }

    private static func clamp(_ count: Int, _ limit: Int) -> Int { min(max(count, 0), limit) }
  }
}

extension RandomSource {
  /// A permutation of `0..<count` that leaves this source as it is.
  fileprivate func shuffled(_ count: Int) -> [Int32] {
    var copy = self
    return copy.permutation(count)
  }
}
