import NormaCore
import NormaData
import Testing

@Suite("Fashion-MNIST")
struct FashionMNISTTests {
  static let isInstalled = (try? FashionMNIST().locate()) != nil

  @Test("Where it is missing, the message names the package, and doctor does too")
  func missing() throws {
    let catalog = DataCatalog(sources: [FashionMNIST(folder: "/nowhere/fashion"), Spirals()])
    let error = try failure { _ = try catalog.load(DataSpec("fashion-mnist")) }
    #expect(error.code == .inputMissing)
    #expect(error.help?.contains("apt-get install dataset-fashion-mnist") == true)
    let status = catalog.status()
    #expect(status.map(\.name) == ["fashion-mnist", "spirals"])
    #expect(status[0].location == nil && status[0].help == error.help)
    #expect(status[1].location != nil && status[1].help == nil)
  }

  @Test("The package's files are read whole and in part", .enabled(if: isInstalled))
  func installed() throws {
    let catalog = DataCatalog()
    let whole = try catalog.load(DataSpec("fashion-mnist", validate: 5000))
    #expect(whole.train.count == 55000 && whole.validate.count == 5000)
    #expect(whole.train.sampleShape == [28, 28, 1] && whole.train.classCount == 10)
    // Known figures of all 60,000 images; 55,000 of them come close.
    let statistics = try #require(whole.standardization)
    #expect(abs(statistics.mean[0] - 0.2860) < 1e-3)
    #expect(abs(statistics.deviation[0] - 0.3530) < 1e-3)
    let part = try catalog.load(DataSpec("fashion-mnist", train: 300, validate: 100, seed: 1))
    #expect(part.train.count == 300 && part.validate.count == 100)
    #expect(Set(part.train.rows).isDisjoint(with: part.validate.rows))
    let test = try part.test()
    #expect(test.count == 10000)
    // The first test labels, as the file has them.
    #expect((0..<8).map { test.label(at: $0) } == [9, 2, 1, 1, 6, 1, 4, 6])
    let over = try failure {
      _ = try catalog.load(DataSpec("fashion-mnist", train: 59000, validate: 2000))
    }
    #expect(over.message.contains("60000") && over.message.contains("61000"))
    let overTest = try failure {
      _ = try catalog.load(DataSpec("fashion-mnist", train: 9, test: 10001)).test()
    }
    #expect(overTest.help?.contains("10000") == true)
  }
}
