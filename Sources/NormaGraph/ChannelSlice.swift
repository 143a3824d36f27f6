import NormaCore

/// Some of a tensor's channels, one after the other.
///
/// A slice is no smaller tensor: the value keeps its place among all channels, and only those of the
/// slice count. Reductions over channels leave the others out; `concat` puts slices side by side again.
public struct ChannelSlice: Hashable, Sendable {
  /// The first channel, from 0.
  public let start: Int
  /// The channel after the last.
  public let end: Int
  /// How many channels the tensor has.
  public let total: Int

  /// How many channels it has.
  public var count: Int { end - start }

  /// What operands have in common: the slice of those with channels, or why they do not combine.
  static func shared(
    by operands: [Expr], of kind: Expr.Kind
  ) -> (ChannelSlice?, NormaError?) {
    let sliced = operands.filter { !$0.domain.isDisjoint(with: .channel) }
    guard let first = sliced.first(where: { $0.slice != nil })?.slice else { return (nil, nil) }
    guard let other = sliced.first(where: { $0.slice != first }) else { return (first, nil) }
    let word = if case .map(let operation) = kind { operation.symbol } else { "concat" }
    let theirs = other.slice ?? ChannelSlice(start: 0, end: first.total, total: first.total)
    // In the order in which they are written.
    let (a, b) = sliced.first?.slice == first ? (first, theirs) : (theirs, first)
    let help =
      a.count == b.count
      ? "they are channels \(a.text) and \(b.text): concat puts slices side by side"
      : "slice the other too, or put slices side by side with concat first"
    return (
      first,
      NormaError(
        .script, "slices of \(a.count) and \(b.count) channels do not combine in '\(word)'",
        help: help)
    )
  }

  /// `1 to 3`, counted from 1.
  public var text: String { "\(start + 1) to \(end)" }
}

extension Expr {
  /// The channels from `start` up to `end` of `total`.
  public func slice(channels start: Int, _ end: Int, of total: Int) -> Expr {
    guard domain.isSuperset(of: .channel) else {
      return failing("a value along (\(domain)) has no channels to slice")
    }
    guard slice == nil else {
      return failing(
        "a slice of a slice is not possible", help: "slice the whole tensor again")
    }
    guard start >= 0, end > start, end <= total else {
      return failing(
        "channels \(start + 1) to \(end) of \(total) are no slice",
        help: "the first is 1 or more, the last \(total) or less, and not before the first")
    }
    if start == 0, end == total { return self }
    return with(ChannelSlice(start: start, end: end, total: total))
  }

  /// Slices side by side: together they must be all channels, in order.
  public static func concat(_ parts: [Expr]) -> Expr {
    guard let first = parts.first else {
      return Expr.constant(0).failing("concat takes slices, got none")
    }
    if parts.count == 1, first.slice == nil { return first }
    var end = 0
    for part in parts {
      if let failure = part.failure { return first.failing(failure.message, help: failure.help) }
      guard let slice = part.slice else {
        return first.failing(
          "concat takes slices of channels",
          help: "x:slice(\"channel\", 1, n) is one; what varies along no channel is none")
      }
      guard slice.start == end else {
        return first.failing(
          "concat: channels \(slice.text) follow channel \(end)",
          help: "give slices in the order of their channels, without gaps")
      }
      end = slice.end
    }
    guard let total = first.slice?.total, end == total, let last = parts.last else {
      return first.failing(
        "concat: channels \(end + 1) to \(first.slice?.total ?? end) are missing",
        help: "together the slices must be all channels")
    }
    return parts.dropLast().reversed().reduce(last.with(nil)) { rest, part in
      let end = Double(part.slice?.end ?? 0)
      return .select(position(.channel).lt(.constant(end)), part.with(nil), rest)
    }
  }

  /// The same value with other channels meant.
  private func with(_ slice: ChannelSlice?) -> Expr {
    // What the operands share is not asked again: a node without operands keeps what it is given.
    Expr(copying: self, slice: slice)
  }

  /// The value within the slice, and `other` elsewhere.
  private func within(_ slice: ChannelSlice, else other: Expr) -> Expr {
    let index = Expr.position(.channel)
    var inside = index.lt(.constant(Double(slice.end)))
    if slice.start > 0 {
      let after = index.ge(.constant(Double(slice.start)))
      inside = slice.end == slice.total ? after : after * inside
    }
    return .select(inside, self, other)
  }

  /// A reduction over the channels of a slice, and over other roles.
  func reduced(_ reduction: Reduction, over roles: RoleSet, in slice: ChannelSlice) -> Expr {
    guard roles.isSuperset(of: .channel) else {
      return failing(
        "\(reduction.name) over '\(roles.intersection(.channel))' of a slice of channels",
        help: "reduce over all its channels, or group the channels without slicing them")
    }
    let x = with(nil)
    let n = Expr.constant(Double(slice.count)) * .count(roles.subtracting(.channel))
    func sum(_ value: Expr) -> Expr { value.within(slice, else: 0).sum(roles) }
    func mean() -> Expr {
      // The second sum makes good what a sum of large values loses; its derivative is the first's.
      let rough = (sum(x) / n).stopGradient()
      return rough + sum(x - rough) / n
    }
    switch reduction {
    case .sum: return sum(x)
    case .mean: return mean()
    case .variance(let correction):
      return sum((x - mean()).square()) / (n - .constant(correction))
    case .meanSquare: return sum(x.square()) / n
    case .max: return x.within(slice, else: .constant(-.infinity)).maximum(over: roles)
    case .min: return x.within(slice, else: .constant(.infinity)).minimum(over: roles)
    case .norm(let p): return x.within(slice, else: 0).norm(p, roles)
    }
  }
}
