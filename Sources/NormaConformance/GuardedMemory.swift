import Glibc
import NormaCore
import NormaSystem

/// Where memory that nothing may touch begins beside a kernel's own: reading or writing there ends the
/// process.
public enum MemoryWall: String, Sendable, CaseIterable {
  /// Nowhere: zones beside the memory are looked at afterwards.
  case none
  /// Right after the last byte.
  case after
  /// Right before the first byte.
  case before
}

/// Memory with a guard zone directly before and directly after it, so that overruns are seen.
///
/// Every byte starts as part of a quiet NaN: what a kernel reads without having written it spoils its
/// result instead of passing for a zero.
final class GuardedMemory {
  /// The first byte; aligned to 64 unless shifted.
  let start: UnsafeMutableRawPointer
  /// The bytes between the guard zones.
  let bytes: Int
  private let base: UnsafeMutableRawPointer
  /// Who frees it; nil where there are walls.
  private let owner: TensorMemory?
  private let total: Int
  private let wall: MemoryWall

  static let guardBytes = 256
  /// A quiet NaN that no arithmetic makes.
  static let pattern: UInt32 = 0x7FE5_A5A5

  /// Allocates; `shift` moves the start away from 64-byte alignment, a multiple of 4. Before a wall the
  /// start is aligned to `alignment` bytes only, so that the end lies as near to it as that allows.
  ///
  /// - Throws: `failure` when the system has no such memory.
  init(
    bytes: Int, shift: Int = 0, wall: MemoryWall = .none, alignment: Int = 4
  ) throws(NormaError) {
    self.bytes = bytes
    let page = GuardedMemory.pageBytes
    var fences: UnsafeMutableRawPointer?
    if wall != .none {
      let inner = (bytes + 63 + page) / page * page
      // Refused only where there is no memory left: the zones must do then.
      fences = mmap(nil, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      if fences == MAP_FAILED { fences = nil }
      if let walled = fences, mprotect(walled + page, inner, PROT_READ | PROT_WRITE) != 0 {
        munmap(walled, inner + 2 * page)
        fences = nil
      }
    }
    if let walled = fences {
      self.wall = wall
      total = (bytes + 63 + page) / page * page
      base = walled + page
      owner = nil
      start = wall == .before ? base : base + (total - bytes) / alignment * alignment
    } else {
      self.wall = .none
      total = (2 * GuardedMemory.guardBytes + shift + bytes + 67) / 64 * 64
      let memory = try TensorMemory(bytes: total)
      base = memory.start
      owner = memory
      start = base + GuardedMemory.guardBytes + shift
    }
    spoil(from: base, count: total)
  }

  private static let pageBytes = sysconf(Int32(_SC_PAGESIZE))

  deinit {
    if owner == nil {
      munmap(base - GuardedMemory.pageBytes, total + 2 * GuardedMemory.pageBytes)
    }
  }

  /// Lets nobody write to walled memory, or lets everybody again.
  func protect(_ isProtected: Bool) {
    guard wall != .none else { return }
    mprotect(base, total, isProtected ? PROT_READ : PROT_READ | PROT_WRITE)
  }

  /// Whether the zones before and after the memory are as they were made.
  var damage: (before: Bool, after: Bool) {
    let end = start + bytes
    return (!isSpoiled(from: base, to: start), !isSpoiled(from: end, to: base + total))
  }

  /// Makes the contents garbage again, or zeros.
  func spoil(withZeros: Bool = false) {
    spoil(from: start, count: bytes)
    if withZeros { start.initializeMemory(as: UInt8.self, repeating: 0, count: bytes) }
  }

  private func spoil(from: UnsafeMutableRawPointer, count: Int) {
    let words = count / 4
    from.assumingMemoryBound(to: UInt32.self).update(repeating: GuardedMemory.pattern, count: words)
    for offset in (4 * words)..<max(count, 4 * words) {
      from.storeBytes(of: byte(at: from + offset), toByteOffset: offset, as: UInt8.self)
    }
  }

  private func isSpoiled(
    from: UnsafeMutableRawPointer, to end: UnsafeMutableRawPointer
  ) -> Bool {
    for offset in 0..<(end - from)
    where from.load(fromByteOffset: offset, as: UInt8.self) != byte(at: from + offset) {
      return false
    }
    return true
  }

  /// The pattern is aligned to 4 from the base, so that every float of it is a NaN.
  private func byte(at address: UnsafeMutableRawPointer) -> UInt8 {
    UInt8(truncatingIfNeeded: GuardedMemory.pattern >> UInt32(((address - base) & 3) * 8))
  }
}

/// A tensor in guarded memory, dense or strided; its values are given and taken in C order.
final class GuardedTensor {
  let count: Int
  let memory: GuardedMemory
  /// Where each element lies; nil when dense in C order.
  private let offsets: [Int]?
  private let storageCount: Int

  /// A dense tensor of `count` elements; throws as memory does.
  init(count: Int, shift: Int = 0, wall: MemoryWall = .none) throws(NormaError) {
    self.count = count
    offsets = nil
    storageCount = count
    memory = try GuardedMemory(bytes: 4 * count, shift: shift, wall: wall)
  }

  /// A tensor with the strides of a layout; throws as memory does.
  init(
    _ layout: TensorLayout, shift: Int = 0, wall: MemoryWall = .none
  ) throws(NormaError) {
    count = layout.count
    if layout.isContiguous {
      offsets = nil
      storageCount = count
    } else {
      let offsets = GuardedTensor.offsets(layout)
      self.offsets = offsets
      storageCount = (offsets.max() ?? -1) + 1
    }
    memory = try GuardedMemory(bytes: 4 * storageCount, shift: shift, wall: wall)
  }

  var pointer: UnsafeMutablePointer<Float> {
    memory.start.assumingMemoryBound(to: Float.self)
  }

  /// The values in C order.
  var values: [Float] {
    if let offsets { return offsets.map { pointer[$0] } }
    return [Float](UnsafeBufferPointer(start: pointer, count: count))
  }

  /// Writes the values; those that are missing stay as they are.
  func set(_ values: [Float]) {
    if let offsets {
      for (offset, value) in zip(offsets, values) { pointer[offset] = value }
    } else {
      for index in 0..<min(count, values.count) { pointer[index] = values[index] }
    }
  }

  /// Whether the tensor holds exactly these bits.
  func holds(_ values: [Float]) -> Bool {
    guard values.count == count else { return false }
    for index in 0..<count
    where pointer[offsets?[index] ?? index].bitPattern != values[index].bitPattern {
      return false
    }
    return true
  }

  /// Whether something was written between the elements of a strided tensor.
  var gapsAreDamaged: Bool {
    guard let offsets else { return false }
    let used = Set(offsets)
    return (0..<storageCount).contains {
      !used.contains($0) && pointer[$0].bitPattern != GuardedMemory.pattern
    }
  }

  private static func offsets(_ layout: TensorLayout) -> [Int] {
    var offsets = [0]
    for (size, stride) in zip(layout.shape, layout.strides) {
      offsets = offsets.flatMap { start in (0..<size).map { start + $0 * stride } }
    }
    return offsets
  }
}
