import CKernels
import NormaCore

/// Memory that lives as long as a plan and is read by C.
final class Frozen<Element>: @unchecked Sendable {
  // SAFETY: written only by init, freed only by deinit.
  let pointer: UnsafeMutablePointer<Element>
  let count: Int

  init(_ elements: [Element]) {
    count = elements.count
    pointer = .allocate(capacity: max(count, 1))
    pointer.initialize(from: elements, count: count)
  }

  var buffer: UnsafeMutableBufferPointer<Element> { .init(start: pointer, count: count) }

  deinit {
    pointer.deinitialize(count: count)
    pointer.deallocate()
  }
}

/// One direction of a program (forward or backward) on one tensor shape, ready to run.
struct TilePlan: Sendable {
  /// What a shared array is filled from before the first pass.
  enum Source: Sendable {
    case parameter(Int), buffer(Int), hyper(Int), constant(Double), table([Double]), saved(Int)
  }
  struct Load: Sendable {
    let source: Source
    let offset: Int
    let count: Int
  }
  /// A saved array's part that belongs to a slice.
  struct SavedMove: Sendable {
    /// Which saved value; where it starts is in `savedOffsets`.
    let number: Int
    /// Elements a slice row (at level rows) or a slice has.
    let count: Int
    let place: ck_place
  }
  /// A shared array's part that belongs to a slice, at level channel, which the interpreter does not know:
  /// parameters and buffers before a slice's passes, new buffers and parameters' gradients after.
  struct SharedMove: Sendable {
    /// Where the shared array starts, and the part in the worker's area.
    let sharedOffset: Int
    let workerOffset: Int
    /// Elements that a slice has.
    let count: Int
  }
  /// Sums of units that become one of the whole.
  struct Merge: Sendable {
    enum Family: Sendable { case sum, moments, max, min }
    let family: Family
    let unitOffset: Int
    let sharedOffset: Int
    let count: Int

    /// What a unit's sums begin with: whoever runs the unit writes it, so that it lies in that thread's
    /// cache.
    var beginning: Fill {
      let value: Double =
        switch family {
        case .sum, .moments: 0
        case .max: -.infinity
        case .min: .infinity
        }
      return Fill(offset: unitOffset, count: count * (family == .moments ? 4 : 1), value: value)
    }
  }
  struct Fill: Sendable {
    let offset: Int
    let count: Int
    let value: Double
  }
  struct Pass: Sendable {
    /// In single instructions: what native text and double are made from.
    var single: Frozen<ck_instruction>
    /// With superinstructions: what is interpreted.
    var fused: Frozen<ck_instruction>
    var sliceSteps: Frozen<ck_step>
    var merges: [Merge] = []
    var sharedSteps: Frozen<ck_step>
  }
  /// A small result written to the caller's memory.
  struct Store: Sendable {
    enum Target: Sendable { case buffer(Int), parameterGradient(Int) }
    let target: Target
    let offset: Int
    let count: Int
  }

  var form: MatrixForm
  var level: SliceLevel
  var extents: Extents
  /// Rows of all slices, and elements of one. Where a slice is a block of columns, it has parts of rows.
  var rows = 0
  var inner = 0
  /// Rows a slice has; the last may have fewer at level rows.
  var sliceRows = 0
  var sliceCount = 0
  /// Elements between the starts of two rows of a slice.
  var rowPitch: Int { level == .channel ? inner * sliceCount : inner }
  var unitCount = 0
  var tileRows = 0
  var tileInner = 0
  /// Tiles do not cross multiples of this many rows of a slice.
  var blockRows = 0
  /// Counts of the row roles outside a block.
  var leadCounts: [Int] = []

  /// Where each saved statistic starts in the saved memory, in doubles.
  var savedOffsets = Frozen<Int64>([])
  var loads: [Load] = []
  var prologue = Frozen<ck_step>([])
  var sliceLoads: [SavedMove] = []
  var sliceBegin = Frozen<ck_step>([])
  var passes: [Pass] = []
  var sliceStores: [SavedMove] = []
  var sharedSliceLoads: [SharedMove] = []
  var sharedSliceStores: [SharedMove] = []
  var wholeStores: [SavedMove] = []
  var epilogueMerges: [Merge] = []
  var epilogue = Frozen<ck_step>([])
  var stores: [Store] = []
  var workerFills: [Fill] = []

  /// The shared double, and each worker's, that becomes 1 when a small value lies where floats are not
  /// exact; negative where no tile reads such values.
  var outsideShared = -1
  var outsideWorker = -1

  var sharedDoubles = 0
  var workerDoubles = 0
  var unitDoubles = 0
  var sharedFloats = 0
  var workerFloats = 0
  /// Registers of the programs that are interpreted, and of those in single instructions.
  var registers = 0
  var singleRegisters = 0

  /// Whether results are too large to stay in the cache. They are then written past it by code that can.
  var streams: Bool { mayStream || rows * inner >= TilePlan.streamedCount(level) }

  /// The fewest floats of such results: 16 MiB. Where rows have their own statistics 5 MiB: forward and
  /// backward then take half of the time, on tiles four fifths, as x and dy stay in the cache. What comes
  /// next is mostly a product of matrices, as in transformers, which is as fast without them; that cannot
  /// be told from a convolution of the same images here. With 5 MiB for statistics of samples and
  /// channels, too, training steps of convolutions were measured to take a tenth longer.
  static func streamedCount(_ level: SliceLevel) -> Int { level == .rows ? 5 << 18 : 1 << 22 }

  /// Whether text says both, for code that serves any batch.
  var mayStream = false

  var registerFloats: Int { tileRows * tileInner }

  static func aligned(_ bytes: Int) -> Int { (bytes + 63) / 64 * 64 }

  var sharedBytes: Int {
    TilePlan.aligned(sharedDoubles * 8) + TilePlan.aligned(sharedFloats * 4)
  }
  var workerBytes: Int {
    TilePlan.aligned(workerDoubles * 8) + TilePlan.aligned(workerFloats * 4)
      + TilePlan.aligned(registers * registerFloats * 4)
  }
  var unitBytes: Int { TilePlan.aligned(unitDoubles * 8) }

  /// Bytes of workspace with at most `threads` workers.
  func workspaceBytes(threads: Int) -> Int {
    sharedBytes + workerBytes * max(1, min(threads, unitCount)) + unitBytes * unitCount
  }
}
