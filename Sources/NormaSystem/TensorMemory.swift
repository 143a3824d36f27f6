import Glibc
package import NormaCore

/// Memory for tensors and what kernels work with, aligned to 64 bytes, never empty, freed with its owner.
///
/// Large memory lies in huge pages where the system gives them: addresses are looked up in fewer places
/// then, which takes up to a tenth off kernels that go through memory.
package final class TensorMemory {
  package let start: UnsafeMutableRawPointer
  /// As many as were asked for, which may be none.
  package let bytes: Int

  /// Memory of `bytes` zeroes.
  ///
  /// - Throws: `failure` when the system has no such memory.
  package init(bytes: Int) throws(NormaError) {
    guard let start = TensorMemory.allocate(bytes: bytes) else {
      throw NormaError(
        .failure, "no memory for \(bytes >> 20) MiB", help: "use a smaller tensor, batch or model")
    }
    memset(start, 0, bytes)
    self.start = start
    self.bytes = bytes
  }

  deinit { free(start) }

  /// Memory with garbage in it, to be freed by `free`; nil when the system has none.
  private static func allocate(bytes: Int) -> UnsafeMutableRawPointer? {
    let isLarge = bytes >= 2 * hugePage
    let page = isLarge ? hugePage : 64
    let size = max(1, (bytes + page - 1) / page) * page
    var start: UnsafeMutableRawPointer?
    guard posix_memalign(&start, page, size) == 0 else { return nil }
    // Where the system does without, small pages do.
    if isLarge { madvise(start, size, MADV_HUGEPAGE) }
    return start
  }

  private static let hugePage = 2 << 20

  /// How much further in a page each of several tensors had better begin, in bytes: 19 cache lines, so that
  /// seven lie at least 7 lines apart.
  ///
  /// Most sizes are whole pages, and tensors that begin at the same place of a page share the few places
  /// that the first-level cache has for each line; a read that looks like a write on its way waits for it.
  /// Beside tensors one line apart, the hardest case, layer norm with backward was measured to take a
  /// tenth less on 4096 x 1024.
  package static let apart = 19 * 64
  /// The bytes after which places of the first-level cache repeat.
  package static let page = 4096
}

extension TensorMemory {
  /// Memory with these values.
  ///
  /// - Throws: as `init(bytes:)`.
  package convenience init(_ values: [Float]) throws(NormaError) {
    try self.init(bytes: 4 * values.count)
    floats.update(from: values, count: values.count)
  }

  /// Memory for each array, with its values.
  ///
  /// - Throws: as `init(bytes:)`.
  package static func copies(of arrays: [[Float]]) throws(NormaError) -> [TensorMemory] {
    var copies: [TensorMemory] = []
    for array in arrays { copies.append(try TensorMemory(array)) }
    return copies
  }

  /// As much memory as others have, zeroed.
  ///
  /// - Throws: as `init(bytes:)`.
  package static func zeros(like others: [TensorMemory]) throws(NormaError) -> [TensorMemory] {
    var zeros: [TensorMemory] = []
    for other in others { zeros.append(try TensorMemory(bytes: other.bytes)) }
    return zeros
  }

  /// The first of the floats that the memory has.
  package var floats: UnsafeMutablePointer<Float> { start.assumingMemoryBound(to: Float.self) }

  /// A copy of them.
  package var values: [Float] { Array(UnsafeBufferPointer(start: floats, count: bytes / 4)) }
}
