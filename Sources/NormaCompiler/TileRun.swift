import CKernels
import NormaCore

/// One call of a plan: where its memory is, and the loops over units, slices and tiles.
struct TileRun {
  let plan: TilePlan
  let call: KernelCall
  let tensors: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>?>
  let sharedDoubles: UnsafeMutablePointer<Double>
  let sharedFloats: UnsafeMutablePointer<Float>
  let workers: UnsafeMutableRawPointer
  let units: UnsafeMutableRawPointer
  let threads: Int

  init(
    plan: TilePlan, call: KernelCall,
    tensors: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>?>,
    workspace: UnsafeMutableRawPointer
  ) {
    self.plan = plan
    self.call = call
    self.tensors = tensors
    // Starting threads costs more than this much work.
    let small = plan.rows * plan.inner < 16384
    threads = small ? 1 : max(1, min(call.threads, plan.unitCount))
    sharedDoubles = workspace.assumingMemoryBound(to: Double.self)
    sharedFloats = (workspace + TilePlan.aligned(plan.sharedDoubles * 8))
      .assumingMemoryBound(to: Float.self)
    workers = workspace + plan.sharedBytes
    units = workers + plan.workerBytes * max(1, min(call.threads, plan.unitCount))
  }

  /// Runs the plan.
  func run() {
    loadShared()
    runShared(plan.prologue)
    if plan.level == .whole {
      for pass in plan.passes.indices {
        fillUnits()
        parallel(pass: pass)
        merge(plan.passes[pass].merges)
        runShared(plan.passes[pass].sharedSteps)
      }
    } else {
      fillUnits()
      parallel(pass: -1)
      merge(plan.epilogueMerges)
    }
    runShared(plan.epilogue)
    storeResults()
  }

  private func loadShared() {
    for load in plan.loads {
      let z = sharedDoubles + load.offset
      switch load.source {
      case .constant(let value): z[0] = value
      case .hyper(let i): z[0] = call.hyper[i]
      case .positions: for i in 0..<load.count { z[i] = Double(i) }
      case .parameter(let i): for k in 0..<load.count { z[k] = Double(call.parameters[i][k]) }
      case .buffer(let i): for k in 0..<load.count { z[k] = Double(call.buffers[i][k]) }
      case .saved(let number):
        if let saved = call.saved?.assumingMemoryBound(to: Double.self) {
          z.update(from: saved + plan.savedOffsets[number], count: load.count)
        }
      }
    }
  }

  private func smallMemory(_ worker: Int) -> ck_small_memory {
    let base = workers + worker * plan.workerBytes
    return ck_small_memory(
      doubles: (sharedDoubles, base.assumingMemoryBound(to: Double.self)),
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
    guard plan.unitDoubles > 0 else { return }
    for unit in 0..<plan.unitCount {
      let base = (units + unit * plan.unitBytes).assumingMemoryBound(to: Double.self)
      for fill in plan.unitFills {
        (base + fill.offset).update(repeating: fill.value, count: fill.count)
      }
    }
  }

  private func merge(_ merges: [TilePlan.Merge]) {
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
    for move in plan.wholeStores {
      if let saved = call.saved?.assumingMemoryBound(to: Double.self) {
        (saved + move.savedOffset).update(
          from: sharedDoubles + Int(move.place.offset), count: move.count)
      }
    }
    for store in plan.stores {
      let a = sharedDoubles + store.offset
      switch store.target {
      case .buffer(let i):
        ck_store_floats(call.buffers[i], a, Int64(store.step), Int64(store.count), 0, 1)
      case .parameterGradient(let i):
        guard let z = call.parameterGradients[i] else { continue }
        ck_store_floats(
          z, a, Int64(store.step), Int64(store.count), call.accumulate ? 1 : 0, 0)
      }
    }
  }

  // MARK: parallel work

  private struct Job {
    let run: TileRun
    let pass: Int
  }

  private func parallel(pass: Int) {
    var job = Job(run: self, pass: pass)
    withUnsafeMutablePointer(to: &job) { job in
      ck_parallel_for(
        Int64(plan.unitCount), Int32(threads),
        { context, unit, worker in
          guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
          job.pointee.run.work(pass: job.pointee.pass, unit: Int(unit), worker: Int(worker))
        }, job)
    }
  }

  /// A unit's part of the slices, or, at level whole, of the rows.
  private func work(pass: Int, unit: Int, worker: Int) {
    var small = smallMemory(worker)
    var memory = ck_memory()
    let registers = workers + worker * plan.workerBytes
      + TilePlan.aligned(plan.workerDoubles * 8) + TilePlan.aligned(plan.workerFloats * 4)
    memory.tensors = UnsafePointer(tensors.baseAddress)
    memory.small_shared = UnsafePointer(sharedFloats)
    memory.small_worker = UnsafePointer(small.floats.1)
    memory.accumulators_worker = small.doubles.1
    memory.accumulators_unit =
      (units + unit * plan.unitBytes).assumingMemoryBound(to: Double.self)
    memory.registers = registers.assumingMemoryBound(to: Float.self)
    if pass >= 0 {
      // Units are whole tiles, so that a tile never depends on where a unit starts.
      let tiles = (plan.rows + plan.tileRows - 1) / plan.tileRows
      let first = unit * tiles / plan.unitCount * plan.tileRows
      let last = min(plan.rows, (unit + 1) * tiles / plan.unitCount * plan.tileRows)
      runTiles(plan.passes[pass].tiles, &memory, from: first, to: last, sliceStart: 0)
      return
    }
    let first = unit * plan.sliceCount / plan.unitCount
    let last = (unit + 1) * plan.sliceCount / plan.unitCount
    for slice in first..<last {
      let start = slice * plan.sliceRows
      let rows = min(plan.sliceRows, plan.rows - start)
      runSlice(slice, rows: rows, &memory, &small)
    }
  }

  private func runSlice(
    _ slice: Int, rows: Int, _ memory: inout ck_memory, _ small: inout ck_small_memory
  ) {
    guard let doubles = small.doubles.1 else { return }
    for fill in plan.workerFills {
      (doubles + fill.offset).update(repeating: fill.value, count: fill.count)
    }
    // At level rows a slice's saved values are `count` for each of its rows.
    let (index, times) = plan.level == .rows ? (slice * plan.sliceRows, rows) : (slice, 1)
    let saved = call.saved?.assumingMemoryBound(to: Double.self)
    if let saved {
      for move in plan.sliceLoads {
        (doubles + Int(move.place.offset)).update(
          from: saved + move.savedOffset + index * move.count, count: move.count * times)
      }
    }
    ck_run_small(plan.sliceBegin.pointer, Int64(plan.sliceBegin.count), &small, Int64(rows))
    let start = slice * plan.sliceRows
    for pass in plan.passes {
      runTiles(pass.tiles, &memory, from: start, to: start + rows, sliceStart: start)
      ck_run_small(pass.sliceSteps.pointer, Int64(pass.sliceSteps.count), &small, Int64(rows))
    }
    if let saved {
      for move in plan.sliceStores {
        (saved + move.savedOffset + index * move.count).update(
          from: doubles + Int(move.place.offset), count: move.count * times)
      }
    }
  }

  private func runTiles(
    _ instructions: Frozen<ck_instruction>, _ memory: inout ck_memory, from: Int, to: Int,
    sliceStart: Int
  ) {
    guard instructions.count > 0 else { return }
    var program = ck_program(
      instructions: instructions.pointer, count: Int32(instructions.count),
      register_floats: Int32(plan.registerFloats))
    var row = from
    while row < to {
      let local = row - sliceStart
      let block = local / plan.blockRows
      let within = local - block * plan.blockRows
      let rows = min(plan.tileRows, to - row, plan.blockRows - within)
      var tile = ck_tile()
      let (b, c) = (plan.leadCounts[1], plan.leadCounts[2])
      tile.lead = (Int64(block / (b * c)), Int64(block / c % b), Int64(block % c))
      tile.row = Int64(within)
      tile.rows = Int64(rows)
      tile.row_pitch = Int64(plan.inner)
      var column = 0
      while column < plan.inner {
        tile.offset = Int64(row * plan.inner + column)
        tile.column = Int64(column)
        tile.inner = Int64(min(plan.tileInner, plan.inner - column))
        ck_run_tile(&program, &memory, &tile)
        column += plan.tileInner
      }
      row += rows
    }
  }
}
