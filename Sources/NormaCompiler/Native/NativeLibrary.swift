import Glibc
package import NormaCore

/// Machine code in this process. It stays for the process's life: kernels may be running in it.
package final class NativeLibrary: Sendable {
  // SAFETY: the dynamic loader's functions may be called from any thread.
  private nonisolated(unsafe) let handle: UnsafeMutableRawPointer

  /// Loads the bytes of a shared library, from memory: what was verified is what is loaded.
  ///
  /// - Throws: `unavailable` with the reason when it is none, or not one for this machine.
  package init(_ bytes: [UInt8]) throws(NormaError) {
    try SharedObject.check(bytes)
    // The loader takes one path for one library, so the path must never name another: it stays open.
    let number = try SealedMemory(bytes).keep()
    guard let handle = dlopen("/proc/self/fd/\(number)", RTLD_NOW | RTLD_LOCAL) else {
      let why = dlerror().map { String(cString: $0) } ?? "unknown reason"
      close(number)
      throw NormaError(.unavailable, "native code cannot be loaded: \(why)")
    }
    self.handle = handle
  }

  /// The address of an exported name; nil when there is none.
  package func symbol(_ name: String) -> UnsafeMutableRawPointer? { dlsym(handle, name) }
}

/// What a shared library's file must be before the dynamic loader may map it: the loader trusts the
/// sizes in it, and dies of a file that was cut off.
enum SharedObject {
  /// Throws `unavailable` unless the bytes are a whole 64-bit ELF file.
  static func check(_ bytes: [UInt8]) throws(NormaError) {
    guard isWhole(bytes) else {
      throw NormaError(.unavailable, "\(bytes.count) bytes that are no whole shared library")
    }
  }

  private static func isWhole(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { file in
      func number<Number: FixedWidthInteger & BitwiseCopyable>(_ at: Int, _: Number.Type) -> Int? {
        guard at >= 0, at <= file.count - MemoryLayout<Number>.size else { return nil }
        return Int(exactly: file.loadUnaligned(fromByteOffset: at, as: Number.self))
      }
      func holds(_ start: Int?, _ size: Int?) -> Bool {
        guard let start, let size, start >= 0, size >= 0 else { return false }
        let (end, overflow) = start.addingReportingOverflow(size)
        return !overflow && end <= file.count
      }
      guard file.count >= 64, file.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2]),
        let segments = number(32, UInt64.self), let segmentSize = number(54, UInt16.self),
        let segmentCount = number(56, UInt16.self), let sections = number(40, UInt64.self),
        let sectionSize = number(58, UInt16.self), let sectionCount = number(60, UInt16.self),
        segmentSize >= 56, segmentCount > 0, holds(segments, segmentSize * segmentCount),
        // The table of sections is the last thing a linker writes.
        holds(sections, sectionSize * sectionCount)
      else { return false }
      return (0..<segmentCount).allSatisfy { index in
        let segment = segments + index * segmentSize
        return holds(number(segment + 8, UInt64.self), number(segment + 32, UInt64.self))
      }
    }
  }
}
