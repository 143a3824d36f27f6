import CKernels

/// A plan as C text: numbers and generated names only, never text from a script.
///
/// The functions do the work of units; loading, merging and storing small values is the caller's, the
/// same as for tiles. The text of a plan that `mayStream` does not depend on the batch where the plan's
/// small arrays do not; that of others depends on whether results are streamed or rows come from memory,
/// and on their slices.
struct NativeText {
  /// Names of the functions, one a pass at level whole, else one for all.
  static func names(_ plan: TilePlan, prefix: String) -> [String] {
    plan.level == .whole ? plan.passes.indices.map { "\(prefix)\($0)" } : [prefix]
  }

  /// Both directions as one unit of translation; nil when a plan needs what the text cannot say.
  static func text(forward: TilePlan, backward: TilePlan?, lanes: Int) -> String? {
    guard let first = functions(forward, prefix: "forward", lanes) else { return nil }
    var lines = first
    if let backward {
      guard let second = functions(backward, prefix: "backward", lanes) else { return nil }
      lines += second
    }
    return NativePrelude(lanes: lanes).text + lines.joined(separator: "\n") + "\n"
  }

  /// The functions of one direction.
  static func functions(
    _ plan: TilePlan, prefix: String, _ lanes: Int
  ) -> [String]? {
    guard let program = NativeProgram(plan, lanes: lanes) else { return nil }
    var lines: [String] = []
    var goesBack = false
    for (number, pass) in program.passes.enumerated() {
      // A pass over a slice begins where the one before ended, in the cache, if that has not all of it. Else
      // upwards was measured to be faster, where results stay in the cache by up to two fifths.
      let isLargeSlice =
        [.sample, .channel].contains(plan.level) && program.runs == nil && plan.streams
        && !plan.reads(rows: plan.sliceRows, within: 1 << 20)
      goesBack = isLargeSlice && pass.accumulations.isEmpty && number > 0 && !goesBack
      let loops = NativeLoops(program: program, plan: plan, pass: pass, goesBack: goesBack)
      goesBack = goesBack && !loops.goesAcross
      // Where costly values are made or found, row by row, vectors would wait for their own instructions;
      // sums of columns leave no registers for more than one.
      let isScheduled =
        (loops.isCostly || !pass.finds.isEmpty) && pass.accumulations.allSatisfy(\.isByRow)
      lines.append(
        (isScheduled ? "SCHEDULED " : "")
          + "static void \(prefix)_pass\(number)(const call *c, double *D, double *U, const float *WF,"
          + " float *restrict kept, i64 from, i64 to, i64 start, int wide) {")
      lines += ["const float *SF = c->shared_floats;"]
      let written = Set(pass.outputs.map(\.tensor))
      lines += program.tensors.sorted().map { t in
        let tensor = "c->tensors[\(t)]"
        return "float *t\(t) = "
          + (plan.level == .channel ? "\(tensor) ? \(tensor) + start : 0;" : "\(tensor);")
      }
      lines += program.parameters.sorted().map { "const float *P\($0) = c->parameters[\($0)];" }
      for t in written.sorted() {
        // A result that nobody wants is written to one row, again and again.
        lines +=
          NativeLoops.hasSpareRow(plan)
          ? [
            "float spare\(t)[\(plan.inner)]; const i64 on\(t) = t\(t) ? -1 : 0;",
            "float *restrict z\(t) = t\(t) ? t\(t) : spare\(t);",
          ] : ["const i64 on\(t) = -1; float *restrict z\(t) = t\(t);"]
        if plan.streams {
          // Only aligned vectors go past the cache: rows begin with one, or are written across their ends.
          let isAligned = plan.inner % lanes == 0 || loops.goesAcross
          let aligned = isAligned ? "c->streams && !((i64)z\(t) & (4 * W - 1))" : "0"
          lines.append("const int w\(t) = \(aligned);")
        }
      }
      lines += blocks(plan, loops.text())
      lines.append("}")
    }
    return lines
      + (plan.level == .whole
        ? wholeUnits(plan, program, prefix) : sliceUnits(plan, program, prefix))
  }

  /// A slice's first row: at level channel its rows count from 0, and lie from element `start` on; else
  /// `start` is that row, of the whole tensor's.
  private static func firstRow(_ plan: TilePlan) -> String {
    plan.level == .channel ? "0" : "start"
  }

  /// The rows from `from` to `to` in blocks within which small arrays advance evenly.
  private static func blocks(_ plan: TilePlan, _ loops: [String]) -> [String] {
    let first = firstRow(plan)
    if plan.leadCounts.allSatisfy({ $0 == 1 }) {
      return [
        "const i64 n = to - from, row0 = from, q0 = from - \(first), l0 = 0, l1 = 0, l2 = 0;"
      ] + loops
    }
    let (b, c) = (plan.leadCounts[1], plan.leadCounts[2])
    return [
      "for (i64 row0 = from; row0 < to;) {",
      "const i64 row = row0 - \(first), block = row / \(plan.blockRows), q0 = row % \(plan.blockRows);",
      "const i64 n = to - row0 < \(plan.blockRows) - q0 ? to - row0 : \(plan.blockRows) - q0;",
      plan.leadCounts[0] == 1 && b == 1
        ? "const i64 l0 = 0, l1 = 0, l2 = block;"
        : "const i64 l0 = block / \(b * c), l1 = block / \(c) % \(b), l2 = block % \(c);",
    ] + loops + ["row0 += n;", "}"]
  }

  // MARK: pass by pass over the whole

  private static func wholeUnits(
    _ plan: TilePlan, _ program: NativeProgram, _ prefix: String
  ) -> [String] {
    program.passes.enumerated().flatMap { number, pass -> [String] in
      let run = "\(prefix)_pass\(number)(c, 0, U, 0, 0, first, last, 0, "
      var lines = [
        "void \(prefix)\(number)(const call *c, i64 unit, int worker) {",
        "double *U = (double *)(c->units + unit * c->unit_bytes);",
      ]
      lines += plan.passes[number].merges.map { filled("U", $0.beginning) }
      lines += [
        "const i64 tiles = (c->rows + c->tile_rows - 1) / c->tile_rows;",
        "const i64 first = unit * tiles / c->unit_count * c->tile_rows;",
        "i64 last = (unit + 1) * tiles / c->unit_count * c->tile_rows;",
        "last = last < c->rows ? last : c->rows;",
        run + "0);",
      ]
      return lines + again(pass.accumulations, nil, run + "1);") + fence(plan) + ["}"]
    }
  }

  // MARK: slice by slice

  private static func sliceUnits(
    _ plan: TilePlan, _ program: NativeProgram, _ prefix: String
  ) -> [String] {
    let floats = TilePlan.aligned(plan.workerDoubles * 8)
    var lines = [
      "static void \(prefix)_slice(const call *c, double *D, float *WF, double *U, i64 slice,"
        + " int wide) {",
      "double *SD = c->shared_doubles; float *SF = c->shared_floats;",
    ]
    if plan.level == .channel {
      lines += [
        "const i64 start = slice * \(plan.inner), rows = c->rows / c->slices;"
      ]
    } else {
      lines += [
        "const i64 start = slice * \(plan.sliceRows);",
        "const i64 rows = c->rows - start < \(plan.sliceRows) ? c->rows - start : \(plan.sliceRows);",
      ]
    }
    lines.append(
      program.keptFloats == 0
        ? "float *kept = 0;"
        : "float kept[\(program.keptFloats)] __attribute__((aligned(64)));")
    let alone = Set(
      program.passes.flatMap(\.accumulations).filter { $0.isAlone(in: plan) }.map { Int($0.offset) }
    )
    for fill in plan.workerFills {
      // What every row writes need not be cleared, but for rows that the last slice lacks.
      let when = alone.contains(fill.offset) ? "if (rows < \(plan.sliceRows)) " : ""
      lines.append(when + filled("D", fill))
    }
    func moved(_ move: TilePlan.SharedMove, load: Bool) -> String {
      let (part, shared) = (
        "D + \(move.workerOffset)", "SD + \(move.sharedOffset) + slice * \(move.count)"
      )
      return "copy(\(load ? part : shared), \(load ? shared : part), 8 * \(move.count));"
    }
    lines += plan.sharedSliceLoads.map { moved($0, load: true) }
    lines += moves(plan, plan.sliceLoads, load: true)
    lines += NativeSteps.text(plan.sliceBegin)
    if let runs = program.runs {
      lines += runs.text { passes(plan, program, prefix, from: $0, to: $1) }
    } else {
      let first = firstRow(plan)
      lines += passes(plan, program, prefix, from: first, to: first + " + rows")
    }
    lines += plan.sharedSliceStores.map { moved($0, load: false) }
    lines += moves(plan, plan.sliceStores, load: false) + ["}"]
    let across = program.passes.flatMap(\.accumulations).filter(\.across)
    let all = "for (i64 s = first; s < last; s++) \(prefix)_slice(c, D, WF, U, s, "
    lines += [
      "void \(prefix)(const call *c, i64 unit, int worker) {",
      "char *base = c->workers + worker * c->worker_bytes;",
      "double *D = (double *)base; float *WF = (float *)(base + \(floats));",
      "double *U = (double *)(c->units + unit * c->unit_bytes);",
    ]
    lines += plan.epilogueMerges.map { filled("U", $0.beginning) }
    lines += [
      "const i64 first = unit * c->slices / c->unit_count;",
      "const i64 last = (unit + 1) * c->slices / c->unit_count;",
      all + "0);",
    ]
    return lines + again(across, nil, all + "1);") + fence(plan) + ["}"]
  }

  /// All passes over a slice's rows, or over a run of them, with the steps between.
  private static func passes(
    _ plan: TilePlan, _ program: NativeProgram, _ prefix: String,
    from: String, to: String
  ) -> [String] {
    let runs = program.runs
    var lines: [String] = []
    for (number, pass) in program.passes.enumerated() {
      let run = "\(prefix)_pass\(number)(c, D, U, WF, kept, \(from), \(to), start, "
      let own = pass.accumulations.filter { !$0.across }
      // Before a pass that may be run again, what it adds to besides its own is put aside; where that is
      // too much for the stack, the pass is exact from the start.
      let aside = own.isEmpty ? [] : pass.accumulations.filter(\.across)
      if aside.reduce(0, { $0 + $1.plane * $1.planes }) > NativeProgram.sumsAside {
        lines.append(run + "1);")
      } else {
        lines += ["{"] + copies(aside, runs, back: false) + [run + "wide);"]
        if !own.isEmpty { lines += again(own, runs, aside: aside, run + "1);") }
        lines.append("}")
      }
      lines += NativeSteps.text(plan.passes[number].sliceSteps, part: runs)
    }
    return lines
  }

  private static func filled(_ array: String, _ fill: TilePlan.Fill) -> String {
    "fill(\(array) + \(fill.offset), \(PortableText.number(fill.value)), \(fill.count));"
  }

  /// Stores past the cache are seen by other threads only after a fence.
  private static func fence(_ plan: TilePlan) -> [String] {
    plan.streams ? ["__atomic_thread_fence(__ATOMIC_SEQ_CST);"] : []
  }

  /// Values kept from forward to backward that belong to a slice.
  private static func moves(_ plan: TilePlan, _ moves: [TilePlan.SavedMove], load: Bool) -> [String]
  {
    guard !moves.isEmpty else { return [] }
    let (index, times) = plan.level == .rows ? ("start", "rows") : ("slice", "1")
    return ["if (c->saved) {"]
      + moves.map { move in
        let saved = "c->saved + c->saved_offsets[\(move.number)] + \(index) * \(move.count)"
        let small = "D + \(move.place.offset)"
        let (to, from) = load ? (small, saved) : (saved, small)
        return "copy(\(to), \(from), 8 * \(move.count) * \(times));"
      } + ["}"]
  }

  /// Puts sums of a unit aside, or back.
  private static func copies(
    _ sums: [NativeProgram.Accumulation], _ runs: NativeRuns?, back: Bool
  ) -> [String] {
    sums.enumerated().flatMap { k, sum in
      (back ? [] : ["double K\(k)[\(sum.plane * sum.planes)];"])
        + (0..<sum.planes).map { plane in
          let (start, count) = part(sum, plane, runs)
          let (aside, sums) = ("K\(k) + \(start)", "U + \(sum.offset) + \(start)")
          return "copy(\(back ? sums : aside), \(back ? aside : sums), 8 * (\(count)));"
        }
    }
  }

  /// One of a sum's arrays, or what a run has of it: where it starts and how long it is.
  private static func part(
    _ sum: NativeProgram.Accumulation, _ plane: Int32, _ runs: NativeRuns?
  ) -> (start: String, count: String) {
    let (start, count) = runs?.part(sum) ?? ("0", "\(sum.plane)")
    return ("\(plane * sum.plane) + \(start)", count)
  }

  /// Runs something again, in double, when a sum overflowed or a square vanished.
  private static func again(
    _ sums: [NativeProgram.Accumulation], _ runs: NativeRuns?,
    aside: [NativeProgram.Accumulation] = [], _ run: String
  ) -> [String] {
    var checks: [String] = []
    var fills = copies(aside, runs, back: true)
    for sum in sums {
      let array = "\(sum.across ? "U" : "D") + \(sum.offset)"
      func start(_ plane: Int32) -> String { "\(array) + \(part(sum, plane, runs).start)" }
      func plane(_ k: Int32) -> String { "\(start(k)), \(part(sum, k, runs).count)" }
      switch sum.family {
      case .max, .min: break
      case .moments:
        checks.append("infinite(\(plane(3)))")
        checks.append("vanishing2(\(start(3)), \(plane(2)))")
      default:
        checks.append("infinite(\(plane(0)))")
        if sum.isSquare { checks.append("vanishing(\(plane(0)))") }
      }
      fills += (0..<sum.planes).map { k in
        "fill(\(start(k)), \(sum.start), \(part(sum, k, runs).count));"
      }
    }
    guard !checks.isEmpty else { return [] }
    return ["if (\(checks.joined(separator: " | "))) {"] + fills + [run, "}"]
  }
}
