extension NativeLoops {
  /// Columns that share sums in float: what fits the first-level cache beside the rows.
  private var segment: Int { min((inner + lanes - 1) / lanes * lanes, 1024) }

  /// Sums of columns, and what is written with them.
  ///
  /// Sums stay in registers while a few rows pass by, then join those in double. Where something is
  /// written too, and registers or the rows of a run are few or rows share places of the cache, rows go
  /// from start to end, as memory has them, and their sums wait in float, in arrays `F`: along a segment
  /// of columns, or, from run to run, along all.
  func columnLoop(
    _ all: [NativeProgram.Accumulation], _ outputs: [(tensor: Int32, source: NativeProgram.Source)]
  ) -> [String] {
    // Sums that differ from row to row take rows one by one.
    let single = all.contains { $0.address.row != 0 }
    let (sums, corrections) = nearSums(withoutFactors(all, byRow: false)) { low in
      if case .small(let small) = low { !single && small.address.row == 0 } else { false }
    }
    // Few rows have few sums to join, and few errors to add up.
    let isShort = plan.level == .sample && plan.sliceRows <= 1024
    let rows = single ? 1 : 2 * NativeLoops.terms * (isShort ? 2 : 1)
    let moments = all.indices.filter { all[$0].family == .moments }
    let group = [
      "for (i64 rr = 0; rr < n; rr += \(rows)) {",
      "const i64 m = n - rr < \(rows) ? n - rr : \(rows), q1 = q0 + rr;",
    ]
    let places = all.enumerated().map { k, sum in "double *A\(k) = \(place(sum, row: "q1"));" }
    let counts = moments.map { k in
      "for (i64 j = 0; j < \(inner); j++) A\(k)[j] += \(single ? "m" : "n");"
    }
    let gathered = sums.filter(isGathered)
    var lines = gathered.map { "double S\($0.number)[\(inner)] = {0};" }
    if single {
      lines += group + places + moments.flatMap { shifts($0, all[$0]) }
    } else {
      // The places are the same for all rows, and so is what is done there once.
      lines += ["{ const i64 rr = 0, q1 = q0, m = n < \(rows) ? n : \(rows);"] + places
      lines += moments.flatMap { shifts($0, all[$0]) } + counts + ["}"]
      lines += group + places
    }
    lines.append("if (!wide) {")
    if outputs.isEmpty || hasManyRegisters && !waits && !rowsSharePlaces(outputs.count) {
      lines += ["const i64 c0 = 0, c1 = \(whole);"]
      let loops = everyColumn(vectors: passingVectors(sums, isWritten: !outputs.isEmpty)) {
        passing(sums, corrections, outputs, rows: rows, $0, vectors: $1, tail: $2)
      }
      lines += totalled(sums, loops)
    } else {
      lines += alongRows(sums, corrections, outputs, together: single ? 1 : rowsTogether)
    }
    lines += ["} else for (i64 r = 0; r < m; r++) {", "const i64 c0 = 0, c1 = \(whole);"]
    let exact = all.enumerated().map { Sum(number: $0, terms: $1, stored: []) }
    lines += row(exact, outputs, together: 1, wide: true) + ["}"]
    lines += (single ? counts : []) + ["}"]
    if !gathered.isEmpty {
      lines += ["if (!wide) {"] + gathered.flatMap(spread) + ["}"]
    }
    return lines
  }

  /// Rows whose results are written in turn: as many as leave registers for their sums. Where results
  /// go past the cache in parts of a line, it is one row: rows that are 4 KiB share places, and a load
  /// that looks like one of what is being written waits until its line is on its way, whole or not.
  private var rowsTogether: Int { plan.streams ? 1 : 2 }

  /// Vectors of a row that are written together: a line of the cache where it goes past that.
  private var vectorsTogether: Int { plan.streams ? lineVectors : 1 }

  /// Whether there are registers for many sums beside the rest: with vectors of a whole line, 32 in all.
  var hasManyRegisters: Bool { lanes >= 16 }

  /// Whether rows are longer than a segment and whole pages of 4 KiB: the parts of eight rows that go
  /// together then share the few places that the first-level cache has for them. Where rows come from
  /// memory, or may, segments were measured to save a tenth to a fifth of backward; from the third-level
  /// cache, or with several results, they cost a tenth, and a half where nothing asks for a pass's rows
  /// ahead of time.
  private func rowsSharePlaces(_ outputCount: Int) -> Bool {
    plan.rowPitch % 1024 == 0 && inner > segment && outputCount == 1
      && (plan.mayStream || plan.rows * inner >= TilePlan.streamedCount(.channel))
      && (program.passes.count > 1 || hasRoomAhead)
  }

  /// Vectors of columns whose sums stay at hand. Sums alone: a short row whole, so that memory is read in
  /// order; a line of the cache of a long one, as rows that are 4 KiB share its places. Where rows come
  /// from the cache and registers are few, as many as have their sums there. Where something is written, a
  /// few lines, with half of the registers for sums of up to 8 rows; one where values are costly, as what
  /// those need takes the other half.
  private func passingVectors(_ sums: [Sum], isWritten: Bool) -> Int {
    guard isWritten else {
      guard inner < 512 else { return lineVectors }
      let most = hasManyRegisters || plan.streams ? 64 / lanes : sums.count > 1 ? 2 : 4
      return max(1, min(most, inner / lanes))
    }
    guard !isCostly else { return 1 }
    let count = sums.reduce(0) { $0 + parts($1.terms).count }
    return max(1, min(4, 8 / max(count, 1), inner / lanes))
  }

  /// Whether sums of columns wait from one run of rows to the next.
  private var waits: Bool { program.waitingCount > 0 && !pass.outputs.isEmpty }

  /// Rows from start to end, segment by segment or whole, with sums that wait in memory.
  private func alongRows(
    _ sums: [Sum], _ corrections: [Correction],
    _ outputs: [(tensor: Int32, source: NativeProgram.Source)], together: Int
  ) -> [String] {
    let arrays = sums.flatMap { sum in
      parts(sum.terms).map { (name: "F\(sum.number)\($0)", start: start(sum.terms)) }
    }
    func begin(_ length: Int) -> [String] {
      arrays.map { "for (i64 i = 0; i < \(length); i++) \($0.name)[i] = \($0.start);" }
    }
    var lines: [String]
    if waits {
      lines = ["{ const i64 c0 = 0, c1 = \(whole);"]
      lines += arrays.enumerated().map {
        "float *\($1.name) = kept + \(program.waitingStart + $0 * program.waitingStride);"
      }
      lines += ["if (from == start) {"] + begin(program.waitingStride) + ["}"]
    } else {
      lines = [
        "for (i64 c0 = 0; c0 < \(inner); c0 += \(segment)) {",
        "const i64 c1 = c0 + \(segment) < \(whole) ? c0 + \(segment) : \(whole);",
      ]
      lines += arrays.map { "float \($0.name)[\(segment)] __attribute__((aligned(64)));" }
      lines += begin(segment)
    }
    lines.append("i64 r = 0;")
    if together > 1 {
      lines += ["for (; r + \(together) <= m; r += \(together)) {"]
      lines += row(sums, outputs, together: together, wide: false) + ["}"]
    }
    lines += ["for (; r < m; r++) {"] + row(sums, outputs, together: 1, wide: false) + ["}"]
    let joins = everyColumn(segmented: !waits) { column, _, tail in
      sums.flatMap { sum in
        let k = sum.number
        return parts(sum.terms).flatMap { part in
          join(
            sum, part,
            corrected(k, corrections, column, tail) {
              "ld(F\($0)\(part) + \(column) - c0)"
            }, column, tail)
        }
      }
    }
    let isLastRun = "to == c->rows || to - start == \(plan.sliceRows)"
    return lines + [waits ? "if (\(isLastRun)) {" : "{"] + totalled(sums, joins) + ["}", "}"]
  }

  /// Whether slices are small enough to be read at once.
  private var isSmallSlice: Bool {
    plan.level == .sample && plan.sliceRows * inner <= 1 << 15
  }

  /// How many floats ahead of rows that are summed memory is asked for: a little of each long row; of
  /// short ones 16 KiB in all where vectors are a whole line and the first-level cache has 48, else 8 of
  /// 32. With four times that, two tensors from the next level were measured to take a third longer on
  /// the smaller one; from memory it needs 8 of each. With whole lines it was not measured. Of a block of
  /// columns two rows ahead: with eight, rows that are 4 KiB apart push out one another.
  private func soon(_ tensorCount: Int) -> Int {
    if plan.level == .channel, plan.form.order == .channelsLast { return 2 * plan.rowPitch }
    if inner >= 512 { return 128 }
    if hasManyRegisters { return 4096 / max(tensorCount, 1) }
    return plan.streams ? 2048 : 2048 / max(tensorCount, 1)
  }

  /// Vectors of a line of the cache.
  private var lineVectors: Int { max(1, 16 / lanes) }

  /// Some vectors of columns while `rows` rows pass by, at most: `p` of a few rows, `T` of all; where
  /// those are more than 8, `U` of 8.
  private func passing(
    _ sums: [Sum], _ corrections: [Correction],
    _ outputs: [(tensor: Int32, source: NativeProgram.Source)], rows: Int,
    _ column: String, vectors: Int, tail: Int?
  ) -> [String] {
    let sources = sums.flatMap { [$0.terms.a, $0.terms.b] } + outputs.map(\.source)
    let leaves = leaves(of: sources)
    let columns = (0..<vectors).map { self.column(column, vector: $0) }
    var lines: [String] = []
    var names: [[NativeProgram.Source: String]] = []
    func each(_ text: (_ part: String, _ sum: Sum, _ id: String) -> String) -> [String] {
      (0..<vectors).flatMap { v in
        sums.flatMap { sum in
          parts(sum.terms).map { text($0, sum, "\(sum.number)_\(v)") }
        }
      }
    }
    func begin(_ level: String) -> [String] {
      each { part, sum, id in "vf \(level)\(part)\(id) = bc(\(start(sum.terms)));" }
    }
    func fold(_ level: String, into total: String) -> [String] {
      each { part, sum, id in
        let (from, to) = (level + part + id, total + part + id)
        return "\(to) = \(both(sum.terms, to, from));"
      }
    }
    for v in 0..<vectors {
      let (loads, known) = shared(leaves, sums, columns[v], "_\(v)", tail)
      lines += loads
      names.append(known)
    }
    // Where rows are written, they go in fewer at a time: what is read stays at hand until then.
    let few = min(rows, NativeLoops.terms, outputs.isEmpty ? NativeLoops.terms : 8 / vectors)
    let eight = 2 * NativeLoops.terms
    let total = rows > eight ? "U" : "T"
    func group(_ count: Int) -> [String] {
      var (lines, stores): ([String], [String]) = ([], [])
      for t in 0..<count {
        let row = t == 0 ? "r" : "r + \(t)"
        let start = "o\(t)"
        let (numbers, known) = numbersOfRow(leaves, "q1 + \(row)", "_\(t)")
        lines += ["const i64 \(start) = (row0 + rr + \(row)) * \(plan.rowPitch);"] + numbers
        for v in 0..<vectors {
          if v * lanes % 16 == 0 {
            if !outputs.isEmpty {
              lines += ahead(leaves, "\(start) + \(columns[v])")
            } else if !isSmallSlice {
              let read = tensors(leaves)
              let soon = "\(start) + \(columns[v]) + \(soon(read.count))"
              lines += read.map { "__builtin_prefetch(t\($0) + \(soon));" }
            }
          }
          var body = NativeBody(
            self, tail: tail, column: columns[v], row: "q1 + \(row)",
            start: start,
            suffix: "_\(t)_\(v)", names: names[v].merging(known) { shared, _ in shared })
          for (k, sum) in sums.map(\.numbered) {
            add(k, sum, &body, to: "\(k)_\(v)", shift: "k\(k)_\(v)", first: t == 0)
          }
          let (statements, written) = filled(body, outputs)
          lines += statements
          stores += written
        }
      }
      return lines + stores + fold("", into: total)
    }
    lines += begin("T")
    if total == "U" {
      lines.append("for (i64 h = 0; h < m; h += \(eight)) {")
      lines += ["const i64 e = h + \(eight) < m ? h + \(eight) : m;", "i64 r = h;"] + begin("U")
    } else {
      lines.append("{ const i64 e = m; i64 r = 0;")
    }
    if few > 1 { lines += ["for (; r + \(few) <= e; r += \(few)) {"] + group(few) + ["}"] }
    lines += ["for (; r < e; r++) {"] + group(1) + ["}"]
    if total == "U" { lines += fold("U", into: "T") }
    lines.append("}")
    for v in 0..<vectors {
      for sum in sums {
        for part in parts(sum.terms) {
          lines += join(
            sum, part,
            corrected(sum.number, corrections, columns[v], tail) {
              "T\(part)\($0)_\(v)"
            }, columns[v], tail)
        }
      }
    }
    return lines
  }

  /// What is one number a row, which serves all columns.
  func numbersOfRow(
    _ leaves: [NativeProgram.Source], _ row: String, _ suffix: String
  ) -> (lines: [String], names: [NativeProgram.Source: String]) {
    var lines: [String] = []
    var names: [NativeProgram.Source: String] = [:]
    for (k, leaf) in leaves.enumerated() {
      switch leaf {
      case .small(let small) where small.address.inner == 0:
        let place = NativeBody.place(small, row: row)
        lines.append("const vf s\(k)\(suffix) = bc(*(\(place)));")
      case .constant(let value):
        let number = NativeBody.number(Float(bitPattern: value))
        lines.append("const vf s\(k)\(suffix) = bc(\(number));")
      default: continue
      }
      names[leaf] = "s\(k)\(suffix)"
    }
    return (lines, names)
  }

  /// Two parts of a sum, or of an extreme, as one.
  private func both(_ sum: NativeProgram.Accumulation, _ a: String, _ b: String) -> String {
    switch sum.family {
    case .max: "nk_max(\(a), \(b))"
    case .min: "nk_min(\(a), \(b))"
    default: "\(a) + \(b)"
    }
  }

  /// The arrays that a sum waits in.
  func parts(_ sum: NativeProgram.Accumulation) -> [String] {
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

  /// An accumulator's shifts are the means of the first rows that it sees, without the largest and
  /// the smallest value: near enough to the mean that the variance loses nothing to cancellation,
  /// whatever one outlier is. Of one row it is its value, of two the one nearer to 0.
  private func shifts(_ k: Int, _ sum: NativeProgram.Accumulation) -> [String] {
    func loop(_ tail: Int?, _ column: String) -> [String] {
      func row(_ r: String) -> [String] {
        var body = NativeBody(
          self, tail: tail, column: column, row: "q1 + \(r)",
          start: "(row0 + rr + \(r)) * \(plan.rowPitch)", suffix: "f")
        let value = body.vector(sum.a)
        return body.statements + ["v = \(value);"]
      }
      return ["vf v; {"] + row("0") + ["}", "vf low = v, high = v, mean = v;", "if (m > 1) {"]
        + row("1") + [
          "mean = nearer(low, v); pushed_inside(v, &low, &high);", "}", "if (m > 2) mean = bc(0);",
          "for (i64 r = 2; r < m; r++) {",
        ] + row("r") + [
          "mean += pushed_inside(v, &low, &high) * share;", "}", "const uf u = {mean};",
          "for (int j = 0; j < \(tail.map(String.init) ?? "W"); j++)"
            + " A\(k)[\(sum.plane) + \(column) + j] = u.s[j];",
        ]
    }
    var lines = ["if (A\(k)[0] == 0) {", "const vf share = bc(m > 2 ? 1.0f / (m - 2) : 0);"]
    if whole > 0 { lines += ["for (i64 i = 0; i < \(whole); i += W) {"] + loop(nil, "i") + ["}"] }
    if tail > 0 { lines += ["{"] + loop(tail, "\(whole)") + ["}"] }
    return lines + ["}"]
  }

  /// One or a few rows from start to end of a segment.
  private func row(
    _ sums: [Sum],
    _ outputs: [(tensor: Int32, source: NativeProgram.Source)], together: Int, wide: Bool
  ) -> [String] {
    let sources = sums.flatMap { [$0.terms.a, $0.terms.b] } + outputs.map(\.source)
    let leaves = leaves(of: sources)
    var lines: [String] = []
    var names: [[NativeProgram.Source: String]] = Array(repeating: [:], count: together)
    func number(_ t: Int) -> String { t == 0 ? "r" : "r + \(t)" }
    for t in 0..<together {
      lines.append("const i64 o\(t) = (row0 + rr + \(number(t))) * \(plan.rowPitch);")
      let (numbers, known) = numbersOfRow(leaves, "q1 + \(number(t))", "_\(t)")
      lines += numbers
      names[t] = known
    }
    return lines
      + everyColumn(
        vectors: wide ? 1 : vectorsTogether, segmented: !wide && !waits
      ) { column, vectors, tail in
        // Everything is read before anything is written: a store holds up loads that only look like
        // reading what it wrote, as those of the next row do where rows are 4 KiB.
        var (lines, stores): ([String], [String]) = ([], [])
        for v in 0..<vectors {
          let place = self.column(column, vector: v)
          let (loads, shared) = shared(leaves, sums, place, "_\(v)", tail)
          lines += loads
          for t in 0..<together {
            var body = NativeBody(
              self, tail: tail, column: place, row: "q1 + \(number(t))", start: "o\(t)",
              suffix: "_\(t)_\(v)", names: names[t].merging(shared) { known, _ in known })
            for (k, sum) in sums.map(\.numbered) {
              if wide {
                addWide(k, sum, &body, shift: "k\(k)_\(v)")
              } else {
                add(k, sum, &body, to: "\(k)_\(v)", shift: "k\(k)_\(v)", first: t == 0)
              }
            }
            let (statements, written) = filled(body, outputs)
            if v * lanes % 16 == 0 { lines += ahead(leaves, "o\(t) + \(place)") }
            lines += statements
            stores += written
          }
          if !wide { stores += waiting(sums, place, "_\(v)") }
        }
        return lines + stores
      }
  }

  /// Adds sums of a few rows to those that wait in memory.
  private func waiting(_ sums: [Sum], _ column: String, _ suffix: String) -> [String] {
    sums.map(\.numbered).flatMap { k, sum in
      parts(sum).map { part in
        let at = "F\(k)\(part) + \(column) - c0"
        return "st(\(at), \(both(sum, "ld(\(at))", "\(part)\(k)\(suffix)")));"
      }
    }
  }

  /// What all rows of a column share: small arrays along it, and the shifts of moments.
  func shared(
    _ leaves: [NativeProgram.Source], _ sums: [Sum], _ column: String,
    _ suffix: String, _ tail: Int?
  ) -> (lines: [String], names: [NativeProgram.Source: String]) {
    var lines: [String] = []
    var names: [NativeProgram.Source: String] = [:]
    for (k, leaf) in leaves.enumerated() {
      let array: String
      switch leaf {
      case .small(let small) where small.address.inner != 0 && small.address.row == 0:
        array = NativeBody.place(small, row: "0")
      case .value(let index): array = NativeBody.array(index)
      case .small, .constant, .tensor: continue
      }
      let place = "\(array) + \(column)"
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
          ? "vf p\(id) = \(a);" : "p\(id) = \(both(sum, "p\(id)", a));")
    }
  }

  /// Adds a row's vector to sums of double.
  private func addWide(
    _ k: Int, _ sum: NativeProgram.Accumulation, _ body: inout NativeBody, shift: String
  ) {
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
      body.add("{ vd l = lo(\(a)) - lo(\(shift)), u = hi(\(a)) - hi(\(shift));")
      body.add(widen(2 * sum.plane, "l", "u"))
      body.add(widen(3 * sum.plane, "l * l", "u * u") + " }")
    case .max, .min:
      body.add(
        "extremes(\(at), 1, \(a), \(body.tail.map(String.init) ?? "W"),"
          + " \(sum.family == .max ? 1 : 0));")
    }
  }
}
