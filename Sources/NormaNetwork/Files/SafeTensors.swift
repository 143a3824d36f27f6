import Foundation
public import NormaCore

/// A safetensors file: named arrays and text metadata, readable by Python's `safetensors`.
///
/// Layout: the header's length (8 bytes, little-endian), the header as JSON, the arrays' bytes.
public struct SafeTensors: Sendable {
  /// A named array.
  public struct Tensor: Sendable, Hashable {
    /// The name.
    public let name: String
    /// The shape; empty for a scalar.
    public let shape: [Int]
    /// The elements in C order.
    public let values: [Float]

    /// Makes an array; `values` has as many elements as `shape` says.
    public init(name: String, shape: [Int], values: [Float]) {
      self.name = name
      self.shape = shape
      self.values = values
    }
  }

  /// The arrays in the order of the file.
  public var tensors: [Tensor]
  /// Free text by key.
  public var metadata: [String: String]

  /// Makes the contents of a file.
  public init(tensors: [Tensor], metadata: [String: String] = [:]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  /// The array of that name.
  public func tensor(_ name: String) -> Tensor? { tensors.first { $0.name == name } }

  /// The key of a hash of all else in the file.
  private static let sealKey = "norma.sha256"

  /// Adds a hash of names, shapes, values and metadata.
  mutating func seal() throws(NormaError) { metadata[Self.sealKey] = try contentHash() }

  /// Whether the contents are those that were sealed; nil for a file that never was.
  func isAsSealed() throws(NormaError) -> Bool? {
    guard let sealed = metadata[Self.sealKey] else { return nil }
    return try sealed == contentHash()
  }

  private func contentHash() throws(NormaError) -> String {
    var text = ""
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) where key != Self.sealKey {
      text += "\(key.utf8.count) \(key) \(value.utf8.count) \(value)\n"
    }
    for tensor in tensors.sorted(by: { $0.name < $1.name }) {
      let values = tensor.values.withUnsafeBytes { bytes in
        Result { () throws(NormaError) in try Digest(of: bytes) }
      }
      text += "\n\(tensor.name.utf8.count) \(tensor.name) \(tensor.shape) \(try values.get())"
    }
    return try Digest(of: text.utf8).hexadecimal
  }

  /// Writes the file beside `path`, syncs it and renames it, so that `path` is never half written.
  ///
  /// - Throws: `io` with the path and the system's reason.
  public func write(to path: String) throws(NormaError) {
    var header: [String: Any] = [:]
    if !metadata.isEmpty { header["__metadata__"] = metadata }
    var offset = 0
    for tensor in tensors {
      let end = offset + 4 * tensor.values.count
      header[tensor.name] = [
        "dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, end],
      ]
      offset = end
    }
    var text: Data
    do {
      text = try JSONSerialization.data(
        withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes])
    } catch {
      throw NormaError(.internal, "the header of '\(path)' is no JSON", underlying: error)
    }
    // The arrays begin on a multiple of 8 bytes.
    text.append(contentsOf: [UInt8](repeating: 0x20, count: (8 - text.count % 8) % 8))
    let file = try FileBeside(path)
    try file.write([UInt64(text.count).littleEndian])
    try file.write([UInt8](text))
    for tensor in tensors { try file.write(tensor.values) }
    try file.finish()
  }

  /// Reads a file.
  ///
  /// - Throws: `input_missing` when there is none; `data` when it is truncated or malformed, saying where.
  public init(contentsOf path: String) throws(NormaError) {
    guard FileManager.default.fileExists(atPath: path) else {
      throw NormaError(.inputMissing, "no file '\(path)'", help: "check the path")
    }
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    } catch {
      throw NormaError(
        .io, "'\(path)' cannot be read", help: "give the path of a .safetensors file",
        underlying: error)
    }
    func malformed(_ what: String) -> NormaError {
      NormaError(
        .data, "'\(path)' is no whole safetensors file: \(what)",
        help: "copy or save the file again")
    }
    guard data.count >= 8 else { throw malformed("it has \(data.count) bytes, less than 8") }
    let length = (0..<8).reduce(UInt64(0)) { $0 | UInt64(data[data.startIndex + $1]) << (8 * $1) }
    guard length <= UInt64(data.count - 8) else {
      throw malformed("its header should have \(length) bytes, \(data.count - 8) are left")
    }
    let start = 8 + Int(length)
    guard
      let object = try? JSONSerialization.jsonObject(
        with: data.subdata(in: data.startIndex + 8..<data.startIndex + start)),
      let header = object as? [String: Any]
    else { throw malformed("its header is not a JSON object") }

    var found: [(offset: Int, tensor: Tensor)] = []
    for (name, value) in header where name != "__metadata__" {
      guard let entry = value as? [String: Any], let type = entry["dtype"] as? String,
        let shape = entry["shape"] as? [Int], let offsets = entry["data_offsets"] as? [Int],
        offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1],
        shape.allSatisfy({ $0 >= 0 })
      else { throw malformed("the entry '\(name)' is malformed") }
      guard type == "F32" else {
        throw NormaError(
          .data, "'\(path)': '\(name)' has type \(type)", help: "save it as float32")
      }
      guard offsets[1] <= data.count - start else {
        throw malformed(
          "'\(name)' should end at byte \(start + offsets[1]), the file has \(data.count)")
      }
      var count = 1
      for size in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow else { throw malformed("the shape of '\(name)' is too large") }
        count = product
      }
      guard offsets[1] - offsets[0] == 4 * count else {
        throw malformed("'\(name)' has shape \(shape) but \(offsets[1] - offsets[0]) bytes")
      }
      var values = [Float](repeating: 0, count: count)
      values.withUnsafeMutableBytes { target in
        let from = data.startIndex + start + offsets[0]
        _ = data.copyBytes(to: target, from: from..<from + 4 * count)
      }
      found.append((offsets[0], Tensor(name: name, shape: shape, values: values)))
    }
    tensors = found.sorted { ($0.offset, $0.tensor.name) < ($1.offset, $1.tensor.name) }
      .map(\.tensor)
    metadata = header["__metadata__"] as? [String: String] ?? [:]
  }
}
