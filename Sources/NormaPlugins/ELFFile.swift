import Foundation
import NormaCore

/// What can be told of a library file without running any of its code.
///
/// The dynamic loader maps a file before it has looked at all of it: a truncated library would end the
/// process with a bus error, so lengths are checked here first.
enum ELFFile {
  /// Throws `unavailable` when the file is no complete shared library for this machine.
  static func requireLibrary(_ path: String) throws(NormaError) {
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw NormaError(
        .unavailable, "it cannot be read: \(String(cString: strerror(errno)))",
        help: "check the permissions of the file")
    }
    defer { try? file.close() }
    let size: UInt64
    let header: Data
    do {
      size = try file.seekToEnd()
      try file.seek(toOffset: 0)
      header = try file.read(upToCount: 64) ?? Data()
    } catch {
      throw NormaError(.unavailable, "it cannot be read", underlying: error)
    }
    guard header.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
      throw notALibrary(size == 0 ? "it is an empty file" : "it is no compiled library")
    }
    guard header.count == 64 else { throw notALibrary("it is cut short at \(size) bytes") }
    guard header[4] == 2, header[5] == 1 else {
      throw notALibrary("it is a library for another kind of machine")
    }
    guard integer(header, 18, 2) == machine else {
      throw notALibrary("it is a library for another kind of processor")
    }
    guard integer(header, 16, 2) == 3 else {
      throw notALibrary("it is an object file or a program, no shared library")
    }
    let tableOffset = integer(header, 32, 8)
    let entrySize = integer(header, 54, 2)
    let entryCount = integer(header, 56, 2)
    guard entrySize >= 56, entryCount > 0, tableOffset <= size,
      entrySize * entryCount <= size - tableOffset
    else { throw notALibrary("it is cut short at \(size) bytes") }
    let table: Data
    do {
      try file.seek(toOffset: tableOffset)
      table = try file.read(upToCount: Int(entrySize * entryCount)) ?? Data()
    } catch {
      throw NormaError(.unavailable, "it cannot be read", underlying: error)
    }
    guard table.count == Int(entrySize * entryCount) else {
      throw notALibrary("it is cut short at \(size) bytes")
    }
    for entry in 0..<Int(entryCount) {
      let at = entry * Int(entrySize)
      let offset = integer(table, at + 8, 8)
      let length = integer(table, at + 32, 8)
      guard offset <= size, length <= size - offset else {
        throw notALibrary("it is cut short at \(size) bytes")
      }
    }
  }

  private static func notALibrary(_ reason: String) -> NormaError {
    NormaError(.unavailable, reason, help: "give a shared library built for this machine")
  }

  #if arch(x86_64)
    private static let machine: UInt64 = 62
  #else
    private static let machine: UInt64 = 183
  #endif

  /// A little-endian integer of `count` bytes.
  private static func integer(_ data: Data, _ offset: Int, _ count: Int) -> UInt64 {
    (0..<count).reversed().reduce(0) { $0 << 8 | UInt64(data[data.startIndex + offset + $1]) }
  }
}
