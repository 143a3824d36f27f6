/// The loops over the rows of a block, for one pass.
///
/// Sums run in float for a few terms, then in double. `wide` asks for double throughout: a caller
/// that finds a sum overflowed or vanished runs the pass again that way.
struct NativeLoops {
  let program: NativeProgram
  let plan: TilePlan
  let pass: NativeProgram.Pass
  /// Whether rows go from the last to the first: only where nothing is summed.
  let goesBack: Bool
  /// Whether the pass takes its time to make values, such as tanh, not to read and write.
  let isCostly: Bool
  /// Values of a row.
  private(set) var inner: Int
  /// The values that all rows of a column have: each is made once, in an array.
  private(set) var arrays: Set<Int>

  init(program: NativeProgram, plan: TilePlan, pass: NativeProgram.Pass, goesBack: Bool) {
    (self.program, self.plan, self.pass, self.goesBack) = (program, plan, pass, goesBack)
    isCostly = program.makesCostlyValues(pass)
    inner = plan.inner
    arrays = program.valuesOfColumns(pass)
  }

  /// Terms that are added in float: four keep sums of 65536 values within 2e-7 of the sum of the terms'
  /// sizes, eight those of rows of at most 1024 that have a sum each.
  static let terms = 4
  var lanes: Int { program.lanes }
  var whole: Int { inner / lanes * lanes }
  var tail: Int { inner % lanes }

  /// The loops; rows are `row0 ..< row0 + n` of the tensor, or of the slice at level channel; `q0` is the
  /// first one's index in its block.
  func text() -> [String] { arrays.isEmpty ? loops() : ["{"] + makingArrays() + loops() + ["}"] }

  private func loops() -> [String] {
    if goesAcross { return acrossRows() }
    if let asOne = withBlocksAsRows {
      return ["{", "const i64 n = 1;"] + asOne.rowLoop(pass.accumulations, []) + ["}"]
    }
    // Results are written where the other loop is not needed.
    guard pass.accumulations.contains(where: { !$0.isByRow }) else {
      return rowLoop(pass.accumulations, pass.outputs)
    }
    // One sum over everything goes along with sums of columns, unless its place is written, not added to.
    func goesByRow(_ sum: NativeProgram.Accumulation) -> Bool {
      sum.isByRow && (!sum.isTotal || sum.isAlone(in: plan))
    }
    let byRow = pass.accumulations.filter(goesByRow)
    let byColumn = pass.accumulations.filter { !goesByRow($0) }
    return (byRow.isEmpty ? [] : rowLoop(byRow, [])) + columnLoop(byColumn, pass.outputs)
  }

  /// What all rows of a column have, each along a row.
  private func makingArrays() -> [String] {
    var plain = self
    plain.arrays = []
    let names = arrays.sorted()
    let length = (inner + lanes - 1) / lanes * lanes
    func made(_ column: String, _ tail: Int?) -> [String] {
      var body = NativeBody(
        plain, tail: tail, column: column, row: "q0", start: "0", suffix: "")
      let values = names.map { body.vector(.value($0)) }
      return body.statements
        + zip(names, values).map { "st(\(NativeBody.array($0)) + \(column), \($1));" }
    }
    var lines = names.map {
      "float \(NativeBody.array($0))[\(length)] __attribute__((aligned(64)));"
    }
    if whole > 0 { lines += ["for (i64 i = 0; i < \(whole); i += W) {"] + made("i", nil) + ["}"] }
    if tail > 0 { lines += ["{"] + made("\(whole)", tail) + ["}"] }
    return lines
  }

  /// The tensors and small arrays that values need, the constants, and values that lie in arrays; not those
  /// of values that an earlier pass left.
  func leaves(of sources: [NativeProgram.Source]) -> [NativeProgram.Source] {
    program.made(for: sources, finding: pass.finds, arrays: arrays).filter {
      if case .value(let index) = $0 { arrays.contains(index) } else { true }
    }
  }

  /// The loops over blocks as if each were one row, where all that a pass makes is sums of whole blocks:
  /// statistics of groups of small images, whose rows are short.
  private var withBlocksAsRows: NativeLoops? {
    let areWhole = plan.level == .sample && (program.runs == nil || program.runs?.axis == 3)
    guard areWhole, plan.blockRows > 1, plan.rowPitch == inner, inner <= 256,
      pass.outputs.isEmpty, pass.keeps.isEmpty, pass.finds.isEmpty,
      pass.accumulations.allSatisfy({ $0.isByRow && $0.address.row == 0 })
    else { return nil }
    let sources = pass.accumulations.flatMap { [$0.a, $0.b] }
    let isOfBlocks = program.made(for: sources, finding: [:]).allSatisfy {
      switch $0 {
      case .small(let small): small.address.inner == 0 && small.address.row == 0
      case .value(let index): program.values[index].address == nil
      case .constant, .tensor: true
      }
    }
    guard isOfBlocks else { return nil }
    var loops = self
    loops.inner *= plan.blockRows
    return loops
  }

  /// A sum that a loop makes, and what becomes of it: sums that differ by a factor only are made once.
  struct Sum {
    /// The first of the sums that it stands for, by its number in the pass.
    let number: Int
    var terms: NativeProgram.Accumulation
    var stored: [(number: Int, sum: NativeProgram.Accumulation, factor: NativeProgram.Factor?)]

    var numbered: (k: Int, sum: NativeProgram.Accumulation) { (number, terms) }
  }

  func withoutFactors(_ sums: [NativeProgram.Accumulation], byRow: Bool) -> [Sum] {
    var found: [Sum] = []
    for (number, sum) in sums.enumerated() {
      let (terms, factor) = program.apart(sum, of: sums, byRow: byRow)
      if let known = found.firstIndex(where: { $0.terms.isSame(terms, byRow: byRow) }) {
        found[known].stored.append((number, sum, factor))
      } else {
        found.append(Sum(number: number, terms: terms, stored: [(number, sum, factor)]))
      }
    }
    // A product that is summed, and not multiplied for another sum, is multiplied and added at once.
    for k in found.indices {
      let product = found[k].terms.a
      let isShared = found.indices.contains {
        $0 != k && (found[$0].terms.a == product || found[$0].terms.b == product)
      }
      if !isShared { found[k].terms = program.opened(found[k].terms) }
    }
    return found
  }

  /// A sum of names in pairs.
  static func joined(_ names: [String]) -> String {
    guard names.count > 2 else { return names.joined(separator: " + ") }
    let half = names.count / 2
    return "(\(joined(Array(names[..<half])))) + (\(joined(Array(names[half...]))))"
  }

  /// Partial sums, from -0: adding to that is nothing that a compiler would keep.
  func partials(_ k: Int, _ sum: NativeProgram.Accumulation, _ suffix: String) -> String {
    switch sum.family {
    case .moments: "vf p\(k)\(suffix) = -(vf){}, z\(k)\(suffix) = -(vf){};"
    case .max, .min: ""
    default: "vf p\(k)\(suffix) = -(vf){};"
    }
  }

  /// Whether a row is short enough for the stack, where unwanted results go.
  static func hasSpareRow(_ plan: TilePlan) -> Bool { plan.inner <= 16384 }

  /// The body's statements, and those that write its results: past the cache only aligned vectors.
  func filled(
    _ body: NativeBody, _ outputs: [(tensor: Int32, source: NativeProgram.Source)],
    isAligned: Bool = true
  ) -> (statements: [String], stores: [String]) {
    var body = body
    let stores = outputs.map { output in
      let v = body.vector(output.source)
      let t = output.tensor
      let at = "z\(t) + (\(body.start) & on\(t)) + \(body.column)"
      let store = body.tail.map { "stn(\(at), \(v), \($0));" } ?? "st(\(at), \(v));"
      let goesPast = plan.streams && body.tail == nil && isAligned
      let stream = goesPast ? "if (w\(t)) stream(\(at), \(v)); else " : ""
      return NativeLoops.hasSpareRow(plan) ? stream + store : "if (t\(t)) { \(stream)\(store) }"
    }
    return (body.statements, stores)
  }

  /// Where results go past the cache, memory is asked for what the next slice, or run of rows, reads, so
  /// that it is read while results are made and written.
  ///
  /// With vectors of a whole line, each of several passes asks, and for the first-level cache, where a run
  /// is small enough: measured to save a tenth to a third where that cache has 48 KiB. So does one that
  /// makes costly values, which would wait for what it reads with many of them begun. Otherwise a pass
  /// that writes asks for the second-level cache, as the first has what it works on; but with vectors of
  /// a whole line the processor itself reads several tensors in time where another pass comes first:
  /// asking was measured to cost a tenth to a quarter there, and to save a tenth to two thirds where a
  /// pass is the only one.
  func ahead(_ leaves: [NativeProgram.Source], _ at: String) -> [String] {
    let read = tensors(leaves)
    guard plan.streams else { return [] }
    func ask(_ distance: Int, _ locality: Int) -> [String] {
      read.map { "__builtin_prefetch(t\($0) + \(at) + \(distance), 0, \(locality));" }
    }
    if plan.level == .channel {
      // A pass that only sums asks for the slice's next row, one that writes for the next slice's. Of two
      // tensors of channels that are rows the second-level cache has no room for that, and what vectors of
      // a whole line sum the processor reads in time; of blocks nothing else was measured.
      guard read.count == 1 || lanes < 16 && pass.outputs.isEmpty else { return [] }
      return ask(pass.outputs.isEmpty ? plan.rowPitch : inner, 3)
    }
    let next = program.rowsAtOnce * plan.inner
    let several = lanes >= 16 && program.passes.count > 1
    let waiting = 4 * program.waitingCount * program.waitingStride
    let isNear = plan.reads(rows: program.rowsAtOnce, within: NativeLoops.nearBytes - waiting)
    if several, isNear || isCostly {
      // What a pass reads that writes nothing is read again: no more than 16 KiB come in beside it.
      let soon = min(next, 4096 / max(read.count, 1))
      return ask(isNear && !pass.outputs.isEmpty ? next : soon, 3)
    }
    guard !pass.outputs.isEmpty, !several || read.count == 1, hasRoomAhead else { return [] }
    return ask(next, 2)
  }

  /// Whether the second-level cache has room for what the next run reads.
  var hasRoomAhead: Bool { plan.reads(rows: program.rowsAtOnce, within: 1 << 18) }

  /// What a run reads and the sums that wait come to, at most, where the first-level cache still has
  /// room for what comes next.
  private static let nearBytes = 40 << 10

  /// The tensors among what values need.
  func tensors(_ leaves: [NativeProgram.Source]) -> [Int32] {
    leaves.compactMap { if case .tensor(let t) = $0 { t } else { nil } }
  }

  /// Vectors of a row that are written together.
  var vectorsAtOnce: Int { min(4, max(1, inner / lanes)) }

  /// The column where the `v`-th vector from another column on starts.
  func column(_ first: String, vector v: Int) -> String {
    v == 0 ? first : "(\(first) + \(v) * W)"
  }

  func place(_ sum: NativeProgram.Accumulation, row: String) -> String {
    "\(sum.across ? "U" : "D") + \(sum.offset) + \(NativeBody.offset(sum.address, row: row))"
  }
}
