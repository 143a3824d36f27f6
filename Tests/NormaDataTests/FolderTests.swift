import NormaCore
import NormaData
import Testing

@Suite("Folders of files")
struct FolderTests {
  let folder: ScratchFolder
  let catalog = DataCatalog()

  init() throws { folder = try ScratchFolder() }

  /// 12 images of 3 x 2 whose every pixel is the image's number, labelled by number modulo 3.
  func writeIDX(packed: Bool) throws {
    let pixels = (0..<12).flatMap { [UInt8](repeating: UInt8($0), count: 6) }
    try folder.write("train-images-idx3-ubyte", idx([12, 3, 2], pixels))
    try folder.write("train-labels-idx1-ubyte", idx([12], (0..<12).map { UInt8($0 % 3) }))
    try folder.write("t10k-images-idx3-ubyte", idx([4, 3, 2], [UInt8](repeating: 9, count: 24)))
    try folder.write("t10k-labels-idx1-ubyte", idx([4], [0, 1, 2, 3]))
    guard packed else { return }
    for part in ["train", "t10k"] {
      try folder.gzip("\(part)-images-idx3-ubyte")
      try folder.gzip("\(part)-labels-idx1-ubyte")
    }
  }

  @Test("IDX files give the same samples packed and plain", arguments: [false, true])
  func idxFiles(packed: Bool) throws {
    try writeIDX(packed: packed)
    let splits = try catalog.load(
      DataSpec(folder.path, train: 7, validate: 5, seed: 3, standardize: false))
    #expect(splits.train.count == 7 && splits.validate.count == 5)
    #expect(splits.train.sampleShape == [3, 2, 1])
    // The test labels hold a class that training lacks; models must have room for it.
    #expect(splits.train.classCount == 4)
    for (part, count) in [(splits.train, 7), (splits.validate, 5)] {
      let batch = part.all()
      for i in 0..<count {
        let number = Int32((batch.values[i * 6] * 255).rounded())
        #expect(batch.values[(i * 6)..<(i * 6 + 6)].allSatisfy { $0 == batch.values[i * 6] })
        #expect(batch.labels[i] == number % 3)
      }
    }
    #expect(Set(splits.train.rows).isDisjoint(with: splits.validate.rows))
    let test = try splits.test()
    #expect(test.count == 4 && test.all().labels == [0, 1, 2, 3])
  }

  @Test(
    "Damaged IDX files name file, expected and found sizes",
    arguments: [
      (idx([12, 3, 2], [UInt8](repeating: 0, count: 70)), ["expected 88 bytes", "found 86"]),
      (idx([12, 3, 2], [UInt8](repeating: 0, count: 73)), ["longer than the 88 bytes"]),
      (idx([12, 3, 2], [], type: 0x0D), ["0x0d"]),
      ([1, 2, 3, 4, 5], ["01 02 03 04"]),
      ([0, 0], ["expected 4 bytes", "found 2"]),
      ([], ["expected 4 bytes", "found 0"]),
      (idx([0xffff_ffff, 0xffff_ffff, 0xffff_ffff], []), ["declares the shape"]),
      (idx([12, 0x7fff_ffff, 0x7fff], []), ["expected", "found 16"]),
      (idx([12, 0, 2], []), ["[12, 0, 2]"]),
    ])
  func damagedIDX(bytes: [UInt8], expected: [String]) throws {
    try writeIDX(packed: false)
    let path = try folder.write("train-images-idx3-ubyte", bytes)
    let error = try failure { _ = try catalog.load(DataSpec(folder.path)) }
    #expect(error.code == .data)
    #expect(error.message.contains(path))
    for text in expected { #expect(error.message.contains(text), "\(error)") }
  }

  @Test("A packed file cut short or altered is refused, not half used")
  func damagedGzip() throws {
    // Noise does not compress, so that cuts hit the data.
    var random = RandomSource(seed: 1)
    let pixels = (0..<1200).map { _ in UInt8(truncatingIfNeeded: random.next32()) }
    try folder.write("train-images-idx3-ubyte", idx([12, 10, 10], pixels))
    try folder.write("train-labels-idx1-ubyte", idx([12], (0..<12).map { UInt8($0 % 3) }))
    try folder.gzip("train-images-idx3-ubyte")
    let name = "train-images-idx3-ubyte.gz"
    let whole = try folder.read(name)
    #expect(try catalog.load(DataSpec(folder.path)).train.count == 12)

    for cut in [5, 12, 400, whole.count - 12] {
      try folder.write(name, Array(whole.prefix(whole.count - cut)))
      let error = try failure { _ = try catalog.load(DataSpec(folder.path)) }
      #expect(error.code == .data && error.message.contains(name), "cut by \(cut): \(error)")
    }
    var altered = whole
    altered[whole.count / 2] ^= 0x10
    try folder.write(name, altered)
    let error = try failure { _ = try catalog.load(DataSpec(folder.path)) }
    #expect(error.code == .data && error.message.contains(name))
    #expect(error.notes.first?.contains("data check") == true, "\(error)")
  }

  @Test("npy pairs of images and of vectors, with test files or split off")
  func npyPairs() throws {
    let values = (0..<60).map { Float($0) }
    try folder.write("x_train.npy", npy("<f4", "(20, 3)", values))
    try folder.write("y_train.npy", npy("<i8", "(20,)", (0..<20).map { Int64($0 % 2) }))
    let splits = try catalog.load(DataSpec(folder.path, test: 4, standardize: false))
    #expect(splits.train.count == 16 && splits.train.sampleShape == [3])
    let test = try splits.test()
    #expect(test.count == 4 && Set(test.rows).isDisjoint(with: splits.train.rows))
    let none = try failure { _ = try catalog.load(DataSpec(folder.path)).test() }
    #expect(none.code == .inputMissing && none.help?.contains("test = N") == true)

    let pair = try ScratchFolder()
    let pixels = [UInt8](repeating: 51, count: 5 * 2 * 3 * 2)
    try pair.write("images.npy", npy("|u1", "(5, 2, 3, 2)", pixels))
    try pair.write("labels.npy", npy("|u1", "(5,)", [UInt8(0), 1, 2, 1, 0]))
    let images = try catalog.load(DataSpec(pair.path, standardize: false)).train
    #expect(images.sampleShape == [2, 3, 2] && images.classCount == 3)
    #expect(images.all().values.allSatisfy { abs($0 - 0.2) < 1e-7 })
  }

  @Test(
    "Labels that do not fit are refused with the file's name",
    arguments: [
      (npy("<i4", "(3,)", [Int32(0), 1, 2]), "[3]"),
      (npy("<i4", "(4,)", [Int32(0), 1, -2, 1]), "-2"),
      (npy("<f4", "(4,)", [Float(0), 1, 2, 1]), "float32"),
    ])
  func badLabels(bytes: [UInt8], expected: String) throws {
    try folder.write("x_train.npy", npy("<f4", "(4, 1)", [Float(0), 1, 2, 3]))
    try folder.write("y_train.npy", bytes)
    let error = try failure { _ = try catalog.load(DataSpec(folder.path)) }
    #expect(error.code == .data && error.message.contains("y_train.npy"))
    #expect(error.message.contains(expected), "\(error)")
  }

  @Test("Values that are no numbers are found before training finds them")
  func notFinite() throws {
    try folder.write("x_train.npy", npy("<f4", "(3, 1)", [Float(0), .nan, 2]))
    try folder.write("y_train.npy", npy("<i4", "(3,)", [Int32(0), 1, 1]))
    let error = try failure { _ = try catalog.load(DataSpec(folder.path)) }
    #expect(error.code == .data && error.message.contains("element 1"))
  }

  @Test("Missing folders and files say what belongs there")
  func missing() throws {
    let empty = try failure { _ = try catalog.load(DataSpec(folder.path)) }
    #expect(empty.code == .inputMissing && empty.help?.contains("train-images-idx3-ubyte") == true)
    let absent = try failure { _ = try catalog.load(DataSpec("./no/such/folder")) }
    #expect(absent.code == .inputMissing && absent.message.contains("./no/such/folder"))
    try writeIDX(packed: false)
    try folder.remove("train-labels-idx1-ubyte")
    let half = try failure { _ = try catalog.load(DataSpec(folder.path)) }
    #expect(half.code == .inputMissing && half.message.contains("labels"))
  }

  @Test("Test files of another shape than the training files are refused")
  func otherShape() throws {
    try writeIDX(packed: false)
    try folder.write("t10k-images-idx3-ubyte", idx([4, 2, 2], [UInt8](repeating: 9, count: 16)))
    let splits = try catalog.load(DataSpec(folder.path))
    let error = try failure { _ = try splits.test() }
    #expect(error.code == .data && error.message.contains("[2, 2, 1]"))
  }
}
