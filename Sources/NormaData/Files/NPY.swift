public import NormaCore

/// NumPy's array files: little-endian, C order, format versions 1 to 3.
public enum NPY {
  /// Reads float32, float64, uint8, int32 or int64 of any shape.
  ///
  /// - Throws: `input_missing`, `io`, or `data` naming the file and what was expected and found.
  public static func read(_ path: String) throws(NormaError) -> NPYArray {
    try NPYFile(path).read(first: nil)
  }

  /// Reads float32 or float64 of any shape; any other element type is a `data` error naming it.
  public static func readFloating(_ path: String) throws(NormaError) -> NPYArray {
    let file = try NPYFile(path)
    guard file.isFloating else {
      throw NormaError(
        .data, "'\(path)' holds elements of type \(file.dtype), expected float32 or float64",
        help: "convert it in Python: numpy.save(path, array.astype('float32'))")
    }
    return try file.read(first: nil)
  }

  /// Writes float32 in C order, format version 1; the file appears under its name only when complete.
  ///
  /// - Throws: `usage` when `values` do not fill `shape`, `io` when writing fails.
  public static func write(
    _ values: [Float], shape: [Int], to path: String
  ) throws(NormaError) {
    guard shape.elementCount == values.count else {
      throw NormaError(.usage, "\(values.count) values do not fill the shape \(shape)")
    }
    let sizes = shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(sizes)), }"
    // NumPy aligns the data to 64 bytes: 10 bytes before the dictionary, a newline after it.
    let unpadded = 10 + text.utf8.count + 1
    text += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
    let length = UInt16(clamping: text.utf8.count)
    var header: [UInt8] = Array(NPYFile.magic) + [1, 0]
    header += [UInt8(truncatingIfNeeded: length), UInt8(truncatingIfNeeded: length >> 8)]
    header += Array(text.utf8)
    let output = try ReplacingFile(path)
    try output.write(header)
    try output.write(values)
    try output.commit()
  }
}

/// An open `.npy` file whose header has been read.
struct NPYFile: ~Copyable {
  static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]

  /// Sizes of the axes.
  let shape: [Int]
  /// NumPy's type string, such as `<f4`.
  let dtype: String
  private let file: InputFile
  private let dataStart: Int
  private let total: Int

  private static let sizes = ["<f4": 4, "<f8": 8, "|u1": 1, "<u1": 1, "<i4": 4, "<i8": 8]

  /// Opens the file and checks that its header describes an array that can be read.
  init(_ path: String) throws(NormaError) {
    let file = try InputFile(path)
    let start = try file.array(of: UInt8.self, count: 8, total: 8)
    guard Array(start[..<6]) == NPYFile.magic else {
      throw NormaError(
        .data, "'\(path)' is not an .npy file: it does not start with \\x93NUMPY",
        help: "write it with numpy.save")
    }
    guard (1...3).contains(start[6]) else {
      throw NormaError(
        .data, "'\(path)' has .npy format version \(start[6]).\(start[7]), expected 1, 2 or 3")
    }
    let lengthSize = start[6] == 1 ? 2 : 4
    let digits = try file.array(of: UInt8.self, count: lengthSize, total: 8 + lengthSize)
    let length = digits.reversed().reduce(0) { $0 << 8 | Int($1) }
    let dataStart = 8 + lengthSize + length
    let text = try file.array(of: UInt8.self, count: length, total: dataStart)
    guard let header = NPYHeader(String(decoding: text, as: UTF8.self)) else {
      throw NormaError(
        .data, "'\(path)' is damaged: its header is not the dictionary that NumPy writes",
        help: "write it again with numpy.save")
    }
    guard let size = NPYFile.sizes[header.dtype] else {
      throw NormaError(
        .data, "'\(path)' holds elements of type \(header.dtype), which cannot be read",
        help: "convert it in Python: numpy.save(path, array.astype('<f4'))")
    }
    guard !header.isFortranOrder || header.shape.count < 2 else {
      throw NormaError(
        .data, "'\(path)' is in Fortran order (fortran_order: True), expected C order",
        help: "save numpy.ascontiguousarray(array) instead")
    }
    guard let bytes = (header.shape + [size]).elementCount, bytes < Int.max - dataStart else {
      throw NormaError(.data, "'\(path)' is damaged: its header declares the shape \(header.shape)")
    }
    shape = header.shape
    dtype = header.dtype
    self.file = file
    self.dataStart = dataStart
    total = dataStart + bytes
  }

  var isFloating: Bool { dtype == "<f4" || dtype == "<f8" }

  /// Reads all elements, or the first `items` along axis 0.
  consuming func read(first items: Int?) throws(NormaError) -> NPYArray {
    var shape = self.shape
    if let items, !shape.isEmpty { shape[0] = min(items, shape[0]) }
    let count = shape.reduce(1, *)
    let values: NPYArray.Values
    switch dtype {
    case "<f4": values = .float32(try file.array(of: Float.self, count: count, total: total))
    case "<f8": values = .float64(try file.array(of: Double.self, count: count, total: total))
    case "<i4": values = .int32(try file.array(of: Int32.self, count: count, total: total))
    case "<i8": values = .int64(try file.array(of: Int64.self, count: count, total: total))
    default: values = .uint8(try file.array(of: UInt8.self, count: count, total: total))
    }
    if shape == self.shape { try file.expectEnd(total: total) }
    return NPYArray(shape: shape, values: values)
  }
}
