import Foundation
import NormaCore

/// One block of zeroed memory, aligned to 64 bytes, freed with its owner.
final class Arena {
  let base: UnsafeMutableRawPointer
  let bytes: Int

  /// - Throws: `failure` when the system has no such memory.
  init(bytes: Int) throws(NormaError) {
    var pointer: UnsafeMutableRawPointer?
    guard posix_memalign(&pointer, 64, max(bytes, 64)) == 0, let pointer else {
      throw NormaError(
        .failure, "no memory for \(bytes >> 20) MiB", help: "use a smaller batch or model")
    }
    memset(pointer, 0, max(bytes, 64))
    base = pointer
    self.bytes = bytes
  }

  deinit { free(base) }

  func floats(at offset: Int) -> UnsafeMutablePointer<Float> {
    (base + offset).assumingMemoryBound(to: Float.self)
  }
}
