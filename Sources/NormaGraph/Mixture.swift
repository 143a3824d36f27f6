import NormaCore

/// A mixture of small values along different roles, such as means, taken from a tensor: their differences from
/// it, mixed. A mixture as large as the tensor would be rounded like its values, however near they lie.
enum Mixture {
  /// `x - (w m + (1 - w) l)` and `x - (l + w (m - l))` as `w (x - m) + (1 - w) (x - l)`, and the same of any
  /// number of values whose weights are parts of their sum; nil for anything else.
  static func subtracted(from x: Expr, _ mixture: Expr) -> Expr? {
    guard x.domain == .all, mixture.domain == .all, case .map(.add) = mixture.kind,
      let parts = drawn(mixture) ?? weighed(mixture),
      parts.allSatisfy({ $0.weight.domain != .all && $0.value.domain != .all })
    else { return nil }
    let terms = parts.map { $0.weight * (x - $0.value) }
    return terms.dropFirst().reduce(terms[0], +)
  }

  private typealias Part = (weight: Expr, value: Expr)

  /// The parts of `l + w (m - l)`.
  private static func drawn(_ sum: Expr) -> [Part]? {
    for (l, product) in both(sum) {
      guard case .map(.mul) = product.kind else { continue }
      for (w, difference) in both(product) {
        guard case .map(.sub) = difference.kind, Simplification.same(difference.operands[1], l)
        else { continue }
        return [(w, difference.operands[0]), (1 - w, l)]
      }
    }
    return nil
  }

  /// The parts of a sum of products with weights that make one.
  private static func weighed(_ sum: Expr) -> [Part]? {
    let terms = terms(of: sum)
    guard terms.allSatisfy({ $0.kind == .map(.mul) }) else { return nil }
    if terms.count == 2 {
      for first in both(terms[0]) {
        for second in both(terms[1]) {
          if isRest(first.0, of: second.0) || isRest(second.0, of: first.0) {
            return [first, second]
          }
        }
      }
    }
    // e / (e + ... + f), ..., f / (e + ... + f).
    var parts: [Part] = []
    for term in terms {
      guard let part = both(term).first(where: { $0.0.kind == .map(.div) }) else { return nil }
      parts.append(part)
    }
    let total = parts[0].weight.operands[1]
    var left = Mixture.terms(of: total)
    for part in parts {
      guard Simplification.same(part.weight.operands[1], total),
        let place = left.firstIndex(where: { Simplification.same($0, part.weight.operands[0]) })
      else { return nil }
      left.remove(at: place)
    }
    return left.isEmpty ? parts : nil
  }

  private static func isRest(_ rest: Expr, of weight: Expr) -> Bool {
    rest.kind == .map(.sub) && rest.operands[0].constantValue == 1
      && Simplification.same(rest.operands[1], weight)
  }

  private static func both(_ node: Expr) -> [(Expr, Expr)] {
    [(node.operands[0], node.operands[1]), (node.operands[1], node.operands[0])]
  }

  /// The terms of a sum; more than a handful are one.
  private static func terms(of sum: Expr) -> [Expr] {
    var found: [Expr] = []
    var pending = [sum]
    while let next = pending.popLast() {
      if next.kind == .map(.add) { pending += next.operands } else { found.append(next) }
      if found.count + pending.count > 8 { return [sum] }
    }
    return found
  }
}
