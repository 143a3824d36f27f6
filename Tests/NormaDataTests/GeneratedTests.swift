import NormaCore
import NormaData
import Testing

@Suite("Generated sets")
struct GeneratedTests {
  let catalog = DataCatalog()

  @Test(
    "A seed fixes every sample, and asking for more changes none of the first",
    arguments: [
      "spirals", "shapes",
    ])
  func deterministic(name: String) throws {
    let source = try catalog.source(name)
    let spec = DataSpec(name, seed: 4)
    let few = try DataSet(source.read(.training, first: 12, spec: spec)).all()
    let many = try DataSet(source.read(.training, first: 40, spec: spec)).all()
    #expect(Array(many.values[..<few.values.count]) == few.values)
    #expect(Array(many.labels[..<12]) == few.labels)
    let other = try DataSet(source.read(.training, first: 12, spec: DataSpec(name, seed: 5))).all()
    #expect(other.values != few.values)
    let test = try DataSet(source.read(.test, first: 12, spec: spec)).all()
    #expect(test.values != few.values)
  }

  @Test("Without noise, points lie on the arm of their class")
  func spirals() throws {
    let options = ["noise": 0, "turns": 0, "classes": 4.0]
    let data = try catalog.load(
      DataSpec("spirals", train: 64, standardize: false, options: options)
    ).train
    #expect(data.classCount == 4 && data.sampleShape == [2])
    let (values, labels) = data.all()
    // With no turns the arms are the half axes.
    for i in 0..<64 {
      let (x, y) = (values[2 * i], values[2 * i + 1])
      let along = [x, y, -x, -y][Int(labels[i])]
      #expect(along > 0 && abs(abs(x) + abs(y) - along) < 1e-6)
    }
  }

  @Test("Figures are brighter than the ground, differ by class, and are all used")
  func shapes() throws {
    let data = try catalog.load(
      DataSpec(
        "shapes", train: 120, standardize: false, options: ["noise": 0, "classes": 6, "size": 24])
    ).train
    #expect(data.sampleShape == [24, 24, 1] && data.classNames?.count == 6)
    let (values, labels) = data.all()
    for label in Int32(0)..<6 { #expect(labels.count { $0 == label } == 20) }
    for i in 0..<120 {
      let image = values[(i * 576)..<((i + 1) * 576)]
      let (low, high) = (image.min() ?? 0, image.max() ?? 0)
      #expect(low >= 0 && high <= 1 && high - low > 0.3)
      let ink = image.count { $0 > (low + high) / 2 }
      #expect(ink > 10 && ink < 400)
    }
  }

  @Test("Too large an order is refused before memory is taken")
  func tooLarge() throws {
    for spec in [
      DataSpec("shapes", train: 9_000_000, options: ["size": 256]),
      DataSpec("spirals", train: 500_000_000),
    ] {
      let error = try failure { _ = try catalog.load(spec) }
      #expect(error.code == .usage && error.help != nil)
    }
    let splits = try catalog.load(DataSpec("spirals", test: 500_000_000))
    #expect(try failure { _ = try splits.test() }.code == .usage)
  }
}
