internal import CZlib
internal import Foundation
internal import NormaCore

/// A file read from start to end, decompressed on the way when it is in gzip format.
struct InputFile: ~Copyable {
  let path: String
  /// Bytes on disk, compressed or not.
  let storedSize: Int
  private let handle: gzFile

  /// Opens the file; throws `input_missing` when there is none, `io` when it cannot be read.
  init(_ path: String) throws(NormaError) {
    var info = stat()
    guard stat(path, &info) == 0 else {
      let reason = errno
      throw NormaError(
        reason == ENOENT || reason == ENOTDIR ? .inputMissing : .io,
        "cannot open '\(path)': \(String(cString: strerror(reason)))")
    }
    guard info.st_mode & S_IFMT == S_IFREG else {
      throw NormaError(.io, "'\(path)' is not a regular file")
    }
    guard let handle = gzopen(path, "rb") else {
      throw NormaError(.io, "cannot open '\(path)': \(String(cString: strerror(errno)))")
    }
    gzbuffer(handle, 1 << 18)
    self.path = path
    self.storedSize = Int(info.st_size)
    self.handle = handle
  }

  deinit { gzclose_r(handle) }

  /// Whether the bytes on disk are compressed.
  var isCompressed: Bool { gzdirect(handle) == 0 }

  /// How many decompressed bytes were read.
  var position: Int { Int(gztell(handle)) }

  /// Reads exactly `count` values, or throws `data` naming the sizes; `total` is what the header
  /// declares for the whole file in bytes.
  func array<Element: BitwiseCopyable>(
    of type: Element.Type, count: Int, total: Int
  ) throws(NormaError) -> [Element] {
    guard count > 0 else { return [] }
    let size = MemoryLayout<Element>.stride
    try checkPlausible(total)
    var found = 0
    let values = [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
      found = fill(UnsafeMutableRawBufferPointer(buffer))
      initialized = found / size
    }
    guard found == count * size else { throw shortRead(total: total) }
    return values
  }

  /// The bytes up to the end, or nil when there are more than `limit`.
  func rest(atMost limit: Int) throws(NormaError) -> [UInt8]? {
    var bytes: [UInt8] = []
    let piece = 1 << 20
    while bytes.count <= limit {
      var found = 0
      bytes += [UInt8](unsafeUninitializedCapacity: piece) { buffer, initialized in
        found = fill(UnsafeMutableRawBufferPointer(buffer))
        initialized = found
      }
      if found < piece {
        guard failure == nil else { throw shortRead(total: nil) }
        return bytes.count > limit ? nil : bytes
      }
    }
    return nil
  }

  /// Throws `data` when bytes are left or the checksum at the end is wrong.
  func expectEnd(total: Int) throws(NormaError) {
    var byte: UInt8 = 0
    let found = gzread(handle, &byte, 1)
    guard found != 0 || failure != nil else { return }
    guard found <= 0 else {
      throw NormaError(
        .data, "'\(path)' is longer than the \(total) bytes its header declares",
        help: "the file is damaged or not what its name says; fetch it again")
    }
    throw shortRead(total: total)
  }

  /// Refuses sizes that the bytes on disk or the memory cannot hold, before that is taken for them.
  private func checkPlausible(_ total: Int) throws(NormaError) {
    // Deflate never does better than 1032 to 1.
    let most =
      isCompressed ? storedSize.multipliedReportingOverflow(by: 1032).partialValue : storedSize
    guard total > most else {
      return try MachineMemory.require(
        total, for: "'\(path)'", code: .data, help: "give a smaller file")
    }
    throw NormaError(
      .data,
      "'\(path)' is truncated or damaged: expected \(total) bytes, "
        + "found \(storedSize)\(isCompressed ? " (compressed)" : "")",
      help: "fetch or write the file again")
  }

  /// Fills the buffer as far as the file goes; returns the bytes read.
  private func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard let base = buffer.baseAddress else { return 0 }
    var found = 0
    while found < buffer.count {
      let wanted = min(buffer.count - found, 1 << 22)
      let got = Int(gzread(handle, base + found, UInt32(wanted)))
      guard got > 0 else { break }
      found += got
    }
    return found
  }

  /// What zlib says is wrong, if anything.
  private var failure: String? {
    var code: Int32 = Z_OK
    let text = gzerror(handle, &code)
    guard code != Z_OK, code != Z_STREAM_END else { return nil }
    guard code != Z_ERRNO, let text else { return "reading failed" }
    return String(cString: text).replacing("\(path): ", with: "")
  }

  private func shortRead(total: Int?) -> NormaError {
    NormaError(
      .data,
      "'\(path)' is truncated or damaged: "
        + (total.map { "expected \($0) bytes, found" } ?? "it ends after") + " \(position)"
        + (isCompressed ? " after decompression" : ""),
      notes: failure.map { ["gzip: \($0)"] } ?? [],
      help: "fetch or write the file again")
  }
}
