extension NativeLoops {
  /// A few rows at a time, a block of columns after the other: sums of columns.
  func columnLoop(
    _ sums: [NativeProgram.Accumulation], _ outputs: [(tensor: Int32, source: NativeProgram.Source)]
  ) -> [String] {
    // Sums that differ from row to row take rows one by one.
    let rows = sums.contains { $0.address.row != 0 } ? 1 : 2 * NativeLoops.terms
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
}
