import CKernels

/// What a plan's inner loops read: numbers and pointers only, so that no reference is counted there.
struct HotPlan {
  struct Pass {
    let tiles: ck_program
    let steps: UnsafePointer<ck_step>
    let stepCount: Int64
    let shared: UnsafePointer<ck_step>
    let sharedCount: Int64
  }

  let whole: Bool
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
  let workerBytes: Int
  let unitBytes: Int
  let floatsOffset: Int
  let registersOffset: Int
  let passes: UnsafeMutableBufferPointer<Pass>
  let sharedFloats: Int
  let workerFloats: Int
  let registerFloats: Int
  let outsideShared: Int
  let outsideWorker: Int
  let prologue: UnsafePointer<ck_step>
  let prologueCount: Int64
  let begin: UnsafePointer<ck_step>
  let beginCount: Int64
  let savedOffsets: UnsafePointer<Int64>
  let fills: UnsafeMutableBufferPointer<TilePlan.Fill>
  let loads: UnsafeMutableBufferPointer<TilePlan.SavedMove>
  let stores: UnsafeMutableBufferPointer<TilePlan.SavedMove>
}

/// A plan with its inner loops' data laid out for them; immutable.
final class FrozenPlan: @unchecked Sendable {
  // SAFETY: `hot` points into the plan's own frozen memory, which lives as long as this object.
  let plan: TilePlan
  let hot: HotPlan
  private let passes: Frozen<HotPlan.Pass>
  private let fills: Frozen<TilePlan.Fill>
  private let loads: Frozen<TilePlan.SavedMove>
  private let stores: Frozen<TilePlan.SavedMove>

  init(_ plan: TilePlan) {
    self.plan = plan
    passes = Frozen(
      plan.passes.map { pass in
        HotPlan.Pass(
          tiles: ck_program(
            instructions: pass.tiles.pointer, count: Int32(pass.tiles.count),
            register_floats: Int32(plan.registerFloats)),
          steps: UnsafePointer(pass.sliceSteps.pointer), stepCount: Int64(pass.sliceSteps.count),
          shared: UnsafePointer(pass.sharedSteps.pointer),
          sharedCount: Int64(pass.sharedSteps.count))
      })
    fills = Frozen(plan.workerFills)
    loads = Frozen(plan.sliceLoads)
    stores = Frozen(plan.sliceStores)
    let floats = TilePlan.aligned(plan.workerDoubles * 8)
    hot = HotPlan(
      whole: plan.level == .whole, rows: plan.rows, inner: plan.inner, sliceRows: plan.sliceRows,
      sliceCount: plan.sliceCount, unitCount: plan.unitCount, tileRows: plan.tileRows,
      tileInner: plan.tileInner, blockRows: plan.blockRows, leadB: plan.leadCounts[1],
      leadC: plan.leadCounts[2], savedByRow: plan.level == .rows, workerBytes: plan.workerBytes,
      unitBytes: plan.unitBytes, floatsOffset: floats,
      registersOffset: floats + TilePlan.aligned(plan.workerFloats * 4), passes: passes.buffer,
      sharedFloats: plan.sharedFloats, workerFloats: plan.workerFloats,
      registerFloats: plan.registers * plan.registerFloats, outsideShared: plan.outsideShared,
      outsideWorker: plan.outsideWorker, prologue: UnsafePointer(plan.prologue.pointer),
      prologueCount: Int64(plan.prologue.count), begin: UnsafePointer(plan.sliceBegin.pointer),
      beginCount: Int64(plan.sliceBegin.count),
      savedOffsets: UnsafePointer(plan.savedOffsets.pointer), fills: fills.buffer,
      loads: loads.buffer, stores: stores.buffer)
  }
}

/// The parallel part of a call: units of slices, or of rows in one pass over the whole.
struct TileWork {
  let plan: HotPlan
  /// The pass, when passes go over the whole tensor.
  let pass: Int
  let tensors: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>?
  let parameters: UnsafePointer<UnsafePointer<Float>?>?
  let saved: UnsafeMutablePointer<Double>?
  let sharedDoubles: UnsafeMutablePointer<Double>
  let sharedFloats: UnsafeMutablePointer<Float>
  let workers: UnsafeMutableRawPointer
  let units: UnsafeMutableRawPointer

  /// Does one unit's work in a worker's memory.
  func run(unit: Int, worker: Int) {
    let base = workers + worker * plan.workerBytes
    let doubles = base.assumingMemoryBound(to: Double.self)
    let floats = (base + plan.floatsOffset).assumingMemoryBound(to: Float.self)
    var small = ck_small_memory(doubles: (sharedDoubles, doubles), floats: (sharedFloats, floats))
    var memory = ck_memory(
      tensors: UnsafePointer(tensors), parameters: parameters,
      small_shared: UnsafePointer(sharedFloats),
      small_worker: UnsafePointer(floats), accumulators_worker: doubles,
      accumulators_unit: (units + unit * plan.unitBytes).assumingMemoryBound(to: Double.self),
      registers: (base + plan.registersOffset).assumingMemoryBound(to: Float.self))
    if plan.whole {
      // Units are whole tiles, so that a tile never depends on where a unit starts.
      let tiles = (plan.rows + plan.tileRows - 1) / plan.tileRows
      let first = unit * tiles / plan.unitCount * plan.tileRows
      let last = min(plan.rows, (unit + 1) * tiles / plan.unitCount * plan.tileRows)
      var wide: WideTiles?
      defer { wide?.free() }
      runPass(pass, from: first, to: last, sliceStart: 0, doubles, &memory, &small, &wide)
      return
    }
    let first = unit * plan.sliceCount / plan.unitCount
    let last = (unit + 1) * plan.sliceCount / plan.unitCount
    for slice in first..<last { runSlice(slice, doubles, &memory, &small) }
  }

  /// One pass over a slice: in float, or in double where a small value that it reads needs that.
  private func runPass(
    _ pass: Int, from: Int, to: Int, sliceStart: Int, _ doubles: UnsafeMutablePointer<Double>,
    _ memory: inout ck_memory, _ small: inout ck_small_memory, _ wide: inout WideTiles?
  ) {
    let outside =
      plan.outsideShared >= 0 && sharedDoubles[plan.outsideShared] != 0
      || plan.outsideWorker >= 0 && doubles[plan.outsideWorker] != 0
    if outside {
      let tiles = wide ?? WideTiles(plan, registers: memory.registers)
      tiles.widen(plan, before: pass, &small, rows: to - from)
      wide = tiles
    }
    runTiles(
      plan.passes[pass].tiles, &memory, outside ? wide : nil, from: from, to: to,
      sliceStart: sliceStart)
  }

  private func runSlice(
    _ slice: Int, _ doubles: UnsafeMutablePointer<Double>, _ memory: inout ck_memory,
    _ small: inout ck_small_memory
  ) {
    let start = slice * plan.sliceRows
    let rows = min(plan.sliceRows, plan.rows - start)
    for fill in plan.fills {
      (doubles + fill.offset).update(repeating: fill.value, count: fill.count)
    }
    let (index, times) = plan.savedByRow ? (start, rows) : (slice, 1)
    if let saved {
      for move in plan.loads {
        (doubles + Int(move.place.offset)).update(
          from: saved + Int(plan.savedOffsets[move.number]) + index * move.count,
          count: move.count * times)
      }
    }
    if plan.outsideWorker >= 0 { doubles[plan.outsideWorker] = 0 }
    var wide: WideTiles?
    defer { wide?.free() }
    ck_run_small(plan.begin, plan.beginCount, &small, Int64(rows))
    for (number, pass) in plan.passes.enumerated() {
      runPass(
        number, from: start, to: start + rows, sliceStart: start, doubles, &memory, &small, &wide)
      ck_run_small(pass.steps, pass.stepCount, &small, Int64(rows))
    }
    if let saved {
      for move in plan.stores {
        (saved + Int(plan.savedOffsets[move.number]) + index * move.count).update(
          from: doubles + Int(move.place.offset), count: move.count * times)
      }
    }
  }

  private func runTiles(
    _ program: ck_program, _ memory: inout ck_memory, _ wide: WideTiles?, from: Int, to: Int,
    sliceStart: Int
  ) {
    guard program.count > 0 else { return }
    var program = program
    var wideMemory = wide?.memory ?? ck_wide_memory()
    var row = from
    while row < to {
      let local = row - sliceStart
      let block = local / plan.blockRows
      let within = local - block * plan.blockRows
      let rows = min(plan.tileRows, to - row, plan.blockRows - within)
      var tile = ck_tile()
      tile.lead = (
        Int64(block / (plan.leadB * plan.leadC)), Int64(block / plan.leadC % plan.leadB),
        Int64(block % plan.leadC)
      )
      tile.row = Int64(within)
      tile.rows = Int64(rows)
      tile.row_pitch = Int64(plan.inner)
      var column = 0
      while column < plan.inner {
        tile.offset = Int64(row * plan.inner + column)
        tile.column = Int64(column)
        tile.inner = Int64(min(plan.tileInner, plan.inner - column))
        if wide == nil {
          ck_run_tile(&program, &memory, &tile)
        } else {
          ck_run_tile_wide(&program, &memory, &wideMemory, &tile)
        }
        column += plan.tileInner
      }
      row += rows
    }
  }
}
