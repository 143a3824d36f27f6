import CNormaABI
import Foundation
import NormaCore

/// A struct of the interface, which starts with its size.
protocol ABIStruct {
  init()
  // The name is the C field's.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  var struct_size: UInt32 { get set }
}

extension norma_plugin: ABIStruct {}
extension norma_norm: ABIStruct {}
extension norma_hyper: ABIStruct {}
extension norma_constraint: ABIStruct {}
extension norma_state: ABIStruct {}
extension norma_input: ABIStruct {}
extension norma_settings: ABIStruct {}
extension norma_plan: ABIStruct {}
extension norma_call: ABIStruct {}
extension norma_layout: ABIStruct {}
extension norma_tensor: ABIStruct {}
extension norma_error: ABIStruct {}
extension norma_definition: ABIStruct {}

extension ABIStruct {
  /// A zeroed struct that carries its size, to be given to a plugin.
  static func sized() -> Self {
    var value = Self()
    value.struct_size = UInt32(MemoryLayout<Self>.size)
    return value
  }

  /// A copy of a plugin's struct: the bytes both sides know, zeros for the rest.
  ///
  /// Version 1.0 is the first, so the least size accepted is that of the whole struct; when a minor
  /// appends a field, the floor stays at the size of 1.0.
  static func read(_ raw: UnsafeRawPointer?, _ what: String) throws(NormaError) -> Self {
    guard let raw else { throw NormaError(.unavailable, "\(what) is missing") }
    guard Int(bitPattern: raw) % MemoryLayout<Self>.alignment == 0 else {
      throw NormaError(.unavailable, "\(what) is not aligned")
    }
    let size = Int(raw.load(as: UInt32.self))
    let floor = MemoryLayout<Self>.size
    guard size >= floor, size <= 1 << 16 else {
      throw NormaError(
        .unavailable, "\(what) has struct_size \(size), and at least \(floor) is needed",
        help: "set struct_size to the sizeof of the struct")
    }
    var value = Self()
    withUnsafeMutableBytes(of: &value) { bytes in
      bytes.copyMemory(from: UnsafeRawBufferPointer(start: raw, count: min(size, bytes.count)))
    }
    return value
  }

  /// Copies of an array whose stride is its first element's size.
  static func readArray(
    _ raw: UnsafeRawPointer?, count: UInt32, _ what: String
  ) throws(NormaError) -> [Self] {
    guard count > 0 else { return [] }
    guard count <= 1000 else { throw NormaError(.unavailable, "\(count) of \(what) are too many") }
    let first = try read(raw, "\(what) 0")
    var values = [first]
    for index in 1..<Int(count) {
      let element = raw.map { $0 + index * Int(first.struct_size) }
      let value = try read(element, "\(what) \(index)")
      guard value.struct_size == first.struct_size else {
        throw NormaError(
          .unavailable,
          "\(what) \(index) has struct_size \(value.struct_size), the first \(first.struct_size)",
          help: "all elements of an array have one size")
      }
      values.append(value)
    }
    return values
  }
}

extension norma_string {
  /// The text.
  ///
  /// - Throws: `unavailable` when it is no UTF-8, too long, or missing though it has a length.
  func text(_ what: String) throws(NormaError) -> String {
    guard length > 0 else { return "" }
    guard let data, length <= 1 << 20 else {
      throw NormaError(.unavailable, "\(what) is no text", notes: ["length \(length)"])
    }
    let bytes = UnsafeRawBufferPointer(start: data, count: Int(length))
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw NormaError(.unavailable, "\(what) is not UTF-8")
    }
    return text
  }
}

/// The texts of an array.
func texts(
  _ pointer: UnsafePointer<norma_string>?, count: UInt32, _ what: String
) throws(NormaError) -> [String] {
  guard count > 0 else { return [] }
  guard let pointer, count <= 1000 else { throw NormaError(.unavailable, "\(what) are missing") }
  var result: [String] = []
  for index in 0..<Int(count) { result.append(try pointer[index].text("\(what) \(index)")) }
  return result
}
