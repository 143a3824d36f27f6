import CKernels
import NormaCore

/// One call of a plan: where its memory is, and what happens before, between and after passes.
struct TileRun {
  /// Tensors of this many floats and more are written past the cache: 16 MiB.
  private static let streamedCount = 1 << 22

  let plan: FrozenPlan
  let call: KernelCall
  let tensors: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>?>
  let parameters: UnsafePointer<UnsafePointer<Float>?>?
  /// Compiled code of the units, one function a parallel part; nil where tiles are interpreted.
  let native: [ck_native_unit]?
  let sharedDoubles: UnsafeMutablePointer<Double>
  let sharedFloats: UnsafeMutablePointer<Float>
  let workers: UnsafeMutableRawPointer
  let units: UnsafeMutableRawPointer
  let threads: Int

  init(
    plan frozen: FrozenPlan, call: KernelCall,
    tensors: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>?>,
    parameters: UnsafePointer<UnsafePointer<Float>?>?, native: [ck_native_unit]?,
    workspace: UnsafeMutableRawPointer
  ) {
    let plan = frozen.plan
    self.plan = frozen
    self.call = call
    self.tensors = tensors
    self.parameters = parameters
    self.native = native
    // Starting threads costs more than this much work.
    let small = plan.rows * plan.inner < 16384
    threads = small ? 1 : max(1, min(call.threads, plan.unitCount))
    sharedDoubles = workspace.assumingMemoryBound(to: Double.self)
    sharedFloats = (workspace + TilePlan.aligned(plan.sharedDoubles * 8))
      .assumingMemoryBound(to: Float.self)
    workers = workspace + plan.sharedBytes
    units = workers + plan.workerBytes * max(1, min(call.threads, plan.unitCount))
  }

  /// Runs the plan; with tiles after all where machine code met numbers that floats do not hold.
  func run() {
    if let native {
      compute(native)
      if !leftRange {
        storeResults()
        return
      }
    }
    compute(nil)
    storeResults()
  }

  /// Whether a small value was outside the range in which machine code is right.
  private var leftRange: Bool {
    let plan = plan.plan
    if plan.outsideShared >= 0, sharedDoubles[plan.outsideShared] != 0 { return true }
    return plan.outsideWorker >= 0
      && (0..<threads).contains { workerDoubles($0)[plan.outsideWorker] != 0 }
  }

  private func workerDoubles(_ worker: Int) -> UnsafeMutablePointer<Double> {
    (workers + worker * plan.plan.workerBytes).assumingMemoryBound(to: Double.self)
  }

  /// Everything but the results that outlive the call.
  private func compute(_ native: [ck_native_unit]?) {
    let plan = plan.plan
    if plan.outsideWorker >= 0 {
      for worker in 0..<threads { workerDoubles(worker)[plan.outsideWorker] = 0 }
    }
    loadShared()
    runShared(plan.prologue)
    if plan.level == .whole {
      for pass in plan.passes.indices {
        fillUnits()
        parallel(pass: pass, native)
        merge(plan.passes[pass].merges)
        runShared(plan.passes[pass].sharedSteps)
      }
    } else {
      fillUnits()
      parallel(pass: 0, native)
      merge(plan.epilogueMerges)
    }
    runShared(plan.epilogue)
  }

  private func loadShared() {
    let plan = plan.plan
    for load in plan.loads {
      let z = sharedDoubles + load.offset
      switch load.source {
      case .constant(let value): z[0] = value
      case .hyper(let i): z[0] = call.hyper[i]
      case .table(let values): for (i, value) in values.enumerated() { z[i] = value }
      case .parameter(let i): for k in 0..<load.count { z[k] = Double(call.parameters[i][k]) }
      case .buffer(let i): for k in 0..<load.count { z[k] = Double(call.buffers[i][k]) }
      case .saved(let number):
        if let saved = call.saved?.assumingMemoryBound(to: Double.self) {
          z.update(from: saved + plan.savedOffset(number), count: load.count)
        }
      }
    }
  }

  private func smallMemory(_ worker: Int) -> ck_small_memory {
    let plan = plan.plan
    let base = workers + worker * plan.workerBytes
    return ck_small_memory(
      doubles: (sharedDoubles, workerDoubles(worker)),
      floats: (
        sharedFloats,
        (base + TilePlan.aligned(plan.workerDoubles * 8)).assumingMemoryBound(to: Float.self)
      ))
  }

  private func runShared(_ steps: Frozen<ck_step>) {
    var memory = smallMemory(0)
    ck_run_small(steps.pointer, Int64(steps.count), &memory, 0)
  }

  private func fillUnits() {
    let plan = plan.plan
    guard plan.unitDoubles > 0 else { return }
    for unit in 0..<plan.unitCount {
      let base = (units + unit * plan.unitBytes).assumingMemoryBound(to: Double.self)
      for fill in plan.unitFills {
        (base + fill.offset).update(repeating: fill.value, count: fill.count)
      }
    }
  }

  private func merge(_ merges: [TilePlan.Merge]) {
    let plan = plan.plan
    let pitch = Int64(plan.unitBytes / 8)
    let base = units.assumingMemoryBound(to: Double.self)
    for merge in merges {
      let z = sharedDoubles + merge.sharedOffset
      let from = base + merge.unitOffset
      let n = Int64(merge.count)
      let count = Int64(plan.unitCount)
      switch merge.family {
      case .sum: ck_merge_sums(z, from, pitch, count, n)
      case .moments: ck_merge_moments(z, from, pitch, count, n)
      case .max: ck_merge_extremes(z, from, pitch, count, n, 1)
      case .min: ck_merge_extremes(z, from, pitch, count, n, 0)
      }
    }
  }

  private func storeResults() {
    let plan = plan.plan
    for move in plan.wholeStores {
      if let saved = call.saved?.assumingMemoryBound(to: Double.self) {
        (saved + plan.savedOffset(move.number)).update(
          from: sharedDoubles + Int(move.place.offset), count: move.count)
      }
    }
    for store in plan.stores {
      let a = sharedDoubles + store.offset
      switch store.target {
      case .buffer(let i):
        ck_store_floats(call.buffers[i], a, Int64(store.count), 0, 1)
      case .parameterGradient(let i):
        guard let z = call.parameterGradients[i] else { continue }
        ck_store_floats(z, a, Int64(store.count), call.accumulate ? 1 : 0, 0)
      }
    }
  }

  private func parallel(pass: Int, _ native: [ck_native_unit]?) {
    if let native {
      runNative(native[pass])
      return
    }
    var work = TileWork(
      plan: plan.hot, pass: pass, tensors: tensors.baseAddress, parameters: parameters,
      saved: call.saved?.assumingMemoryBound(to: Double.self), sharedDoubles: sharedDoubles,
      sharedFloats: sharedFloats, workers: workers, units: units)
    withUnsafeMutablePointer(to: &work) { work in
      ck_parallel_for(
        Int64(plan.plan.unitCount), Int32(threads),
        { context, unit, worker in
          context?.assumingMemoryBound(to: TileWork.self).pointee.run(
            unit: Int(unit), worker: Int(worker))
        }, work)
    }
  }

  private func runNative(_ unit: ck_native_unit) {
    let plan = plan.plan
    var native = ck_native_call(
      tensors: UnsafePointer(tensors.baseAddress), parameters: parameters,
      shared_doubles: sharedDoubles, shared_floats: sharedFloats,
      workers: workers.assumingMemoryBound(to: CChar.self),
      units: units.assumingMemoryBound(to: CChar.self),
      saved: call.saved?.assumingMemoryBound(to: Double.self),
      saved_offsets: plan.savedOffsets.pointer,
      streams: plan.rows * plan.inner >= TileRun.streamedCount ? 1 : 0, rows: Int64(plan.rows),
      slices: Int64(plan.sliceCount), unit_count: Int64(plan.unitCount),
      tile_rows: Int64(plan.tileRows), worker_bytes: Int64(plan.workerBytes),
      unit_bytes: Int64(plan.unitBytes))
    ck_run_native(unit, &native, Int64(plan.unitCount), Int32(threads))
  }
}
