import CKernels

/// What a call reads of a plan: numbers and pointers only, so that no reference is counted on the way.
struct HotPlan {
  struct Pass {
    /// What is interpreted, and the like in single instructions for double.
    let fused: ck_program
    let single: ck_program
    let steps: UnsafeMutableBufferPointer<ck_step>
    let merges: UnsafeMutableBufferPointer<TilePlan.Merge>
    let sharedSteps: UnsafeMutableBufferPointer<ck_step>
  }
  /// A shared array's source; constants and tables are `constants[index...]`.
  struct Load {
    enum Kind { case constant, parameter, buffer, hyper, saved }
    let kind: Kind
    let index: Int
    let offset: Int
    let count: Int
  }

  let whole: Bool
  let streams: Bool
  let readsSlicesAhead: Bool
  let rows: Int
  let inner: Int
  let sliceRows: Int
  let sliceCount: Int
  let unitCount: Int
  let tileRows: Int
  let tileInner: Int
  let blockRows: Int
  let leadB: Int
  let leadC: Int
  /// Whether saved values come a row at a time rather than a slice at a time.
  let savedByRow: Bool
  /// Bytes of the shared doubles, of all that is shared, of a worker's and of a unit's memory.
  let sharedDoublesBytes: Int
  let sharedBytes: Int
  let workerBytes: Int
  let unitBytes: Int
  let floatsOffset: Int
  let registersOffset: Int
  /// Counts of the small floats and of all registers' floats.
  let sharedFloats: Int
  let workerFloats: Int
  let singleRegisterFloats: Int
  /// Where a small value that floats do not hold is noted, in doubles; below 0 where none is watched.
  let outsideShared: Int
  let outsideWorker: Int
  let constants: UnsafeMutablePointer<Double>
  let loads: UnsafeMutableBufferPointer<Load>
  let prologue: UnsafeMutableBufferPointer<ck_step>
  let passes: UnsafeMutableBufferPointer<Pass>
  let savedOffsets: UnsafeMutablePointer<Int64>
  let sliceFills: UnsafeMutableBufferPointer<TilePlan.Fill>
  let sliceLoads: UnsafeMutableBufferPointer<TilePlan.SavedMove>
  let sliceBegin: UnsafeMutableBufferPointer<ck_step>
  let sliceStores: UnsafeMutableBufferPointer<TilePlan.SavedMove>
  let merges: UnsafeMutableBufferPointer<TilePlan.Merge>
  let epilogue: UnsafeMutableBufferPointer<ck_step>
  let wholeStores: UnsafeMutableBufferPointer<TilePlan.SavedMove>
  let stores: UnsafeMutableBufferPointer<TilePlan.Store>
}

/// A plan with what its calls read laid out for them; immutable.
final class FrozenPlan: @unchecked Sendable {
  // SAFETY: `hot` points into frozen memory that lives as long as this object.
  let plan: TilePlan
  let hot: HotPlan
  private let memory: [AnyObject]

  init(_ plan: TilePlan) {
    self.plan = plan
    var memory: [AnyObject] = []
    func frozen<Element>(_ elements: [Element]) -> UnsafeMutableBufferPointer<Element> {
      let frozen = Frozen(elements)
      memory.append(frozen)
      return frozen.buffer
    }
    var constants: [Double] = []
    let loads = plan.loads.map { load in
      func from(_ kind: HotPlan.Load.Kind, _ index: Int) -> HotPlan.Load {
        .init(kind: kind, index: index, offset: load.offset, count: load.count)
      }
      switch load.source {
      case .constant(let value):
        constants.append(value)
        return from(.constant, constants.count - 1)
      case .table(let values):
        constants += values
        return from(.constant, constants.count - values.count)
      case .parameter(let i): return from(.parameter, i)
      case .buffer(let i): return from(.buffer, i)
      case .hyper(let i): return from(.hyper, i)
      case .saved(let i): return from(.saved, i)
      }
    }
    let frozenConstants = Frozen(constants)
    memory.append(frozenConstants)
    let passes = plan.passes.map { pass in
      func program(_ list: Frozen<ck_instruction>) -> ck_program {
        ck_program(
          instructions: list.pointer, count: Int32(list.count),
          register_floats: Int32(plan.registerFloats))
      }
      return HotPlan.Pass(
        fused: program(pass.fused), single: program(pass.single),
        steps: pass.sliceSteps.buffer, merges: frozen(pass.merges),
        sharedSteps: pass.sharedSteps.buffer)
    }
    let floats = TilePlan.aligned(plan.workerDoubles * 8)
    hot = HotPlan(
      whole: plan.level == .whole, streams: plan.streams,
      // Reading is a larger part of what the interpreter does: it gains from more than native code.
      readsSlicesAhead: plan.reads(rows: plan.sliceRows, within: 1 << 20), rows: plan.rows,
      inner: plan.inner,
      sliceRows: plan.sliceRows, sliceCount: plan.sliceCount, unitCount: plan.unitCount,
      tileRows: plan.tileRows,
      tileInner: plan.tileInner, blockRows: plan.blockRows, leadB: plan.leadCounts[1],
      leadC: plan.leadCounts[2], savedByRow: plan.level == .rows,
      sharedDoublesBytes: TilePlan.aligned(plan.sharedDoubles * 8), sharedBytes: plan.sharedBytes,
      workerBytes: plan.workerBytes, unitBytes: plan.unitBytes, floatsOffset: floats,
      registersOffset: floats + TilePlan.aligned(plan.workerFloats * 4),
      sharedFloats: plan.sharedFloats, workerFloats: plan.workerFloats,
      singleRegisterFloats: plan.singleRegisters * plan.registerFloats,
      outsideShared: plan.outsideShared,
      outsideWorker: plan.outsideWorker, constants: frozenConstants.pointer, loads: frozen(loads),
      prologue: plan.prologue.buffer,
      passes: frozen(passes),
      savedOffsets: plan.savedOffsets.pointer, sliceFills: frozen(plan.workerFills),
      sliceLoads: frozen(plan.sliceLoads), sliceBegin: plan.sliceBegin.buffer,
      sliceStores: frozen(plan.sliceStores), merges: frozen(plan.epilogueMerges),
      epilogue: plan.epilogue.buffer, wholeStores: frozen(plan.wholeStores),
      stores: frozen(plan.stores))
    self.memory = memory
  }
}
