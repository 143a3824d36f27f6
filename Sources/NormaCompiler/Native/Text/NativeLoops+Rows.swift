extension NativeLoops {
  /// Row by row: sums of each row, or what is written with them.
  func rowLoop(
    _ all: [NativeProgram.Accumulation], _ outputs: [(tensor: Int32, source: NativeProgram.Source)]
  ) -> [String] {
    let sums = withoutFactors(all, byRow: true)
    let sources = all.flatMap { [$0.a, $0.b] } + outputs.map(\.source)
    let leaves = leaves(of: sources)
    // What all rows share is read once, where a whole row's worth of it stays in registers.
    let (read, held) = sums.isEmpty ? heldColumns(leaves) : ([], [])
    // What is one number a row is made once.
    let (numbers, names) = numbersOfRow(leaves, "q", "")
    let row = ["const i64 q = q0 + r, o = (row0 + r) * \(plan.rowPitch);"] + numbers
    let (near, corrections) = nearSums(sums) { names[$0] != nil }
    let isManyAtOnce = joinsManyRows(sums, all, outputs, corrections)
    let first = isManyAtOnce ? "r0" : "0"
    let eachRow =
      [
        goesBack ? "for (i64 r = n - 1; r >= 0; r--) {" : "for (i64 r = \(first); r < n; r++) {"
      ] + row
    func body(_ tail: Int?, _ column: String, _ suffix: String) -> NativeBody {
      NativeBody(
        self, tail: tail, column: column, row: "q", start: "o", suffix: suffix, names: names)
    }
    func at(_ k: Int) -> String { "double *A\(k) = \(place(all[k], row: "q"));" }
    // The middle of the first values is the shift: near enough to the mean that the variance loses
    // nothing to cancellation.
    func shift(_ k: Int) -> [String] {
      var first = body(inner < lanes ? inner : nil, "0", "f\(k)")
      let v = first.vector(all[k].a)
      return first.statements + ["A\(k)[\(all[k].plane)] = middle(\(v), \(min(inner, 4)));"]
    }
    // All rows' shifts come first: sums would wait for each. Not where that makes costly values twice.
    let own = all.indices.filter { all[$0].family == .moments && all[$0].isAlone(in: plan) }
    let early = isCostly ? [] : own
    var lines = read
    if isManyAtOnce { lines.append("i64 r0 = 0;") }
    if !early.isEmpty {
      if isManyAtOnce { lines += shiftsOfMany(early.map { all[$0] }) }
      lines += eachRow + early.flatMap { [at($0)] + shift($0) } + ["}"]
    }
    if isManyAtOnce {
      lines += manyRows(sums, near, corrections, row, leaves, body)
    }
    lines += eachRow + all.indices.map(at)
    for (k, sum) in sums.map(\.numbered) {
      switch sum.family {
      case .moments:
        if !early.contains(k) {
          lines += [own.contains(k) ? "{" : "if (A\(k)[0] == 0) {"] + shift(k) + ["}"]
        }
        lines.append("const vf k\(k) = bc((float)A\(k)[\(sum.plane)]);")
        lines.append("vd d\(k) = {}, e\(k) = {};")
      case .max, .min:
        lines.append("vf m\(k) = bc(\(sum.family == .max ? "-" : "")__builtin_inff());")
      default: lines.append("vd d\(k) = {};")
      }
    }
    func everyVector(_ add: (inout NativeBody, Int?) -> Void) -> [String] {
      func vectors(_ count: Int, _ tail: Int?, _ first: String) -> [String] {
        var (lines, stores): ([String], [String]) = ([], [])
        for u in 0..<count {
          var body = body(tail, self.column(first, vector: u), "_\(u)")
          if !held.isEmpty { body.names.merge(held[u]) { $1 } }
          add(&body, tail)
          let (statements, written) = filled(body, outputs)
          if u * lanes % 16 == 0 { lines += ahead(leaves, "o + \(body.column)") }
          lines += statements
          stores += written
        }
        return lines + stores
      }
      // Where nothing is summed, a few vectors at a time: all are read before any is written.
      let several = sums.isEmpty ? vectorsAtOnce : 1
      let most = whole / (several * lanes) * several * lanes
      var lines = ["i64 i = 0;"]
      if several > 1 {
        lines += ["for (; i < \(most); i += \(several) * W) {"] + vectors(several, nil, "i") + ["}"]
      }
      if most < whole || several == 1 {
        lines += ["for (; i < \(whole); i += W) {"] + vectors(1, nil, "i") + ["}"]
      }
      return tail > 0 ? lines + ["{"] + vectors(1, tail, "\(whole)") + ["}"] : lines
    }
    if sums.isEmpty {
      lines += everyVector { _, _ in }
    } else {
      lines += ["if (!wide) {"] + partialSums(near, outputs, leaves, body) { added(near, $0) }
      lines += corrections.map {
        "d\($0.sum) -= d\($0.other) * (double)\(names[$0.low.source] ?? "")[0];"
      }
      lines.append("} else {")
      lines += everyVector { accumulateWide(&$0, sums, tail: $1) } + ["}"]
    }
    for loop in sums {
      let k = loop.number
      for (number, sum, factor) in loop.stored {
        let add = sum.isAlone(in: plan) ? "=" : "+="
        switch sum.family {
        case .moments:
          lines.append("A\(k)[0] \(add) \(inner); A\(k)[\(2 * sum.plane)] \(add) hs(d\(k));")
          lines.append("A\(k)[\(3 * sum.plane)] \(add) hs(e\(k));")
        case .max, .min:
          lines.append("extremes(A\(number), 0, m\(k), W, \(sum.family == .max ? 1 : 0));")
        default:
          let times = factor.map { " * (double)\(names[$0.source] ?? "")[0]" } ?? ""
          lines.append("A\(number)[0] \(add) hs(d\(k))\(times);")
        }
      }
    }
    return lines + ["}"]
  }

  /// What each vector of a row has of small arrays along columns that are the same for all rows: how
  /// it is read, and its names by vector. Nothing where that is more than two thirds of the registers.
  private func heldColumns(
    _ leaves: [NativeProgram.Source]
  ) -> (lines: [String], names: [[NativeProgram.Source: String]]) {
    guard inner == vectorsAtOnce * lanes else { return ([], []) }
    let all = (0..<vectorsAtOnce).map { shared(leaves, [], column("0", vector: $0), "_\($0)", nil) }
    let count = all.reduce(0) { $0 + $1.names.count }
    return count <= (hasManyRegisters ? 20 : 10)
      ? (all.flatMap(\.lines), all.map(\.names)) : ([], [])
  }

  /// What is taken off a sum at the end: another one times a number of the row, or of the column.
  struct Correction {
    let sum: Int
    let other: Int
    let low: NativeProgram.Factor
  }

  /// Sums of v (x - high - low) as sums of v (x - high), where the sum of v is made as well: low times
  /// that one is taken off at the end.
  func nearSums(
    _ sums: [Sum], _ isAtHand: (NativeProgram.Source) -> Bool
  ) -> (sums: [Sum], corrections: [Correction]) {
    var near = sums
    var corrections: [Correction] = []
    for k in sums.indices where sums[k].terms.family == .dot {
      let terms = sums[k].terms
      for (a, b) in [(terms.a, terms.b), (terms.b, terms.a)] {
        guard case .value(let index) = b, let centered = program.centered[index],
          let low = NativeProgram.Factor(centered.rest), isAtHand(centered.rest),
          let other = sums.first(where: { $0.terms.family == .sum && $0.terms.a == a })
        else { continue }
        (near[k].terms.a, near[k].terms.b) = (a, centered.near)
        corrections.append(
          Correction(sum: sums[k].number, other: other.number, low: low))
        break
      }
    }
    return (near, corrections)
  }

  /// Adds partial sums of float, `count` of each, to those of double.
  private func added(_ sums: [Sum], _ count: Int) -> [String] {
    sums.map(\.numbered).map { k, sum in
      func joined(_ name: String) -> String {
        NativeLoops.joined((0..<count).map { "\(name)\(k)_\($0)" })
      }
      switch sum.family {
      case .moments:
        return "vf x\(k) = \(joined("p")), y\(k) = \(joined("z"));"
          + " d\(k) += lo(x\(k)) + hi(x\(k)); e\(k) += lo(y\(k)) + hi(y\(k));"
      case .max, .min: return ""
      default: return "vf x\(k) = \(joined("p")); d\(k) += lo(x\(k)) + hi(x\(k));"
      }
    }
  }

  /// Sums of a row in several partial sums of float, of few terms and what is left at the end; `join` is
  /// told how many there are of each.
  func partialSums(
    _ sums: [Sum],
    _ outputs: [(tensor: Int32, source: NativeProgram.Source)],
    _ leaves: [NativeProgram.Source],
    _ body: (_ tail: Int?, _ column: String, _ suffix: String) -> NativeBody,
    join: (_ count: Int) -> [String]
  ) -> [String] {
    let vectors = inner / lanes
    let count = sums.reduce(0) { $0 + parts($1.terms).count }
    let unroll = min(count <= (hasManyRegisters ? 4 : 2) ? 4 : 2, max(vectors, 1))
    let blocked = vectors / unroll * unroll * lanes
    // Short rows with sums of their own have few to join, and few errors to add up. Where many rows add
    // to one number, equal terms would round the same way in each.
    let isShort =
      inner <= 1024 && sums.allSatisfy { $0.stored.allSatisfy { $0.sum.isAlone(in: plan) } }
    let terms = (isShort ? 2 : 1) * NativeLoops.terms
    let most = terms * unroll * lanes
    func begin(_ count: Int) -> [String] {
      (0..<count).flatMap { u in
        sums.map(\.numbered).map { k, sum in partials(k, sum, "_\(u)") }
      }
    }
    func vector(_ column: String, _ partial: Int, _ tail: Int? = nil) -> [String] {
      var body = body(tail, column, "_\(partial)")
      accumulate(&body, sums, "_\(partial)", tail: tail)
      let (statements, stores) = filled(body, outputs)
      let asks = partial * lanes % 16 == 0 ? ahead(leaves, "o + \(column)") : []
      return asks + statements + stores
    }
    let block =
      ["for (; i < end; i += \(unroll) * W) {"]
      + (0..<unroll).flatMap { vector($0 == 0 ? "i" : "(i + \($0) * W)", $0) } + ["}"]
    let left = (whole - blocked) / lanes
    var rest = (0..<left).flatMap { ["{"] + vector("\(blocked + $0 * lanes)", $0) + ["}"] }
    if tail > 0 { rest += ["{"] + vector("\(whole)", left % unroll, tail) + ["}"] }
    // What is left joins along with the last terms, in a run of its own if there are others.
    let last = blocked <= most ? blocked : rest.isEmpty ? 0 : blocked % most
    let first = blocked - last
    var lines: [String] = []
    if first > 0 {
      lines += [
        "for (i64 i = 0; i < \(first);) {",
        "const i64 end = i + \(most) < \(first) ? i + \(most) : \(first);",
      ]
      lines += begin(unroll) + block + join(unroll) + ["}"]
    }
    guard last > 0 || !rest.isEmpty else { return lines }
    lines += ["{"] + begin(unroll)
    if last > 0 { lines += ["i64 i = \(first); const i64 end = \(blocked);"] + block }
    return lines + rest + join(unroll) + ["}"]
  }

  /// Adds the body's values to partial sums of float.
  private func accumulate(
    _ body: inout NativeBody, _ sums: [Sum], _ suffix: String, tail: Int?
  ) {
    for (k, sum) in sums.map(\.numbered) {
      let a = body.vector(sum.a)
      func kept(_ v: String) -> String { tail.map { "keep(\(v), \($0))" } ?? v }
      let id = "\(k)\(suffix)"
      switch sum.family {
      case .sum: body.add("p\(id) += \(kept(a));")
      case .dot:
        let b = body.vector(sum.b)
        body.add("p\(id) += \(kept(a)) * \(kept(b));")
      case .moments:
        body.add("vf g\(id) = \(kept("\(a) - k\(k)")); p\(id) += g\(id);")
        body.add("z\(id) += g\(id) * g\(id);")
      case .max, .min: body.add(extreme(k, sum, a, tail))
      }
    }
  }

  /// The larger or smaller of what was seen and a vector, of which `tail` floats count.
  private func extreme(
    _ k: Int, _ sum: NativeProgram.Accumulation, _ a: String, _ tail: Int?
  ) -> String {
    let held = tail.map { "nk_if(lanes() < bi(\($0)), \(a), m\(k))" } ?? a
    return "m\(k) = \(sum.family == .max ? "nk_max" : "nk_min")(m\(k), \(held));"
  }

  /// Adds the body's values to sums of double, along a row.
  private func accumulateWide(
    _ body: inout NativeBody, _ sums: [Sum], tail: Int?
  ) {
    for (k, sum) in sums.map(\.numbered) {
      let a = body.vector(sum.a)
      func kept(_ v: String) -> String { tail.map { "keep(\(v), \($0))" } ?? v }
      switch sum.family {
      case .sum: body.add("{ vf x = \(kept(a)); d\(k) += lo(x) + hi(x); }")
      case .dot:
        let b = body.vector(sum.b)
        body.add("{ vf x = \(kept(a)), y = \(kept(b)); d\(k) += lo(x) * lo(y) + hi(x) * hi(y); }")
      case .moments:
        body.add("{ vf x = \(kept("\(a) - k\(k)")); vd l = lo(x), h = hi(x);")
        body.add("d\(k) += l + h; e\(k) += l * l + h * h; }")
      case .max, .min: body.add(extreme(k, sum, a, tail))
      }
    }
  }
}
