internal import NormaCore

/// A file in the IDX format of the MNIST family: a header of big-endian sizes, then unsigned bytes.
struct IDX: ~Copyable {
  /// Sizes of the axes; the first counts the items.
  let shape: [Int]
  private let file: InputFile
  private let total: Int

  /// Opens the file and reads its header; throws `data` when it is not IDX of unsigned bytes.
  init(_ path: String) throws(NormaError) {
    let file = try InputFile(path)
    let magic = try file.array(of: UInt8.self, count: 4, total: 4)
    guard magic[0] == 0, magic[1] == 0, (1...4).contains(magic[3]) else {
      let found = magic.map { byte in byte.hex }.joined(separator: " ")
      throw NormaError(
        .data,
        "'\(path)' is not an IDX file: it starts with \(found), expected 00 00 08 and a rank",
        help: "IDX files are those of the MNIST family, gzipped or not")
    }
    guard magic[2] == 8 else {
      throw NormaError(
        .data, "'\(path)' holds IDX element type 0x\(magic[2].hex), expected 0x08 (unsigned bytes)",
        help: "save other types as .npy instead")
    }
    let rank = Int(magic[3])
    let sizes = try file.array(of: UInt32.self, count: rank, total: 4 + 4 * rank)
    let shape = sizes.map { Int(UInt32(bigEndian: $0)) }
    guard let elements = shape.elementCount, elements < Int.max - 64 else {
      throw NormaError(.data, "'\(path)' is damaged: its header declares the shape \(shape)")
    }
    self.shape = shape
    self.total = 4 + 4 * rank + elements
    self.file = file
  }

  /// The bytes of the first `items` items; reading all of them also checks the file's end.
  consuming func read(first items: Int) throws(NormaError) -> [UInt8] {
    let itemSize = shape.dropFirst().reduce(1, *)
    // Only what is asked for is decompressed: it is most of the time until the first step.
    let bytes = try file.array(of: UInt8.self, count: items * itemSize, total: total)
    if items == shape[0] { try file.expectEnd(total: total) }
    return bytes
  }
}

extension UInt8 {
  /// Two hexadecimal digits.
  fileprivate var hex: String { (self < 16 ? "0" : "") + String(self, radix: 16) }
}

extension [Int] {
  /// The product of the sizes, or nil when one is negative or the product overflows.
  var elementCount: Int? {
    var product = 1
    for size in self {
      let (next, overflow) = product.multipliedReportingOverflow(by: size)
      if overflow || size < 0 { return nil }
      product = next
    }
    return product
  }
}
