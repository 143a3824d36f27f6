import Foundation
import NormaCore
import NormaData
import Testing

/// A folder that lives as long as a test.
final class ScratchFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "norma-data-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    return "\(path)/\(name)"
  }

  /// Packs a file of this folder with the gzip program.
  func gzip(_ name: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "\(path)/\(name)"]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }
}

/// An IDX file's bytes.
func idx(_ shape: [Int], _ values: [UInt8], type: UInt8 = 8) -> [UInt8] {
  var bytes: [UInt8] = [0, 0, type, UInt8(shape.count)]
  for size in shape {
    for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: size >> shift)) }
  }
  return bytes + values
}

/// An `.npy` file's bytes, with the header as given.
func npy(_ header: String, _ values: [UInt8], version: UInt8 = 1) -> [UInt8] {
  let text = Array((header + "\n").utf8)
  var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [version, 0]
  for shift in version == 1 ? [0, 8] : [0, 8, 16, 24] {
    bytes.append(UInt8(truncatingIfNeeded: text.count >> shift))
  }
  return bytes + text + values
}

func npy<Element: BitwiseCopyable>(_ descr: String, _ shape: String, _ values: [Element]) -> [UInt8]
{
  npy(
    "{'descr': '\(descr)', 'fortran_order': False, 'shape': \(shape), }",
    values.withUnsafeBytes { Array($0) })
}

/// Runs `body`, which must throw, and returns its error.
func failure(
  _ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
) throws -> NormaError {
  try #require(throws: NormaError.self, sourceLocation: sourceLocation) { try body() }
}

extension ScratchFolder {
  func read(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
  }

  func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: "\(path)/\(name)")
  }
}

extension DataSet {
  /// All samples of this part, in order.
  func all() -> (values: [Float], labels: [Int32]) {
    var values = [Float](repeating: .nan, count: count * sampleSize)
    var labels = [Int32](repeating: -1, count: count)
    values.withUnsafeMutableBufferPointer { values in
      labels.withUnsafeMutableBufferPointer { labels in
        guard let values = values.baseAddress, let labels = labels.baseAddress else { return }
        fill(0..<count, into: values, labels: labels)
      }
    }
    return (values, labels)
  }
}
