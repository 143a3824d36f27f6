import NormaCore
import NormaGraph

/// Rewrites expressions into forms that cost few passes: factors that do not vary along a sum leave
/// it, products multiply their small factors first, and division by a small value becomes a product.
struct Lowering {
  let extents: Extents

  /// Rewrites the values of a graph together, so that what they share stays shared.
  func lowered(
    _ results: [(name: String, value: Expr)]
  ) throws(NormaError) -> [(name: String, value: Expr)] {
    let graph = try Graph(results)
    let values = graph.rewriting { _, node, operands in
      switch node.kind {
      case .stopGradient: return operands[0]
      case .map(.mul), .map(.div), .map(.neg):
        let (a, b) = (operands[0], operands.last ?? operands[0])
        let value: Expr
        if case .map(.neg) = node.kind {
          value = -a
        } else if case .map(.mul) = node.kind {
          value = a * b
        } else if b.domain != .all {
          value = a * (1 / b)
        } else {
          return nil
        }
        return value.domain == .all ? product(factors(of: value)) : value
      case .map(.add), .map(.sub):
        let sign: Double = if case .map(.sub) = node.kind { -1 } else { 1 }
        return withoutOpposites(
          terms(of: operands[0], sign: 1) + terms(of: operands[1], sign: sign))
      case .map(.pow): return power(operands[0], operands[1].constantValue)
      case .count(let roles) where extents.count(roles) == 1: return .constant(1)
      case .reduce(let reduction, let roles) where extents.count(roles) == 1:
        // One element: exact, so that a norm of it is exactly zero.
        switch reduction {
        case .sum, .mean, .max, .min: return operands[0]
        case .meanSquare: return operands[0].square()
        case .norm: return operands[0].abs()
        case .variance(let correction):
          return correction == 0 ? .constant(0) : nil
        }
      case .reduce(.sum, let roles), .reduce(.mean, let roles):
        guard operands[0].domain == .all else { return nil }
        let parts = factors(of: operands[0])
        let constant = parts.filter { $0.domain.isDisjoint(with: roles) }
        guard constant.count < parts.count else { return nil }
        let reduction: Reduction = if case .reduce(.mean, _) = node.kind { .mean } else { .sum }
        let varying = parts.filter { !$0.domain.isDisjoint(with: roles) }
        let aboutMean = aboutMean(varying, reduction, roles)
        if aboutMean == nil, constant.isEmpty { return nil }
        return constant.reduce(aboutMean ?? product(varying).reduced(reduction, over: roles)) {
          $0 * $1
        }
      case .reduce(.norm(let p), let roles) where p != 2:
        let x = operands[0].abs()
        if p.isInfinite { return x.maximum(over: roles) }
        return p == 1 ? x.sum(roles) : x.pow(.constant(p)).sum(roles).pow(.constant(1 / p))
      default: return nil
      }
    }
    return zip(graph.outputs, values).map { output, value in
      // A statistic over one element kept its operand's roles; a small result must lose them.
      let extra = value.domain.subtracting(graph.nodes[output.node].domain)
      let isDone = TileNodes.isTensorResult(output.name) || extra.isEmpty
      return (output.name, isDone ? value : value.reduced(.sum, over: extra))
    }
  }

  /// A whole power as products; nil where there would be many, or many roundings.
  private func power(_ x: Expr, _ exponent: Double?) -> Expr? {
    switch exponent {
    case -1: 1 / x
    // No reciprocal of a square, which may be past what floats hold where its reciprocal is not.
    case -2: (1 / x).square()
    case 3: x.square() * x
    case 4: x.square().square()
    default: nil
    }
  }

  /// One term of a sum: a coefficient times factors.
  private struct Term {
    let expression: Expr
    let sign: Double
    let coefficient: Double
    let factors: [ObjectIdentifier]
  }

  /// The terms of a sum, to a depth that keeps shared sums from being unfolded without end.
  private func terms(of x: Expr, sign: Double, depth: Int = 4) -> [Term] {
    switch x.kind {
    case .map(.add) where depth > 0:
      return x.operands.flatMap { terms(of: $0, sign: sign, depth: depth - 1) }
    case .map(.sub) where depth > 0:
      return terms(of: x.operands[0], sign: sign, depth: depth - 1)
        + terms(of: x.operands[1], sign: -sign, depth: depth - 1)
    case .map(.neg) where depth > 0:
      return terms(of: x.operands[0], sign: -sign, depth: depth - 1)
    default:
      let factors = factors(of: x)
      return [
        Term(
          expression: x, sign: sign,
          coefficient: factors.compactMap(\.constantValue).reduce(sign, *),
          factors: factors.filter { $0.constantValue == nil }.map { ObjectIdentifier($0) }.sorted())
      ]
    }
  }

  /// The sum without terms that cancel exactly, or nil when none do.
  ///
  /// A gradient through a statistic over one element is such a sum; rounding would leave noise of it.
  private func withoutOpposites(_ terms: [Term]) -> Expr? {
    var left = terms
    var index = 0
    while index < left.count {
      let term = left[index]
      let opposite = left.indices.dropFirst(index + 1).first {
        left[$0].coefficient == -term.coefficient && left[$0].factors == term.factors
      }
      guard let opposite else {
        index += 1
        continue
      }
      left.remove(at: opposite)
      left.remove(at: index)
    }
    guard left.count < terms.count else { return nil }
    return left.reduce(.constant(0)) { $1.sign < 0 ? $0 - $1.expression : $0 + $1.expression }
  }

  /// The factors of a product, unfolded through products and negations; `x` itself when they are many.
  private func factors(of x: Expr) -> [Expr] {
    // No recursion: a script may chain more products than the stack has room for.
    var found: [Expr] = []
    var pending = [x]
    while let part = pending.popLast() {
      switch part.kind {
      case .map(.mul): pending += part.operands.reversed()
      case .map(.neg):
        found.append(.constant(-1))
        pending.append(part.operands[0])
      default: found.append(part)
      }
      // Products of products of one value would unfold without end.
      if found.count + pending.count > 16 { return [x] }
    }
    return found
  }

  /// A product in the order that shares most and costs least.
  ///
  /// Small factors are multiplied with each other where that stays small. What varies along channels
  /// only goes to the arriving gradient (dy·gamma is what every backward pass reduces); what varies
  /// along rows goes to the other full factor (the normalized input).
  private func product(_ factors: [Expr]) -> Expr {
    var full = factors.filter { $0.domain == .all }
    let small = factors.filter { $0.domain != .all }
    func multiply(_ list: [Expr]) -> Expr? {
      list.isEmpty ? nil : list.dropFirst().reduce(list[0]) { $0 * $1 }
    }
    guard !full.isEmpty else { return multiply(small) ?? .constant(1) }
    let union = small.reduce(RoleSet.none) { $0.union($1.domain) }
    let rowRoles: RoleSet = [.batch, .space]
    if isSmall(union) {
      guard let factor = multiply(small) else { return multiply(full) ?? .constant(1) }
      // A gradient times a denormal input would keep few digits. With groups of channels that
      // product serves two sums, and their mean tells denormals.
      if extents.count(.group) == 1 {
        let toGradient = union.isDisjoint(with: rowRoles)
        let target = full.firstIndex { ($0.kind == .outputGradient("y")) == toGradient } ?? 0
        full[target] = full[target] * factor
        return multiply(full) ?? .constant(1)
      }
      return multiply(full + [factor]) ?? .constant(1)
    }
    let perRow = multiply(small.filter { !$0.domain.isDisjoint(with: rowRoles) })
    let perChannel = multiply(small.filter { $0.domain.isDisjoint(with: rowRoles) })
    let gradient = full.firstIndex { $0.kind == .outputGradient("y") }
    if let gradient, let perChannel { full[gradient] = full[gradient] * perChannel }
    if let perRow {
      let first = full.firstIndex { $0.kind != .outputGradient("y") } ?? full.startIndex
      let target = full.count > 1 ? first : full.startIndex
      full[target] = full[target] * perRow
    }
    if gradient == nil, let perChannel { full[full.count - 1] = full[full.count - 1] * perChannel }
    return multiply(full) ?? .constant(1)
  }

  /// What a sum or mean of a product is where one factor is `x - c` with `c` made of the mean of `x`: the
  /// sum about the mean, which keeps its digits however far `c` is from it, and what `mean - c` adds.
  private func aboutMean(_ factors: [Expr], _ reduction: Reduction, _ roles: RoleSet) -> Expr? {
    let found = factors.indices.lazy.compactMap { index in
      factors[index].aboutMean(over: roles).map { (index, $0) }
    }
    guard let (index, (value, mean, shift)) = found.first else { return nil }
    var others = factors
    others.remove(at: index)
    guard !others.isEmpty else {
      let rest = mean - shift
      return reduction == .mean ? rest : rest * Expr.count(roles)
    }
    let about = product(others + [value - mean]).reduced(reduction, over: roles)
    return about + (mean - shift) * product(others).reduced(reduction, over: roles)
  }

  /// Whether an array along these roles is much smaller than the tensor.
  private func isSmall(_ roles: RoleSet) -> Bool {
    roles != .all && extents.count(roles) * 8 <= max(extents.count(.all), 8)
  }
}
