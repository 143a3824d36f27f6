import Foundation

/// A folder for one test's files, gone when the test is.
final class Workbench {
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "norma-test-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  /// Writes an array as NumPy does; returns its path.
  func array(
    _ name: String, _ shape: [Int], _ values: [Double], type: String = "<f4", fortran: Bool = false
  ) throws -> String {
    let sizes = shape.map { "\($0)," }.joined()
    var header =
      "{'descr': '\(type)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': (\(sizes))}"
    header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
    var data = Data([0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0])
    data += Data(header.utf8)
    for value in values {
      switch type {
      case "<f8": withUnsafeBytes(of: value) { data += Data($0) }
      case "<i4": withUnsafeBytes(of: Int32(value)) { data += Data($0) }
      default: withUnsafeBytes(of: Float(value)) { data += Data($0) }
      }
    }
    try data.write(to: folder.appending(path: name))
    return path(name)
  }

  /// Reads a float32 array: its header's shape as text and its values.
  func read(_ name: String) throws -> (shape: String, values: [Float]) {
    let data = try Data(contentsOf: folder.appending(path: name))
    let length = Int(data[8]) | Int(data[9]) << 8
    let header = String(decoding: data[10..<10 + length], as: UTF8.self)
    let shape = header.split(separator: "(").last?.split(separator: ")").first ?? ""
    let count = (data.count - 10 - length) / 4
    let values = (0..<count).map { index in
      let start = 10 + length + 4 * index
      let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(data[start + $1]) << (8 * $1) }
      return Float(bitPattern: bits)
    }
    return (String(shape), values)
  }

  /// The names in a folder, sorted.
  func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(folder)).sorted()
  }

  /// Deterministic numbers that look like data.
  static func numbers(_ count: Int, seed: Int = 1) -> [Double] {
    (0..<count).map { sin(Double(($0 + 1) * (seed * 37 + 11))) * 2 + 0.3 }
  }
}
