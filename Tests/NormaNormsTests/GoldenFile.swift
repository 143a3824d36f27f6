import Foundation
import NormaCore
import NormaNorms

/// What PyTorch computed, as `Tests/Golden/make_golden.py` wrote it.
struct GoldenFile: Sendable {
  struct Extent: Decodable, Sendable {
    let offset: Int
    let count: Int
  }
  /// The names of a result's tensors: PyTorch in float32, and in float64 from the same inputs.
  struct Result: Decodable, Sendable {
    let torch: String
    let exact: String
  }
  struct Case: Decodable, Sendable {
    let norm: String
    let hyper: [String: Number]
    let shape: [Int]
    let axis: [Int]
    let modes: [String]
    let x: String
    let dy: String
    let parameters: [String: String]
    let buffers: [String: String]
    let results: [String: Result]

    var spec: NormSpec { NormSpec(norm, hyper.mapValues(\.value)) }
    var title: String { "\(spec.label) \(shape) axis \(axis)" }
  }
  /// A hyper-parameter as JSON writes it: true, 3 or 0.25.
  struct Number: Decodable, Sendable {
    let value: HyperValue

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let flag = try? container.decode(Bool.self) {
        value = .bool(flag)
      } else if let whole = try? container.decode(Int.self) {
        value = .int(whole)
      } else {
        value = .real(try container.decode(Double.self))
      }
    }
  }
  private struct Index: Decodable {
    let tensors: [String: Extent]
    let cases: [Case]
  }

  let cases: [Case]
  private let extents: [String: Extent]
  private let values: [Float]

  /// Reads the files beside the script that made them.
  init() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Golden")
    let index = try JSONDecoder().decode(
      Index.self, from: Data(contentsOf: folder.appending(path: "golden.json")))
    let bytes = try Data(contentsOf: folder.appending(path: "golden.bin"))
    cases = index.cases
    extents = index.tensors
    values = bytes.withUnsafeBytes { raw in
      (0..<raw.count / 4).map {
        Float(
          bitPattern: UInt32(
            littleEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
      }
    }
  }

  /// The values of a tensor, in C order.
  func tensor(_ name: String) throws -> [Float] {
    guard let extent = extents[name], extent.offset + extent.count <= values.count else {
      throw NormaError(.inputMissing, "golden.json has no tensor '\(name)'")
    }
    return Array(values[extent.offset..<extent.offset + extent.count])
  }
}
