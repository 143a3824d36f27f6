import Foundation
import NormaCore

/// One block of zeroed memory, aligned to 64 bytes, freed with its owner.
final class Arena {
  let base: UnsafeMutableRawPointer
  let bytes: Int

  /// - Throws: `failure` when the system has no such memory.
  init(bytes: Int) throws(NormaError) {
    // More would be promised by the system and then kill the process.
    let available = ProcessInfo.processInfo.physicalMemory
    guard bytes < Int(clamping: available) else {
      throw NormaError(
        .failure, "the network needs \(bytes >> 20) MiB, the machine has \(available >> 20) MiB",
        help: "use a smaller batch or model")
    }
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
