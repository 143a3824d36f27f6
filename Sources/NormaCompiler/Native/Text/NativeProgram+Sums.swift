/// What passes add up, and which of it is the same but for a factor.
extension NativeProgram {
  /// What all terms of a sum have in common: a number, or a small array.
  enum Factor {
    case constant(UInt32)
    case small(Small)

    /// Nil for what is more than a number or a small array.
    init?(_ source: Source) {
      switch source {
      case .constant(let bits): self = .constant(bits)
      case .small(let small): self = .small(small)
      case .value, .tensor: return nil
      }
    }

    var source: Source {
      switch self {
      case .constant(let bits): .constant(bits)
      case .small(let small): .small(small)
      }
    }
  }

  struct Accumulation {
    enum Family { case sum, dot, moments, max, min }
    var family: Family
    var a: Source
    var b: Source
    let offset: Int32
    let plane: Int32
    let across: Bool
    let address: Address

    /// Sums of squares vanish before what they are sums of.
    var isSquare: Bool { family == .dot && a == b }
    /// Whether tiles are reduced along the inner axis.
    var isByRow: Bool { address.inner == 0 }
    /// Whether all rows of a block add to one number.
    var isTotal: Bool { isByRow && address.row == 0 && (family == .sum || family == .dot) }
    /// Whether each row of a slice has a place of its own, which is then written rather than added to.
    func isAlone(in plan: TilePlan) -> Bool {
      isByRow && !across && family != .max && family != .min
        && (address.row != 0 || plan.blockRows == 1)
        && zip(plan.leadCounts, address.lead).allSatisfy { $0 == 1 || $1 != 0 }
    }
    /// Whether two sums of one loop have equal terms. Row by row a total, too, gets one number a row,
    /// times a factor; of columns a total is one number and the others are arrays.
    func isSame(_ other: Accumulation, byRow: Bool) -> Bool {
      family != .moments && family == other.family && a == other.a && b == other.b
        && (byRow || isTotal == other.isTotal)
    }

    var planes: Int32 { family == .moments ? 4 : 1 }
    var start: String {
      switch family {
      case .max: "-__builtin_inf()"
      case .min: "__builtin_inf()"
      default: "0"
      }
    }
  }

  /// How many arrays sums of columns need at most to wait in until all rows of a slice have passed; nil
  /// where they cannot.
  func sumsThatWait(_ plan: TilePlan) -> Int? {
    guard let last = passes.last else { return nil }
    let columns = passes.map { $0.accumulations.filter { !$0.isByRow } }
    guard columns.contains(where: { !$0.isEmpty }) else { return 0 }
    guard plan.level == .rows, plan.sliceRows <= 2 * NativeLoops.terms,
      columns.dropLast().allSatisfy(\.isEmpty), !last.outputs.isEmpty,
      last.accumulations.allSatisfy({ $0.across && $0.family != .moments })
    else { return nil }
    return last.accumulations.count
  }

  /// What is added up, and the factor that all its terms have: one a row, or one a column. Factors are
  /// finite, or all is lost anyway. The factor of a product within the terms comes out only if another
  /// of the sums has what is left: without it small terms may vanish in float, and so they do there.
  func apart(
    _ sum: Accumulation, of sums: [Accumulation], byRow: Bool
  ) -> (sum: Accumulation, factor: Factor?) {
    let plain = apart(sum, byRow: byRow, ofProducts: false)
    let deeper = apart(sum, byRow: byRow, ofProducts: true)
    return isMade(deeper.sum, by: sums, byRow: byRow) ? deeper : plain
  }

  /// Whether one of some sums has these terms, and perhaps a factor.
  func isMade(_ terms: Accumulation, by sums: [Accumulation], byRow: Bool) -> Bool {
    sums.contains { apart($0, byRow: byRow, ofProducts: false).sum.isSame(terms, byRow: byRow) }
  }

  private func apart(
    _ sum: Accumulation, byRow: Bool, ofProducts: Bool
  ) -> (sum: Accumulation, factor: Factor?) {
    func factor(_ source: Source) -> Factor? {
      guard let factor = Factor(source) else { return nil }
      let (oneARow, oneAColumn) = (isOneARow(source), isOneAColumn(source))
      return (byRow ? oneARow : sum.isTotal ? oneARow && oneAColumn : oneAColumn) ? factor : nil
    }
    /// What is left of a product without its factor.
    func split(_ a: Source, _ b: Source) -> (rest: Source, factor: Factor)? {
      switch (factor(a), factor(b)) {
      case (nil, let factor?): (a, factor)
      case (let factor?, nil): (b, factor)
      default: nil
      }
    }
    func splitValue(_ source: Source) -> (rest: Source, factor: Factor)? {
      guard case .value(let index) = source else { return nil }
      if let (centered, factor) = centeredProducts[index] { return split(centered, factor) }
      guard values[index].operation == "mul" else { return nil }
      return split(values[index].operands[0], values[index].operands[1])
    }
    guard sum.family == .dot, sum.a != sum.b else { return (sum, nil) }
    var terms = sum
    if let (rest, factor) = split(sum.a, sum.b) {
      terms.family = .sum
      (terms.a, terms.b) = (rest, rest)
      return (terms, factor)
    }
    guard ofProducts else { return (sum, nil) }
    if let (rest, factor) = splitValue(sum.b) {
      terms.b = rest
      return (terms, factor)
    }
    if let (rest, factor) = splitValue(sum.a) {
      terms.a = rest
      return (terms, factor)
    }
    return (sum, nil)
  }

  /// A sum of products as one that multiplies and adds at once.
  func opened(_ sum: Accumulation) -> Accumulation {
    guard sum.family == .sum, case .value(let index) = sum.a, values[index].operation == "mul"
    else { return sum }
    var terms = sum
    terms.family = .dot
    (terms.a, terms.b) = (values[index].operands[0], values[index].operands[1])
    return terms
  }
}
