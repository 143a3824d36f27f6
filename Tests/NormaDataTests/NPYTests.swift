import Foundation
import NormaCore
import NormaData
import Testing

@Suite("npy files")
struct NPYTests {
  let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  @Test(
    "The header variants that NumPy has written over the years are read",
    arguments: [
      (UInt8(1), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"),
      (UInt8(2), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"),
      (UInt8(3), "{'shape': (2, 3), 'descr': '<f4', 'fortran_order': False}"),
      (UInt8(1), "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2L, 3L)}         "),
    ])
  func headers(version: UInt8, header: String) throws {
    let values: [Float] = [1, -2, 3.5, 0, .infinity, .leastNonzeroMagnitude]
    let path = try folder.write(
      "a.npy", npy(header, values.withUnsafeBytes { Array($0) }, version: version))
    let array = try NPY.readFloating(path)
    #expect(array.shape == [2, 3])
    #expect(array.floats == values)
  }

  @Test("Every supported element type keeps its values")
  func types() throws {
    let double = try NPY.read(folder.write("d.npy", npy("<f8", "(2,)", [1e300, -0.1])))
    #expect(double.doubles == [1e300, -0.1] && double.dtype == "float64")
    let byte = try NPY.read(folder.write("b.npy", npy("|u1", "(3,)", [UInt8(0), 7, 255])))
    #expect(byte.integers == [0, 7, 255] && byte.floats == [0, 7, 255])
    let int = try NPY.read(folder.write("i.npy", npy("<i4", "(2,)", [Int32(-1), 9])))
    #expect(int.integers == [-1, 9])
    let long = try NPY.read(folder.write("l.npy", npy("<i8", "(1,)", [Int64.min])))
    #expect(long.integers == [Int64.min] && long.dtype == "int64")
  }

  @Test("Scalars and empty arrays are arrays, too")
  func degenerate() throws {
    let scalar = try NPY.read(folder.write("s.npy", npy("<f4", "()", [Float(4)])))
    #expect(scalar.shape == [] && scalar.count == 1 && scalar.floats == [4])
    let empty = try NPY.read(folder.write("e.npy", npy("<f8", "(0, 5, 3)", [Double]())))
    #expect(empty.shape == [0, 5, 3] && empty.count == 0 && empty.doubles.isEmpty)
    // For one axis both orders are the same.
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }"
    let path = try folder.write("f.npy", npy(header, [0, 0, 128, 63]))
    #expect(try NPY.read(path).floats == [1])
  }

  @Test(
    "What was written is what is read, aligned as NumPy does it",
    arguments: [
      [], [0], [5], [7, 5], [2, 0, 3], [2, 3, 5, 1, 2],
    ])
  func roundTrip(shape: [Int]) throws {
    let values = (0..<shape.reduce(1, *)).map { Float($0) * 0.1 }
    let path = folder.path + "/out.npy"
    try NPY.write(values, shape: shape, to: path)
    let array = try NPY.readFloating(path)
    #expect(array.shape == shape && array.floats == values)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect((bytes.count - 4 * values.count) % 64 == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["out.npy"])
  }

  @Test("NumPy reads what is written", .enabled(if: hasNumPy))
  func numpyReads() throws {
    let path = folder.path + "/out.npy"
    try NPY.write([1, 2, 3, 4, 5, 6], shape: [3, 2], to: path)
    let text = try python("import numpy,sys; a=numpy.load('\(path)'); print(a.dtype, a.tolist())")
    #expect(text == "float32 [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]\n")
  }

  @Test(
    "A file that cannot be read says why, with the file and what was found",
    arguments: [
      (npy("<f2", "(2,)", [UInt16(0), 0]), "<f2"),
      (npy(">f4", "(1,)", [Float(0)]), ">f4"),
      (npy("|b1", "(1,)", [UInt8(0)]), "|b1"),
      (
        npy("{'descr': [('a', '<f4'), ('b', '<i4')], 'fortran_order': False, 'shape': (1,), }", []),
        "[('a', '<f4'), ('b', '<i4')]"
      ),
      (npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", []), "Fortran order"),
      (npy("<f4", "(2, 3)", [Float](repeating: 0, count: 5)), "expected"),
      (npy("<f4", "(2, 3)", [Float](repeating: 0, count: 7)), "longer than"),
      (npy("<f4", "(4611686018427387904, 4)", [Float]()), "declares the shape"),
      (npy("<f4", "(99999999999,)", [Float(0)]), "expected"),
      (npy("<f4", "(-1,)", [Float(0)]), "not the dictionary"),
      (npy("not a dictionary", []), "not the dictionary"),
      (npy("{'descr': '<f4', 'fortran_order': False, }", []), "not the dictionary"),
      (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1", []), "not the dictionary"),
      (npy("", [], version: 4), "format version 4"),
      (Array("hello, world".utf8), "not an .npy file"),
      ([0x93, 0x4E], "truncated"),
      ([], "truncated"),
    ])
  func malformed(bytes: [UInt8], expected: String) throws {
    let path = try folder.write("bad.npy", bytes)
    let error = try failure { _ = try NPY.read(path) }
    #expect(error.code == .data)
    #expect(error.message.contains(expected), "\(error)")
    #expect(error.message.contains(path))
  }

  @Test("A truncated file names the sizes")
  func truncated() throws {
    let whole = npy("<f4", "(2, 3)", [Float](repeating: 0, count: 6))
    let path = try folder.write("short.npy", Array(whole.dropLast(3)))
    let error = try failure { _ = try NPY.read(path) }
    #expect(error.message.contains("\(whole.count) bytes"))
    #expect(error.message.contains("found \(whole.count - 3)"))
  }

  @Test("Integers where floats are needed name the type")
  func floatingOnly() throws {
    let path = try folder.write("i.npy", npy("<i8", "(1,)", [Int64(3)]))
    let error = try failure { _ = try NPY.readFloating(path) }
    #expect(error.code == .data && error.message.contains("<i8"))
    #expect(error.help?.contains("float32") == true)
  }

  @Test("Missing files and folders are told apart from bad ones")
  func missing() throws {
    let absent = try failure { _ = try NPY.read(folder.path + "/none.npy") }
    #expect(absent.code == .inputMissing && absent.message.contains("none.npy"))
    let directory = try failure { _ = try NPY.read(folder.path) }
    #expect(directory.code == .io)
    let unwritable = try failure { try NPY.write([1], shape: [1], to: folder.path + "/no/x.npy") }
    #expect(unwritable.code == .io && unwritable.help != nil)
    let wrong = try failure { try NPY.write([1], shape: [2], to: folder.path + "/x.npy") }
    #expect(wrong.code == .usage)
  }
}

let hasNumPy = (try? python("import numpy")) != nil

/// Runs a Python program and returns what it printed.
func python(_ program: String) throws -> String {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["python3", "-c", program]
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = FileHandle.nullDevice
  try process.run()
  let data = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else { throw NormaError(.unavailable, "python3 failed") }
  return String(decoding: data, as: UTF8.self)
}
