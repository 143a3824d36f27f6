import CSystem
import Glibc
package import NormaCore

/// Bytes in memory that nobody can change any more, with a descriptor that programs and the dynamic
/// loader can read.
package struct SealedMemory: ~Copyable {
  package let number: Int32

  /// Copies the bytes.
  ///
  /// - Throws: `unavailable` when the system refuses.
  package init(_ bytes: [UInt8]) throws(NormaError) {
    number = bytes.withUnsafeBytes { norma_sealed_memory($0.baseAddress, $0.count) }
    guard number >= 0 else {
      throw NormaError(.unavailable, "no sealed memory for native code: \(reason(errno))")
    }
  }

  deinit { close(number) }

  /// Leaves the descriptor open for the rest of the process.
  package consuming func keep() -> Int32 {
    let number = number
    discard self
    return number
  }
}
