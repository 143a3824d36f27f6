/// The loops over the rows of a block, for one pass.
///
/// Sums run in float for at most 8 terms, then in double. `wide` asks for double throughout: a caller
/// that finds a sum overflowed or vanished runs the pass again that way.
struct NativeLoops {
  let program: NativeProgram
  let plan: TilePlan
  let pass: NativeProgram.Pass

  private let lanes = NativePrelude.lanes
  private var inner: Int { plan.inner }
  private var whole: Int { inner / lanes * lanes }
  private var tail: Int { inner % lanes }

  /// The loops; rows are `row0 ..< row0 + n` of the tensor, `q0` is the first one's index in its block.
  func text() -> [String] {
    let byRow = pass.accumulations.filter(\.isByRow)
    let byColumn = pass.accumulations.filter { !$0.isByRow }
    // Results are written where the other loop is not needed.
    if byColumn.isEmpty { return rowLoop(byRow, pass.outputs) }
    return (byRow.isEmpty ? [] : rowLoop(byRow, [])) + columnLoop(byColumn, pass.outputs)
  }

  // MARK: along rows

  private func rowLoop(
    _ sums: [NativeProgram.Accumulation], _ outputs: [(tensor: Int32, source: NativeProgram.Source)]
  ) -> [String] {
    let vectors = inner / lanes
    let perStep = sums.isEmpty ? 1 : sums.count <= 2 ? 4 : 2
    let unroll = min(perStep, max(vectors, 1))
    let blocked = vectors / unroll * unroll * lanes
    var names: [NativeProgram.Source: String] = [:]
    var lines = [
      "for (i64 r = 0; r < n; r++) {", "const i64 q = q0 + r, o = (row0 + r) * \(inner);",
    ]
    func body(_ tail: Int?, _ column: String, _ suffix: String) -> NativeBody {
      NativeBody(
        program, tail: tail, column: column, row: "q", start: "o", suffix: suffix, names: names)
    }
    // What is one number a row is made once.
    let sources = sums.flatMap { [$0.a, $0.b] } + outputs.map(\.source)
    for (k, leaf) in NativeBody.leaves(of: sources, in: program).enumerated() {
      switch leaf {
      case .small(let small) where small.address.inner == 0:
        lines.append("const vf s\(k) = bc(*(\(NativeBody.place(small, row: "q"))));")
      case .constant(let value):
        lines.append("const vf s\(k) = bc(\(NativeBody.number(value)));")
      default: continue
      }
      names[leaf] = "s\(k)"
    }
    for (k, sum) in sums.enumerated() {
      lines.append("double *A\(k) = \(place(sum, row: "q"));")
      switch sum.family {
      case .moments:
        // The mean of the first values is the shift: near enough to the mean that the variance loses
        // nothing to cancellation.
        var first = body(inner < lanes ? inner : nil, "0", "f")
        let v = first.vector(sum.a)
        let kept = inner < lanes ? "keep(\(v), \(inner))" : v
        let shift = "hsf(\(kept)) * \(NativeBody.number(1 / Float(min(inner, lanes))))"
        if sum.isAlone(in: plan) {
          lines += first.statements
          lines.append("const float z\(k) = \(shift); A\(k)[\(sum.plane)] = z\(k);")
          lines.append("const vf k\(k) = bc(z\(k));")
        } else {
          lines.append("if (A\(k)[0] == 0) {")
          lines += first.statements + ["A\(k)[\(sum.plane)] = \(shift);", "}"]
          lines.append("const vf k\(k) = bc((float)A\(k)[\(sum.plane)]);")
        }
        lines.append("vd d\(k) = {}, e\(k) = {};")
      case .max, .min:
        lines.append("vf m\(k) = bc(\(sum.family == .max ? "-" : "")__builtin_inff());")
      default: lines.append("vd d\(k) = {};")
      }
    }
    let plain = body(nil, "i", "")
    if sums.isEmpty {
      lines.append("for (i64 i = 0; i < \(whole); i += W) {")
      lines += filled(plain, outputs) + ["}"]
    } else {
      if blocked > 0 {
        // As many vectors as a partial sum of float may take.
        let most = 8 * unroll * lanes
        lines.append("i64 i = 0;")
        if blocked <= most {
          lines += ["if (!wide) {", "const i64 end = \(blocked);"]
        } else {
          lines.append("if (!wide) while (i < \(blocked)) {")
          lines.append("const i64 end = i + \(most) < \(blocked) ? i + \(most) : \(blocked);")
        }
        for u in 0..<unroll {
          for (k, sum) in sums.enumerated() {
            lines.append(partials(k, sum, "_\(u)"))
          }
        }
        lines.append("for (; i < end; i += \(unroll) * W) {")
        for u in 0..<unroll {
          var copy = body(nil, u == 0 ? "i" : "(i + \(u) * W)", "_\(u)")
          accumulate(&copy, sums, "_\(u)")
          lines += filled(copy, outputs)
        }
        lines.append("}")
        for (k, sum) in sums.enumerated() {
          func joined(_ name: String) -> String {
            (0..<unroll).map { "\(name)\(k)_\($0)" }.joined(separator: " + ")
          }
          switch sum.family {
          case .moments:
            lines.append("vf x\(k) = \(joined("p")), y\(k) = \(joined("z"));")
            lines.append("d\(k) += lo(x\(k)) + hi(x\(k)); e\(k) += lo(y\(k)) + hi(y\(k));")
          case .max, .min: break
          default:
            lines.append("vf x\(k) = \(joined("p")); d\(k) += lo(x\(k)) + hi(x\(k));")
          }
        }
        lines.append("}")
        lines.append("for (; i < \(whole); i += W) {")
      } else {
        lines.append("for (i64 i = 0; i < \(whole); i += W) {")
      }
      var wide = plain
      accumulateWide(&wide, sums, tail: nil)
      lines += filled(wide, outputs) + ["}"]
    }
    if tail > 0 {
      lines.append("{")
      var rest = body(tail, "\(whole)", "")
      accumulateWide(&rest, sums, tail: tail)
      lines += filled(rest, outputs) + ["}"]
    }
    for (k, sum) in sums.enumerated() {
      let add = sum.isAlone(in: plan) ? "=" : "+="
      switch sum.family {
      case .moments:
        lines.append("A\(k)[0] \(add) \(inner); A\(k)[\(2 * sum.plane)] \(add) hs(d\(k));")
        lines.append("A\(k)[\(3 * sum.plane)] \(add) hs(e\(k));")
      case .max, .min:
        lines.append("extremes(A\(k), 0, m\(k), W, \(sum.family == .max ? 1 : 0));")
      default: lines.append("A\(k)[0] \(add) hs(d\(k));")
      }
    }
    return lines + ["}"]
  }

  private func partials(_ k: Int, _ sum: NativeProgram.Accumulation, _ suffix: String) -> String {
    switch sum.family {
    case .moments: "vf p\(k)\(suffix) = {}, z\(k)\(suffix) = {};"
    case .max, .min: ""
    default: "vf p\(k)\(suffix) = {};"
    }
  }

  /// Adds the body's values to partial sums of float.
  private func accumulate(
    _ body: inout NativeBody, _ sums: [NativeProgram.Accumulation], _ suffix: String
  ) {
    for (k, sum) in sums.enumerated() {
      let a = body.vector(sum.a)
      switch sum.family {
      case .sum: body.add("p\(k)\(suffix) += \(a);")
      case .dot: body.add("p\(k)\(suffix) += \(a) * \(body.vector(sum.b));")
      case .moments:
        body.add("vf g\(k)\(suffix) = \(a) - k\(k); p\(k)\(suffix) += g\(k)\(suffix);")
        body.add("z\(k)\(suffix) += g\(k)\(suffix) * g\(k)\(suffix);")
      case .max, .min:
        body.add("m\(k) = extreme(m\(k), \(a), \(sum.family == .max ? 1 : 0));")
      }
    }
  }

  /// Adds the body's values to sums of double, along a row.
  private func accumulateWide(
    _ body: inout NativeBody, _ sums: [NativeProgram.Accumulation], tail: Int?
  ) {
    for (k, sum) in sums.enumerated() {
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
      case .max, .min:
        let held = tail.map { "nk_if(lanes() < bi(\($0)), \(a), m\(k))" } ?? a
        body.add("m\(k) = extreme(m\(k), \(held), \(sum.family == .max ? 1 : 0));")
      }
    }
  }

  /// Whether a row is short enough for the stack, where unwanted results go.
  static func hasSpareRow(_ plan: TilePlan) -> Bool { plan.inner <= 16384 }

  /// The body's statements with its results written.
  private func filled(
    _ body: NativeBody, _ outputs: [(tensor: Int32, source: NativeProgram.Source)]
  ) -> [String] {
    var body = body
    for output in outputs {
      let v = body.vector(output.source)
      let t = output.tensor
      let at = "z\(t) + (\(body.start) & on\(t)) + \(body.column)"
      let store = body.tail.map { "stn(\(at), \(v), \($0));" } ?? "st(\(at), \(v));"
      let stream = plan.streams && body.tail == nil ? "if (w\(t)) stream(\(at), \(v)); else " : ""
      body.add(NativeLoops.hasSpareRow(plan) ? stream + store : "if (t\(t)) { \(stream)\(store) }")
    }
    return body.statements
  }

  // MARK: along columns

  private func columnLoop(
    _ sums: [NativeProgram.Accumulation], _ outputs: [(tensor: Int32, source: NativeProgram.Source)]
  ) -> [String] {
    // Sums that differ from row to row take rows one by one.
    let rows = sums.contains { $0.address.row != 0 } ? 1 : 16
    let wideBlock = inner >= 2 * lanes && sums.count <= 4 ? 2 : 1
    var lines = [
      "for (i64 rr = 0; rr < n; rr += \(rows)) {",
      "const i64 m = n - rr < \(rows) ? n - rr : \(rows), q1 = q0 + rr;",
    ]
    for (k, sum) in sums.enumerated() {
      lines.append("double *A\(k) = \(place(sum, row: "q1"));")
      if sum.family == .moments { lines += shifts(k, sum) }
    }
    lines.append("i64 i = 0;")
    if wideBlock == 2 {
      lines.append("for (; i + 2 * W <= \(inner); i += 2 * W) {")
      lines += columns(sums, outputs, tail: nil, block: 2, pairs: rows > 1) + ["}"]
    }
    if wideBlock == 1 || whole % (2 * lanes) != 0 {
      lines.append("for (; i < \(whole); i += W) {")
      lines += columns(sums, outputs, tail: nil, block: 1, pairs: rows > 1) + ["}"]
    }
    if tail > 0 {
      lines += ["{"] + columns(sums, outputs, tail: tail, block: 1, pairs: rows > 1) + ["}"]
    }
    for (k, sum) in sums.enumerated() where sum.family == .moments {
      lines.append("for (i64 j = 0; j < \(inner); j++) A\(k)[j] += m;")
    }
    return lines + ["}"]
  }

  /// The means of the first rows that an accumulator sees are its shifts: near enough to the mean that
  /// the variance loses nothing to cancellation.
  private func shifts(_ k: Int, _ sum: NativeProgram.Accumulation) -> [String] {
    func loop(_ tail: Int?, _ column: String) -> [String] {
      var body = NativeBody(
        program, tail: tail, column: column, row: "q1 + r", start: "(row0 + rr + r) * \(inner)",
        suffix: "f")
      body.add("u.v += \(body.vector(sum.a)) * share;")
      return ["uf u = {{}};", "for (i64 r = 0; r < m; r++) {"] + body.statements + [
        "}",
        "for (int j = 0; j < \(tail.map(String.init) ?? "W"); j++)"
          + " A\(k)[\(sum.plane) + \(column) + j] = u.s[j];",
      ]
    }
    var lines = ["if (A\(k)[0] == 0) {", "const vf share = bc(1.0f / m);"]
    if whole > 0 { lines += ["for (i64 i = 0; i < \(whole); i += W) {"] + loop(nil, "i") + ["}"] }
    if tail > 0 { lines += ["{"] + loop(tail, "\(whole)") + ["}"] }
    return lines + ["}"]
  }

  /// A block of columns over m rows.
  private func columns(
    _ sums: [NativeProgram.Accumulation],
    _ outputs: [(tensor: Int32, source: NativeProgram.Source)], tail: Int?, block: Int, pairs: Bool
  ) -> [String] {
    var lines: [String] = []
    let sources = sums.flatMap { [$0.a, $0.b] } + outputs.map(\.source)
    let leaves = NativeBody.leaves(of: sources, in: program)
    var names: [[NativeProgram.Source: String]] = Array(repeating: [:], count: block)
    for b in 0..<block {
      let column = b == 0 ? "i" : "(i + W)"
      for (k, leaf) in leaves.enumerated() {
        switch leaf {
        case .small(let small) where small.address.row == 0:
          let place = NativeBody.place(small, row: "0")
          let load =
            small.address.inner == 0
            ? "bc(*(\(place)))"
            : tail.map { "ldn(\(place) + \(column), \($0))" } ?? "ld(\(place) + \(column))"
          lines.append("const vf c\(k)_\(b) = \(load);")
        case .constant(let value):
          lines.append("const vf c\(k)_\(b) = bc(\(NativeBody.number(value)));")
        default: continue
        }
        names[b][leaf] = "c\(k)_\(b)"
      }
      for (k, sum) in sums.enumerated() where sum.family == .moments {
        let at = "A\(k) + \(sum.plane) + \(column)"
        lines.append(
          "const vf k\(k)_\(b) = \(tail.map { "narrown(\(at), \($0))" } ?? "narrow(\(at))");")
      }
    }
    func row(_ number: String, _ chain: Int, wide: Bool) -> [String] {
      var lines = ["const i64 o\(chain) = (row0 + rr + \(number)) * \(inner);"]
      // One number a row serves all columns.
      var scalars: [NativeProgram.Source: String] = [:]
      for (k, leaf) in leaves.enumerated() {
        guard case .small(let small) = leaf, small.address.inner == 0, small.address.row != 0
        else { continue }
        let place = NativeBody.place(small, row: "q1 + \(number)")
        lines.append("const vf s\(k)_\(chain) = bc(*(\(place)));")
        scalars[leaf] = "s\(k)_\(chain)"
      }
      for b in 0..<block {
        var body = NativeBody(
          program, tail: tail, column: b == 0 ? "i" : "(i + W)", row: "q1 + \(number)",
          start: "o\(chain)", suffix: "_\(b)\(chain)",
          names: names[b].merging(scalars) { known, _ in known })
        for (k, sum) in sums.enumerated() {
          let a = body.vector(sum.a)
          let id = "\(k)_\(b)"
          switch (sum.family, wide) {
          case (.sum, false): body.add("p\(id)_\(chain) += \(a);")
          case (.dot, false): body.add("p\(id)_\(chain) += \(a) * \(body.vector(sum.b));")
          case (.moments, false):
            body.add("{ vf g = \(a) - k\(id); p\(id)_\(chain) += g; z\(id)_\(chain) += g * g; }")
          case (.sum, true): body.add("d\(id) += lo(\(a)); h\(id) += hi(\(a));")
          case (.dot, true):
            let other = body.vector(sum.b)
            body.add("d\(id) += lo(\(a)) * lo(\(other)); h\(id) += hi(\(a)) * hi(\(other));")
          case (.moments, true):
            body.add("{ vd l = lo(\(a)) - lo(k\(id)), u = hi(\(a)) - hi(k\(id));")
            body.add("d\(id) += l; h\(id) += u; e\(id) += l * l; f\(id) += u * u; }")
          default: body.add("m\(id) = extreme(m\(id), \(a), \(sum.family == .max ? 1 : 0));")
          }
        }
        lines += filled(body, outputs)
      }
      return lines
    }
    let chains = pairs ? 2 : 1
    for b in 0..<block {
      for (k, sum) in sums.enumerated() {
        let id = "\(k)_\(b)"
        switch sum.family {
        case .max, .min:
          lines.append("vf m\(id) = bc(\(sum.family == .max ? "-" : "")__builtin_inff());")
        case .moments: lines.append("vd d\(id) = {}, h\(id) = {}, e\(id) = {}, f\(id) = {};")
        default: lines.append("vd d\(id) = {}, h\(id) = {};")
        }
      }
    }
    lines.append("if (!wide) {")
    for b in 0..<block {
      for (k, sum) in sums.enumerated() {
        for chain in 0..<chains { lines.append(partials(k, sum, "_\(b)_\(chain)")) }
      }
    }
    lines.append("i64 r = 0;")
    if pairs {
      lines.append("for (; r + 2 <= m; r += 2) {")
      lines += row("r", 0, wide: false) + row("r + 1", 1, wide: false) + ["}"]
    }
    lines.append(pairs ? "if (r < m) {" : "for (; r < m; r++) {")
    lines += row("r", 0, wide: false) + ["}"]
    for b in 0..<block {
      for (k, sum) in sums.enumerated() {
        let id = "\(k)_\(b)"
        func joined(_ name: String) -> String {
          (0..<chains).map { "\(name)\(id)_\($0)" }.joined(separator: " + ")
        }
        switch sum.family {
        case .max, .min: break
        case .moments:
          lines.append("{ vf x = \(joined("p")), y = \(joined("z"));")
          lines.append("d\(id) = lo(x); h\(id) = hi(x); e\(id) = lo(y); f\(id) = hi(y); }")
        default: lines.append("{ vf x = \(joined("p")); d\(id) = lo(x); h\(id) = hi(x); }")
        }
      }
    }
    lines.append("} else for (i64 r = 0; r < m; r++) {")
    lines += row("r", 0, wide: true) + ["}"]
    for b in 0..<block {
      let column = b == 0 ? (tail == nil ? "i" : "\(whole)") : "i + W"
      for (k, sum) in sums.enumerated() {
        let id = "\(k)_\(b)"
        func widen(_ plane: Int32, _ l: String, _ h: String) -> String {
          let at = "A\(k) + \(plane) + \(column)"
          return tail.map { "widenn(\(at), \(l), \(h), \($0));" } ?? "widen(\(at), \(l), \(h));"
        }
        switch sum.family {
        case .moments:
          lines.append(widen(2 * sum.plane, "d\(id)", "h\(id)"))
          lines.append(widen(3 * sum.plane, "e\(id)", "f\(id)"))
        case .max, .min:
          lines.append(
            "extremes(A\(k) + \(column), 1, m\(id), \(tail.map(String.init) ?? "W"),"
              + " \(sum.family == .max ? 1 : 0));")
        default: lines.append(widen(0, "d\(id)", "h\(id)"))
        }
      }
    }
    return lines
  }

  private func place(_ sum: NativeProgram.Accumulation, row: String) -> String {
    "\(sum.across ? "U" : "D") + \(sum.offset) + \(NativeBody.offset(sum.address, row: row))"
  }
}
