import CKernels
import NormaCore

/// One call of a plan: where its memory is, and what happens before, between and after passes.
struct TileRun {
  let plan: HotPlan
  // A pointer, so that no array of the call is counted on the way. SAFETY: the call outlives the run.
  let call: UnsafePointer<KernelCall>
  let tensors: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>?>
  let parameters: UnsafePointer<UnsafePointer<Float>?>?
  /// Compiled code of the units, one function a parallel part; nil where tiles are interpreted.
  let native: [ck_native_unit]?
  let saved: UnsafeMutablePointer<Double>?
  let sharedDoubles: UnsafeMutablePointer<Double>
  let sharedFloats: UnsafeMutablePointer<Float>
  let workers: UnsafeMutableRawPointer
  let units: UnsafeMutableRawPointer
  let threads: Int

  /// A run of a plan for a call; both outlive it.
  init(
    plan: HotPlan, call: UnsafePointer<KernelCall>,
    tensors: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>?>,
    parameters: UnsafePointer<UnsafePointer<Float>?>?, native: [ck_native_unit]?,
    workspace: UnsafeMutableRawPointer
  ) {
    self.plan = plan
    self.call = call
    self.tensors = tensors
    self.parameters = parameters
    self.native = native
    saved = call.pointee.saved?.assumingMemoryBound(to: Double.self)
    let limit = max(1, min(call.pointee.threads, plan.unitCount))
    // Starting threads costs more than this much work.
    threads = plan.rows * plan.inner < 32768 ? 1 : limit
    sharedDoubles = workspace.assumingMemoryBound(to: Double.self)
    sharedFloats = (workspace + plan.sharedDoublesBytes).assumingMemoryBound(to: Float.self)
    workers = workspace + plan.sharedBytes
    units = workers + plan.workerBytes * limit
  }

  /// Runs the plan; false, with nothing stored, where machine code met numbers that floats do not hold.
  func run() -> Bool {
    compute()
    guard native == nil || !leftRange else { return false }
    storeResults()
    return true
  }

  /// Whether a small value was outside the range in which machine code is right.
  private var leftRange: Bool {
    if plan.outsideShared >= 0, sharedDoubles[plan.outsideShared] != 0 { return true }
    return plan.outsideWorker >= 0
      && (0..<threads).contains { workerDoubles($0)[plan.outsideWorker] != 0 }
  }

  private func workerDoubles(_ worker: Int) -> UnsafeMutablePointer<Double> {
    (workers + worker * plan.workerBytes).assumingMemoryBound(to: Double.self)
  }

  /// Everything but the results that outlive the call.
  private func compute() {
    if plan.outsideWorker >= 0 {
      for worker in 0..<threads { workerDoubles(worker)[plan.outsideWorker] = 0 }
    }
    loadShared()
    runShared(plan.prologue)
    if plan.whole {
      for (number, pass) in plan.passes.enumerated() {
        parallel(pass: number)
        merge(pass.merges)
        runShared(pass.sharedSteps)
      }
    } else {
      parallel(pass: 0)
      merge(plan.merges)
    }
    runShared(plan.epilogue)
  }

  private func loadShared() {
    for load in plan.loads {
      let z = sharedDoubles + load.offset
      switch load.kind {
      case .constant: z.update(from: plan.constants + load.index, count: load.count)
      case .hyper: z[0] = call.pointee.hyper[load.index]
      case .parameter: ck_load_doubles(z, call.pointee.parameters[load.index], Int64(load.count))
      case .buffer: ck_load_doubles(z, call.pointee.buffers[load.index], Int64(load.count))
      case .saved:
        if let saved {
          z.update(from: saved + Int(plan.savedOffsets[load.index]), count: load.count)
        }
      }
    }
  }

  private func runShared(_ steps: UnsafeMutableBufferPointer<ck_step>) {
    guard !steps.isEmpty else { return }
    let floats = (workers + plan.floatsOffset).assumingMemoryBound(to: Float.self)
    var memory = ck_small_memory(
      doubles: (sharedDoubles, workerDoubles(0)), floats: (sharedFloats, floats))
    ck_run_small(steps.baseAddress, Int64(steps.count), &memory, 0)
  }

  private func merge(_ merges: UnsafeMutableBufferPointer<TilePlan.Merge>) {
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
    if let saved {
      for move in plan.wholeStores {
        (saved + Int(plan.savedOffsets[move.number])).update(
          from: sharedDoubles + Int(move.place.offset), count: move.count)
      }
    }
    for store in plan.stores {
      let a = sharedDoubles + store.offset
      switch store.target {
      case .buffer(let i):
        ck_store_floats(call.pointee.buffers[i], a, Int64(store.count), 0, 1)
      case .parameterGradient(let i):
        guard let z = call.pointee.parameterGradients[i] else { continue }
        ck_store_floats(z, a, Int64(store.count), call.pointee.accumulate ? 1 : 0, 0)
      }
    }
  }

  private func parallel(pass: Int) {
    // Every other pass goes from the end, with what the one before left in the cache.
    let backwards = Int32(pass % 2)
    if let native {
      runNative(native[pass], backwards)
      return
    }
    var work = TileWork(
      plan: plan, pass: pass, tensors: tensors.baseAddress, parameters: parameters, saved: saved,
      sharedDoubles: sharedDoubles, sharedFloats: sharedFloats, workers: workers, units: units)
    withUnsafeMutablePointer(to: &work) { work in
      ck_parallel_for(
        Int64(plan.unitCount), Int32(threads), backwards,
        { context, unit, worker in
          context?.assumingMemoryBound(to: TileWork.self).pointee.run(
            unit: Int(unit), worker: Int(worker))
        }, work)
    }
  }

  private func runNative(_ unit: ck_native_unit, _ backwards: Int32) {
    var native = ck_native_call(
      tensors: UnsafePointer(tensors.baseAddress), parameters: parameters,
      shared_doubles: sharedDoubles, shared_floats: sharedFloats,
      workers: workers.assumingMemoryBound(to: CChar.self),
      units: units.assumingMemoryBound(to: CChar.self), saved: saved,
      saved_offsets: UnsafePointer(plan.savedOffsets), rows: Int64(plan.rows),
      slices: Int64(plan.sliceCount), unit_count: Int64(plan.unitCount),
      tile_rows: Int64(plan.tileRows), worker_bytes: Int64(plan.workerBytes),
      unit_bytes: Int64(plan.unitBytes), streams: plan.streams ? 1 : 0)
    ck_run_native(unit, &native, Int64(plan.unitCount), Int32(threads), backwards)
  }
}
