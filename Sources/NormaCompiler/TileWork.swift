import CKernels

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
    let sums = (units + unit * plan.unitBytes).assumingMemoryBound(to: Double.self)
    for merge in plan.whole ? plan.passes[pass].merges : plan.merges {
      let fill = merge.beginning
      (sums + fill.offset).update(repeating: fill.value, count: fill.count)
    }
    var memory = ck_memory(
      tensors: UnsafePointer(tensors), parameters: parameters,
      small_shared: UnsafePointer(sharedFloats),
      small_worker: UnsafePointer(floats), accumulators_worker: doubles,
      accumulators_unit: sums,
      registers: (base + plan.registersOffset).assumingMemoryBound(to: Float.self))
    defer { if plan.streams { ck_finish_stores() } }
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
      let tiles = wide ?? WideTiles(plan)
      tiles.widen(plan, before: pass, &small, rows: to - from)
      wide = tiles
    }
    runTiles(
      outside ? plan.passes[pass].single : plan.passes[pass].fused, &memory, outside ? wide : nil,
      from: from, to: to,
      sliceStart: sliceStart)
  }

  private func runSlice(
    _ slice: Int, _ doubles: UnsafeMutablePointer<Double>, _ memory: inout ck_memory,
    _ small: inout ck_small_memory
  ) {
    let start = slice * plan.sliceRows
    let rows = min(plan.sliceRows, plan.rows - start)
    for fill in plan.sliceFills {
      (doubles + fill.offset).update(repeating: fill.value, count: fill.count)
    }
    let (index, times) = plan.savedByRow ? (start, rows) : (slice, 1)
    if let saved {
      for move in plan.sliceLoads {
        (doubles + Int(move.place.offset)).update(
          from: saved + Int(plan.savedOffsets[move.number]) + index * move.count,
          count: move.count * times)
      }
    }
    if plan.outsideWorker >= 0 { doubles[plan.outsideWorker] = 0 }
    var wide: WideTiles?
    defer { wide?.free() }
    ck_run_small(plan.sliceBegin.baseAddress, Int64(plan.sliceBegin.count), &small, Int64(rows))
    for (number, pass) in plan.passes.enumerated() {
      runPass(
        number, from: start, to: start + rows, sliceStart: start, doubles, &memory, &small, &wide)
      ck_run_small(pass.steps.baseAddress, Int64(pass.steps.count), &small, Int64(rows))
    }
    if let saved {
      for move in plan.sliceStores {
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
      tile.streams = plan.streams ? 1 : 0
      // While a slice is written, the next one is read, or else what comes soon.
      tile.ahead = plan.readsSlicesAhead ? Int64(plan.sliceRows * plan.inner) : 512
      tile.is_cold = plan.readsSlicesAhead ? 0 : 1
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
