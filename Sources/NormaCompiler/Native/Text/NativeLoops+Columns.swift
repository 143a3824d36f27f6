extension NativeLoops {
  /// Columns that share sums in float: what fits the first-level cache beside the rows.
  private var segment: Int { min((inner + lanes - 1) / lanes * lanes, 1024) }

  /// Sums of columns, and what is written with them.
  ///
  /// Where something is written, rows go in pairs from start to end, as memory has them, and the sums
  /// of a few rows wait in float, in arrays `F` along a segment of columns. Sums alone stay in registers
  /// while a few rows pass by. Either way they join those in double.
  func columnLoop(
    _ all: [NativeProgram.Accumulation], _ outputs: [(tensor: Int32, source: NativeProgram.Source)]
  ) -> [String] {
    let sums = withoutFactors(all, byRow: false)
    // Sums that differ from row to row take rows one by one.
    let single = all.contains { $0.address.row != 0 }
    let chains = single ? 1 : outputs.isEmpty ? passingChains(sums) : 2
    // Few rows have few sums to join, and few errors to add up.
    let isShort = plan.level == .sample && plan.sliceRows <= 1024
    let rows = single ? 1 : chains * NativeLoops.terms * (isShort ? 2 : 1)
    let moments = all.indices.filter { all[$0].family == .moments }
    let group = [
      "for (i64 rr = 0; rr < n; rr += \(rows)) {",
      "const i64 m = n - rr < \(rows) ? n - rr : \(rows), q1 = q0 + rr;",
    ]
    let places = all.enumerated().map { k, sum in "double *A\(k) = \(place(sum, row: "q1"));" }
    let counts = moments.map { k in
      "for (i64 j = 0; j < \(inner); j++) A\(k)[j] += \(single ? "m" : "n");"
    }
    var lines: [String]
    if single {
      lines = group + places + moments.flatMap { shifts($0, all[$0]) }
    } else {
      // The places are the same for all rows, and so is what is done there once.
      lines = ["{ const i64 rr = 0, q1 = q0, m = n < \(rows) ? n : \(rows);"] + places
      lines += moments.flatMap { shifts($0, all[$0]) } + counts + ["}"]
      lines += group + places
    }
    lines.append("if (!wide) {")
    if outputs.isEmpty {
      lines += ["const i64 c0 = 0, c1 = \(whole);"]
      let loops = everyColumn(vectors: lineVectors) {
        passing(sums, chains, $0, vectors: $1, tail: $2)
      }
      lines += totalled(sums, loops)
    } else {
      lines += alongRows(sums, outputs, together: chains)
    }
    lines += ["} else for (i64 r = 0; r < m; r++) {", "const i64 c0 = 0, c1 = \(whole);"]
    let exact = all.enumerated().map { Sum(number: $0, terms: $1, stored: []) }
    lines += row(exact, outputs, together: 1, wide: true) + ["}"]
    return lines + (single ? counts : []) + ["}"]
  }

  /// Chains of sums alone: as many as registers hold.
  private func passingChains(_ sums: [Sum]) -> Int {
    let each = sums.reduce(0) { $0 + parts($1.terms).count } * lineVectors
    return each * 4 <= (lanes == 16 ? 24 : 12) ? 4 : 2
  }

  /// Rows from start to end, segment by segment, with sums that wait in memory.
  private func alongRows(
    _ sums: [Sum],
    _ outputs: [(tensor: Int32, source: NativeProgram.Source)], together: Int
  ) -> [String] {
    var lines = [
      "for (i64 c0 = 0; c0 < \(inner); c0 += \(segment)) {",
      "const i64 c1 = c0 + \(segment) < \(whole) ? c0 + \(segment) : \(whole);",
    ]
    for (k, sum) in sums.map(\.numbered) {
      for part in parts(sum) {
        lines.append("float F\(k)\(part)[\(segment)] __attribute__((aligned(64)));")
        lines.append("for (i64 i = 0; i < \(segment); i++) F\(k)\(part)[i] = \(start(sum));")
      }
    }
    lines.append("i64 r = 0;")
    if together > 1 {
      lines += ["for (; r + \(together) <= m; r += \(together)) {"]
      lines += row(sums, outputs, together: together, wide: false) + ["}"]
    }
    lines += ["for (; r < m; r++) {"] + row(sums, outputs, together: 1, wide: false) + ["}"]
    let joins = everyColumn(segmented: true) { column, _, tail in
      sums.flatMap { sum in
        let k = sum.number
        return parts(sum.terms).flatMap { part in
          join(sum, part, "ld(F\(k)\(part) + \(column) - c0)", column, tail)
        }
      }
    }
    return lines + totalled(sums, joins) + ["}"]
  }

  /// Lines that add to the totals `T` of sums over everything, with their beginning and end.
  private func totalled(_ sums: [Sum], _ lines: [String]) -> [String] {
    let totals = sums.filter(\.terms.isTotal)
    return totals.map { "vd T\($0.number) = {};" } + lines
      + totals.flatMap { sum in
        sum.stored.map { number, _, factor in
          let times = factor.map { " * (double)\(self.factor($0, "0", nil))[0]" } ?? ""
          return "A\(number)[0] += hs(T\(sum.number))\(times);"
        }
      }
  }

  /// Whether slices are small enough to be read at once.
  private var isSmallSlice: Bool {
    plan.level == .sample && plan.sliceRows * inner <= 1 << 15
  }

  /// Vectors of a line of the cache.
  private var lineVectors: Int { max(1, 16 / lanes) }

  /// A line of columns while rows pass by, in several chains of few terms.
  private func passing(
    _ sums: [Sum], _ chains: Int, _ column: String, vectors: Int, tail: Int?
  ) -> [String] {
    let leaves = NativeBody.leaves(
      of: sums.flatMap { [$0.terms.a, $0.terms.b] }, in: program, finding: pass.finds)
    var lines: [String] = []
    var names: [[NativeProgram.Source: String]] = []
    func place(_ v: Int) -> String { v == 0 ? column : "(\(column) + \(v) * W)" }
    for v in 0..<vectors {
      var (loads, known) = shared(leaves, sums, place(v), "_\(v)", tail)
      for (k, leaf) in leaves.enumerated() {
        guard case .constant(let value) = leaf else { continue }
        loads.append("const vf s\(k)_\(v) = bc(\(NativeBody.number(Float(bitPattern: value))));")
        known[leaf] = "s\(k)_\(v)"
      }
      lines += loads
      names.append(known)
      for (k, sum) in sums.map(\.numbered) {
        for part in parts(sum) {
          let all = (0..<chains).map { "\(part)\(k)_\($0)_\(v) = bc(\(start(sum)))" }
          lines.append("vf \(all.joined(separator: ", "));")
        }
      }
    }
    func step(_ chain: Int) -> [String] {
      let row = chain == 0 ? "r" : "r + \(chain)"
      let start = "(row0 + rr + \(row)) * \(inner)"
      // Lines of rows that follow come in no order that a processor foresees, but in small slices.
      var lines = leaves.compactMap { leaf -> String? in
        guard case .tensor(let t) = leaf, vectors * lanes >= 16, !isSmallSlice else { return nil }
        let ahead = inner >= 512 ? 128 : 4 * chains * NativeLoops.terms * inner
        return "__builtin_prefetch(t\(t) + \(start) + \(column) + \(ahead));"
      }
      for v in 0..<vectors {
        var body = NativeBody(
          self, tail: tail, column: place(v), row: "q1 + \(row)", start: start,
          suffix: "_\(chain)_\(v)", names: names[v])
        for (k, sum) in sums.map(\.numbered) {
          add(k, sum, &body, to: "\(k)_\(chain)_\(v)", shift: "k\(k)_\(v)", first: false)
        }
        lines += body.statements
      }
      return lines
    }
    lines.append("i64 r = 0;")
    if chains > 1 {
      lines += ["for (; r + \(chains) <= m; r += \(chains)) {"] + (0..<chains).flatMap(step) + ["}"]
    }
    lines += ["for (; r < m; r++) {"] + step(0) + ["}"]
    for v in 0..<vectors {
      for sum in sums {
        for part in parts(sum.terms) {
          let all = (0..<chains).map { "\(part)\(sum.number)_\($0)_\(v)" }
          let joined =
            switch sum.terms.family {
            case .max: all.dropFirst().reduce(all[0]) { "extreme(\($0), \($1), 1)" }
            case .min: all.dropFirst().reduce(all[0]) { "extreme(\($0), \($1), 0)" }
            default: NativeLoops.joined(all)
            }
          lines += join(sum, part, joined, place(v), tail)
        }
      }
    }
    return lines
  }

  /// The arrays that a sum waits in.
  private func parts(_ sum: NativeProgram.Accumulation) -> [String] {
    sum.family == .moments ? ["p", "z"] : ["p"]
  }

  private func start(_ sum: NativeProgram.Accumulation) -> String {
    switch sum.family {
    case .max: "-__builtin_inff()"
    case .min: "__builtin_inff()"
    default: "0"
    }
  }

  /// A loop over the vectors of a segment, several at a time, and what is left at the end of rows.
  private func everyColumn(
    vectors: Int = 1, segmented: Bool = false,
    _ body: (_ column: String, _ vectors: Int, _ tail: Int?) -> [String]
  ) -> [String] {
    var lines = ["i64 i = c0;"]
    if vectors > 1 {
      lines += ["for (; i + \(vectors) * W <= c1; i += \(vectors) * W) {"]
      lines += body("i", vectors, nil) + ["}"]
    }
    lines += ["for (; i < c1; i += W) {"] + body("i", 1, nil) + ["}"]
    if tail > 0 {
      // The last segment has them, which may have nothing else.
      let last = segmented && inner > segment ? "if (c0 + \(segment) >= \(inner)) " : ""
      lines += [last + "{"] + body("\(whole)", 1, tail) + ["}"]
    }
    return ["{"] + lines + ["}"]
  }

  /// The means of the first rows that an accumulator sees are its shifts: near enough to the mean that
  /// the variance loses nothing to cancellation.
  private func shifts(_ k: Int, _ sum: NativeProgram.Accumulation) -> [String] {
    func loop(_ tail: Int?, _ column: String) -> [String] {
      var body = NativeBody(
        self, tail: tail, column: column, row: "q1 + r", start: "(row0 + rr + r) * \(inner)",
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

  /// One or two rows from start to end of a segment.
  private func row(
    _ sums: [Sum],
    _ outputs: [(tensor: Int32, source: NativeProgram.Source)], together: Int, wide: Bool
  ) -> [String] {
    let sources = sums.flatMap { [$0.terms.a, $0.terms.b] } + outputs.map(\.source)
    let leaves = NativeBody.leaves(of: sources, in: program, finding: pass.finds)
    var lines: [String] = []
    var names: [[NativeProgram.Source: String]] = Array(repeating: [:], count: together)
    func number(_ t: Int) -> String { t == 0 ? "r" : "r + \(t)" }
    for t in 0..<together {
      lines.append("const i64 o\(t) = (row0 + rr + \(number(t))) * \(inner);")
      // One number a row serves all columns.
      for (k, leaf) in leaves.enumerated() {
        switch leaf {
        case .small(let small) where small.address.inner == 0:
          let place = NativeBody.place(small, row: "q1 + \(number(t))")
          lines.append("const vf s\(k)_\(t) = bc(*(\(place)));")
        case .constant(let value):
          lines.append("const vf s\(k)_\(t) = bc(\(NativeBody.number(Float(bitPattern: value))));")
        default: continue
        }
        names[t][leaf] = "s\(k)_\(t)"
      }
    }
    return lines
      + everyColumn(segmented: !wide) { column, _, tail in
        var (lines, shared) = shared(leaves, sums, column, "", tail)
        // Everything is read before anything is written: a store holds up loads that only look like
        // reading what it wrote, as those of the next row do where rows are 4 KiB.
        var stores: [String] = []
        for t in 0..<together {
          var body = NativeBody(
            self, tail: tail, column: column, row: "q1 + \(number(t))", start: "o\(t)",
            suffix: "_\(t)", names: names[t].merging(shared) { known, _ in known })
          for (k, sum) in sums.map(\.numbered) {
            if wide {
              addWide(k, sum, &body)
            } else {
              add(k, sum, &body, to: "\(k)", shift: "k\(k)", first: t == 0)
            }
          }
          let (statements, written) = filled(body, outputs)
          lines += ahead(leaves, "o\(t) + \(column)") + statements
          stores += written
        }
        if !wide {
          for (k, sum) in sums.map(\.numbered) {
            for part in parts(sum) {
              let at = "F\(k)\(part) + \(column) - c0"
              switch sum.family {
              case .max, .min:
                stores.append(
                  "st(\(at), extreme(ld(\(at)), \(part)\(k), \(sum.family == .max ? 1 : 0)));")
              default: stores.append("st(\(at), ld(\(at)) + \(part)\(k));")
              }
            }
          }
        }
        return lines + stores
      }
  }

  /// What all rows of a column share: small arrays along it, and the shifts of moments.
  private func shared(
    _ leaves: [NativeProgram.Source], _ sums: [Sum], _ column: String,
    _ suffix: String, _ tail: Int?
  ) -> (lines: [String], names: [NativeProgram.Source: String]) {
    var lines: [String] = []
    var names: [NativeProgram.Source: String] = [:]
    for (k, leaf) in leaves.enumerated() {
      guard case .small(let small) = leaf, small.address.inner != 0, small.address.row == 0
      else { continue }
      let place = "\(NativeBody.place(small, row: "0")) + \(column)"
      let load = tail.map { "ldn(\(place), \($0))" } ?? "ld(\(place))"
      lines.append("const vf h\(k)\(suffix) = \(load);")
      names[leaf] = "h\(k)\(suffix)"
    }
    for (k, sum) in sums.map(\.numbered) where sum.family == .moments {
      let at = "A\(k) + \(sum.plane) + \(column)"
      let load = tail.map { "narrown(\(at), \($0))" } ?? "narrow(\(at))"
      lines.append("const vf k\(k)\(suffix) = \(load);")
    }
    return (lines, names)
  }

  /// Adds a row's vector to partial sums.
  private func add(
    _ k: Int, _ sum: NativeProgram.Accumulation, _ body: inout NativeBody, to id: String,
    shift: String, first: Bool
  ) {
    let a = body.vector(sum.a)
    let (declare, plus) = first ? ("vf ", "=") : ("", "+=")
    switch sum.family {
    case .sum: body.add("\(declare)p\(id) \(plus) \(a);")
    case .dot: body.add("\(declare)p\(id) \(plus) \(a) * \(body.vector(sum.b));")
    case .moments:
      let g = "g\(k)\(body.suffix)"
      body.add("const vf \(g) = \(a) - \(shift); \(declare)p\(id) \(plus) \(g);")
      body.add("\(declare)z\(id) \(plus) \(g) * \(g);")
    case .max, .min:
      body.add(
        first
          ? "vf p\(id) = \(a);" : "p\(id) = extreme(p\(id), \(a), \(sum.family == .max ? 1 : 0));")
    }
  }

  /// Adds a row's vector to sums of double.
  private func addWide(_ k: Int, _ sum: NativeProgram.Accumulation, _ body: inout NativeBody) {
    let a = body.vector(sum.a)
    let at = "A\(k) + \(body.column)"
    if sum.isTotal {
      let b = sum.family == .dot ? body.vector(sum.b) : "bc(1)"
      func kept(_ v: String) -> String { body.tail.map { "keep(\(v), \($0))" } ?? v }
      body.add("{ const vf x = \(kept(a)), y = \(kept(b));")
      body.add("A\(k)[0] += hs(lo(x) * lo(y) + hi(x) * hi(y)); }")
      return
    }
    func widen(_ plane: Int32, _ l: String, _ h: String) -> String {
      body.tail.map { "widenn(\(at) + \(plane), \(l), \(h), \($0));" }
        ?? "widen(\(at) + \(plane), \(l), \(h));"
    }
    switch sum.family {
    case .sum: body.add(widen(0, "lo(\(a))", "hi(\(a))"))
    case .dot:
      let b = body.vector(sum.b)
      body.add(widen(0, "lo(\(a)) * lo(\(b))", "hi(\(a)) * hi(\(b))"))
    case .moments:
      body.add("{ vd l = lo(\(a)) - lo(k\(k)), u = hi(\(a)) - hi(k\(k));")
      body.add(widen(2 * sum.plane, "l", "u"))
      body.add(widen(3 * sum.plane, "l * l", "u * u") + " }")
    case .max, .min:
      body.add(
        "extremes(\(at), 1, \(a), \(body.tail.map(String.init) ?? "W"),"
          + " \(sum.family == .max ? 1 : 0));")
    }
  }

  /// Adds the sums in float of a few rows to those in double.
  private func join(
    _ loop: Sum, _ part: String, _ from: String, _ column: String, _ tail: Int?
  ) -> [String] {
    if loop.terms.isTotal {
      let kept = tail.map { "keep(\(from), \($0))" } ?? from
      return ["{ const vf x = \(kept); T\(loop.number) += lo(x) + hi(x); }"]
    }
    let lines = loop.stored.map { number, sum, factor in
      let at = "A\(number) + \(column)"
      switch sum.family {
      case .max, .min:
        return "extremes(\(at), 1, x, \(tail.map(String.init) ?? "W"),"
          + " \(sum.family == .max ? 1 : 0));"
      default:
        let plane = sum.family != .moments ? 0 : part == "p" ? 2 * sum.plane : 3 * sum.plane
        let to = "\(at) + \(plane)"
        let (l, h) = factor == nil ? ("lo(x)", "hi(x)") : ("lo(x) * lo(f)", "hi(x) * hi(f)")
        let times = factor.map { "const vf f = \(self.factor($0, column, tail)); " } ?? ""
        return "{ \(times)"
          + (tail.map { "widenn(\(to), \(l), \(h), \($0)); }" } ?? "widen(\(to), \(l), \(h)); }")
      }
    }
    return ["{ const vf x = \(from);"] + lines + ["}"]
  }

  /// A factor of sums of columns, as a vector.
  private func factor(_ source: NativeProgram.Source, _ column: String, _ tail: Int?) -> String {
    switch source {
    case .constant(let value): return "bc(\(NativeBody.number(Float(bitPattern: value))))"
    case .small(let small):
      let place = "\(NativeBody.place(small, row: "0"))"
      if small.address.inner == 0 { return "bc(*(\(place)))" }
      return tail.map { "ldn(\(place) + \(column), \($0))" } ?? "ld(\(place) + \(column))"
    case .value, .tensor: return ""
    }
  }
}
