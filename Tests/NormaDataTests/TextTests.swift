import Foundation
import NormaCore
import NormaData
import Testing

@Suite("Texts")
struct TextTests {
  private let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  private func text(_ count: Int) -> [UInt8] {
    (0..<count).map { (i: Int) -> UInt8 in
      let letter: Int = (i * i + i / 7) % 13
      return UInt8(97 + letter)
    }
  }

  @Test("Parts follow each other; labels are the symbols that come next")
  func splits() throws {
    let bytes = text(1000)
    let path = try scratch.write("a.txt", bytes)
    let splits = try DataCatalog().load(DataSpec(path, test: 50)).windows(of: 8)
    #expect(splits.train.extent == 850 && splits.validate.extent == 100)
    #expect(splits.train.count == 842 && splits.train.samplesPerEpoch == 106)
    #expect(splits.train.sampleShape == [8] && splits.train.labelCount == 8)
    let alphabet = try #require(splits.train.samples.alphabet)
    #expect(alphabet == Set(bytes).sorted() && splits.train.classCount == alphabet.count)
    func check(_ part: DataSet, at start: Int, step: Int) {
      var values = [Float](repeating: -1, count: part.count * 8)
      var labels = [Int32](repeating: -1, count: part.count * 8)
      part.fill(0..<part.count, into: &values, labels: &labels)
      for i in values.indices {
        let place = start + i / 8 * step + i % 8
        #expect(alphabet[Int(values[i])] == bytes[place])
        #expect(alphabet[Int(labels[i])] == bytes[place + 1])
      }
    }
    check(splits.train, at: 0, step: 1)
    check(splits.validate, at: 850, step: 8)
    let test = try splits.test()
    check(test, at: 950, step: 8)
    #expect(splits.validate.count == 12 && test.count == 6)
    // More training moves neither of the others.
    let few = try DataCatalog().load(DataSpec(path, train: 20, validate: 100, test: 50))
      .windows(of: 8)
    check(few.validate, at: 850, step: 8)
    #expect(few.train.extent == 20)
  }

  @Test("Training draws random windows by the seed alone")
  func sampling() throws {
    let path = try scratch.write("a.txt", text(1000))
    let data = try DataCatalog().load(DataSpec(path)).windows(of: 16).train
    func batches(_ seed: UInt64, _ count: Int) throws -> [[Float]] {
      var sampler = try BatchSampler(over: data, batchSize: 4, seed: seed)
      #expect(sampler.batchesPerEpoch == 14)
      return (0..<count).map { _ in
        var values = [Float](repeating: -1, count: 64)
        var labels = [Int32](repeating: -1, count: 64)
        #expect(sampler.fill(from: data, into: &values, labels: &labels) == 4)
        #expect(labels[0] == Int32(values[1]) && labels.allSatisfy { $0 >= 0 })
        return values
      }
    }
    let first = try batches(1, 30)
    #expect(try batches(1, 30) == first)
    #expect(try batches(2, 30) != first)
    #expect(Set(first).count > 28)
    var late = try BatchSampler(
      count: data.count, drawn: data.samplesPerEpoch, batchSize: 4, seed: 1,
      at: .init(epoch: 1, step: 3))
    var values = [Float](repeating: -1, count: 64)
    var labels = [Int32](repeating: -1, count: 64)
    _ = late.fill(from: data, into: &values, labels: &labels)
    #expect(values == first[17])
  }

  @Test("Compressed texts are the same texts; any byte is a symbol")
  func compressed() throws {
    let bytes = (0..<3000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let plain = try scratch.write("a.txt", bytes)
    try scratch.write("b.txt", bytes)
    try scratch.gzip("b.txt")
    let a = try DataCatalog().load(DataSpec(plain)).windows(of: 5)
    let b = try DataCatalog().load(DataSpec(scratch.path + "/b.txt.gz")).windows(of: 5)
    #expect(a.train.classCount == 256)
    for (one, other) in [(a.train, b.train), (a.validate, b.validate)] {
      var x = [Float](repeating: 0, count: one.count * 5)
      var y = x
      var labels = [Int32](repeating: 0, count: x.count)
      one.fill(0..<one.count, into: &x, labels: &labels)
      other.fill(0..<other.count, into: &y, labels: &labels)
      #expect(x == y)
    }
    var packed = try scratch.read("b.txt.gz")
    packed.removeLast(packed.count / 2)
    let cut = try scratch.write("c.txt.gz", packed)
    let error = try failure { _ = try DataCatalog().load(DataSpec(cut)) }
    #expect(error.code == .data && error.message.contains("truncated"))
  }

  @Test("A saved alphabet numbers another text; a strange byte is named with its place")
  func alphabets() throws {
    let path = try scratch.write("a.txt", Array("the cat sat on the mat, the cat sat.".utf8))
    let alphabet = Array(" ,.acehmnostx".utf8)
    let part = try DataCatalog().test(
      DataSpec(path, test: 5), standardization: nil, alphabet: alphabet)
    #expect(part.classCount == 13 && part.extent == 5)
    #expect(try part.windows(of: 4).count == 1)
    let error = try failure {
      _ = try DataCatalog().test(
        DataSpec(path), standardization: nil, alphabet: Array("the cat sonm,".utf8))
    }
    #expect(error.message.contains("byte 46 at position 35"))
  }

  @Test("What is missing, empty or too short is said with a remedy")
  func mistakes() throws {
    let catalog = DataCatalog()
    let missing = try failure { _ = try catalog.load(DataSpec(scratch.path + "/none.txt")) }
    #expect(missing.code == .inputMissing && missing.message.contains("none.txt"))
    let package = TextFile(
      path: scratch.path + "/jargon.txt.gz", name: "jargon-text",
      remedy: "`apt-get install jargon-text` provides it")
    let absent = try failure { _ = try DataSplits(DataSpec("jargon-text"), from: package) }
    #expect(absent.code == .inputMissing && absent.help?.contains("apt-get install") == true)
    let empty = try scratch.write("empty.txt", [])
    #expect(try failure { _ = try catalog.load(DataSpec(empty)) }.message.contains("is empty"))
    let short = try scratch.write("short.txt", text(100))
    let splits = try catalog.load(DataSpec(short))
    let error = try failure { _ = try splits.windows(of: 64) }
    #expect(error.message.contains("validation part has 10 symbols") && error.help != nil)
    #expect(try splits.windows(of: 9).validate.count == 1)
    for spec in [
      DataSpec(short, train: 90, validate: 20), DataSpec(short, validate: -1),
      DataSpec(short, train: 1000), DataSpec(short, validate: 100),
    ] {
      #expect(try failure { _ = try catalog.load(spec) }.code == .usage)
    }
    #expect(try failure { _ = try splits.test() }.help?.contains("test = N") == true)
    #expect(catalog.names.contains("jargon-text"))
    let unknown = try failure { _ = try catalog.load(DataSpec("jargon-txt")) }
    #expect(unknown.message.contains("did you mean 'jargon-text'"))
  }
}
