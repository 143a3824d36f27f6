public import NormaCore

/// Identities applied as expressions are made: folded numbers, and the stable forms of statistics.
///
/// A plain formula in a script thereby becomes as accurate as a built-in: `mean(square(x))` is one
/// reduction, `mean(square(x - mean(x)))` and `mean(x²) - mean(x)²` are the variance, which is also what
/// a mean subtracted in part leaves beside the rest of it, a sum over its count is a mean,
/// `sqrt(sum(square(x)))` is the 2-norm, whose derivative at 0 is 0, and a mixture of means is subtracted part
/// by part.
enum Simplification {
  static func simplify(_ operation: Elementwise, _ operands: [Expr]) -> Expr? {
    if operands.contains(where: { $0.failure != nil }) { return nil }
    let values = operands.compactMap(\.constantValue)
    if values.count == operands.count {
      let v = values + [0, 0]
      return .constant(operation.evaluate(v[0], v[1], v[2]))
    }
    let a = operands[0]
    let b = operands.count > 1 ? operands[1] : a
    switch operation {
    case .add:
      if a.constantValue == 0 { return b }
      if b.constantValue == 0 { return a }
      if case .map(.neg) = b.kind { return a - b.operands[0] }
    case .sub:
      if b.constantValue == 0 { return a }
      if a.constantValue == 0 { return -b }
      if a === b { return .constant(0) }
      if case .reduce(.meanSquare, let roles) = a.kind, case .map(.square) = b.kind,
        case .reduce(.mean, roles) = b.operands[0].kind,
        same(a.operands[0], b.operands[0].operands[0])
      {
        return a.operands[0].variance(roles)
      }
      return Mixture.subtracted(from: a, b)
    case .mul:
      if a.constantValue == 1 { return b }
      if b.constantValue == 1 { return a }
      if a.constantValue == 0 || b.constantValue == 0 { return .constant(0) }
      if a.constantValue == -1 { return -b }
      if b.constantValue == -1 { return -a }
      if same(a, b) { return a.square() }
    case .div:
      if b.constantValue == 1 { return a }
      if a.constantValue == 0 { return .constant(0) }
      if case .reduce(.sum, let roles) = a.kind, b.kind == .count(roles) {
        return reduce(.mean, a.operands[0], roles)
      }
    case .neg:
      if case .map(.neg) = a.kind { return a.operands[0] }
    case .pow:
      switch b.constantValue {
      case 1: return a
      case 2: return a.square()
      case 0.5: return a.sqrt()
      case -0.5: return a.rsqrt()
      case 0: return .constant(1)
      default: break
      }
    case .sqrt:
      if case .reduce(.sum, let roles) = a.kind, case .map(.square) = a.operands[0].kind {
        return a.operands[0].operands[0].norm(2, roles)
      }
      if case .reduce(.meanSquare, let roles) = a.kind {
        return a.operands[0].norm(2, roles) * Expr.count(roles).rsqrt()
      }
    case .select:
      if let condition = a.constantValue { return condition != 0 ? operands[1] : operands[2] }
      if operands[1] === operands[2] { return operands[1] }
      if operands[1].constantValue == 0, operands[2].constantValue == 0 { return .constant(0) }
    default: break
    }
    return nil
  }

  static func reduce(_ reduction: Reduction, _ x: Expr, _ roles: RoleSet) -> Expr {
    let varying = roles.intersection(x.domain)
    let repeated = Expr.count(roles.subtracting(x.domain))
    func node(_ reduction: Reduction) -> Expr {
      Expr(.reduce(reduction, varying), [x], domain: x.domain.subtracting(roles))
    }
    if x.failure != nil { return node(reduction) }
    switch reduction {
    case .sum:
      return (varying.isEmpty ? x : node(.sum)) * repeated
    case .mean:
      if varying.isEmpty { return x }
      if case .map(.square) = x.kind {
        let base = x.operands[0]
        if case .map(.sub) = base.kind, case .reduce(.mean, roles) = base.operands[1].kind,
          same(base.operands[1].operands[0], base.operands[0])
        {
          return base.operands[0].variance(roles)
        }
        if varying == roles, let (value, mean, shift) = base.aboutMean(over: roles) {
          return value.variance(roles) + (mean - shift).square()
        }
        return base.meanSquare(roles)
      }
      return node(.mean)
    case .variance(let correction):
      if varying.isEmpty { return .constant(0) }
      if varying == roles { return node(reduction) }
      let total = Expr.count(roles)
      return node(.variance(correction: 0)) * total / (total - .constant(correction))
    case .meanSquare:
      return varying.isEmpty ? x.square() : node(.meanSquare)
    case .max, .min:
      return varying.isEmpty ? x : node(reduction)
    case .norm(let p):
      let base = varying.isEmpty ? x.abs() : node(reduction)
      if varying == roles { return base }
      return p.isInfinite ? base : base * repeated.pow(.constant(1 / p))
    }
  }

  /// Whether two expressions are the same formula, as far as a bounded comparison tells.
  static func same(_ a: Expr, _ b: Expr) -> Bool {
    var pending = [(a, b)]
    // Equal formulas that share nothing would be compared without end.
    var budget = 256
    while let (a, b) = pending.popLast() {
      if a === b { continue }
      budget -= 1
      guard budget > 0, a.kind == b.kind, a.slice == b.slice,
        a.operands.count == b.operands.count
      else {
        return false
      }
      pending += zip(a.operands, b.operands)
    }
    return true
  }
}

extension Expr {
  /// `x - c` taken apart, where `c` does not vary along the roles and is made of the mean of `x` over them:
  /// how far `c` is from the mean can then be told apart from how `x` varies about it.
  ///
  /// - Returns: `x`, its mean and `c`; nil for anything else, and for `x - mean(x)` itself.
  public func aboutMean(over roles: RoleSet) -> (value: Expr, mean: Expr, shift: Expr)? {
    guard case .map(.sub) = kind else { return nil }
    let (value, shift) = (operands[0], operands[1])
    func isMean(_ x: Expr) -> Bool {
      x.kind == .reduce(.mean, roles) && Simplification.same(x.operands[0], value)
    }
    guard shift.domain.isDisjoint(with: roles), !isMean(shift) else { return nil }
    // As a mean is subtracted in part: no search of a large formula.
    var pending = [shift]
    var budget = 16
    while let next = pending.popLast(), budget > 0 {
      if isMean(next) { return (value, next, shift) }
      budget -= 1
      if next.kind.isMap { pending += next.operands }
    }
    return nil
  }
}
