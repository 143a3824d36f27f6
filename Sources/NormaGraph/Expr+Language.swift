public import NormaCore

/// The definition language: the words from which formulas are written, the same in Swift and in Lua.
extension Expr {
  // MARK: leaves

  /// An input tensor; the main one is `x` and varies along every role.
  public static func input(_ name: String, domain: RoleSet = .all) -> Expr {
    Expr(.input(name), domain: domain)
  }
  /// The gradient arriving at the output `name`.
  public static func outputGradient(_ name: String, domain: RoleSet = .all) -> Expr {
    Expr(.outputGradient(name), domain: domain)
  }
  /// A real hyper-parameter.
  public static func hyper(_ name: String) -> Expr { Expr(.hyper(name), domain: .none) }
  /// A learned parameter that varies along `roles`.
  public static func parameter(_ name: String, per roles: RoleSet) -> Expr {
    Expr(.parameter(name), domain: roles)
  }
  /// A buffer that varies along `roles`: its value before the step.
  public static func buffer(_ name: String, per roles: RoleSet) -> Expr {
    Expr(.buffer(name), domain: roles)
  }
  /// A number.
  public static func constant(_ value: Double) -> Expr { Expr(.constant(value), domain: .none) }
  /// The number of elements along `roles`.
  public static func count(_ roles: RoleSet) -> Expr {
    roles.isEmpty ? .constant(1) : Expr(.count(roles), domain: .none)
  }
  /// A small value kept from forward to backward.
  public static func saved(_ index: Int, domain: RoleSet) -> Expr {
    Expr(.saved(index), domain: domain)
  }
  /// The linear index along `roles`, from 0.
  static func position(_ roles: RoleSet) -> Expr { Expr(.position(roles), domain: roles) }

  // MARK: element-wise

  /// Applies an operation to operands, broadcasting, folding constants and identities.
  public static func apply(_ operation: Elementwise, _ operands: [Expr]) -> Expr {
    guard operands.count == operation.arity else {
      return Expr.constant(0).failing(
        "\(operation.name) takes \(operation.arity) operands, got \(operands.count)")
    }
    if let simpler = Simplification.simplify(operation, operands) { return simpler }
    let domain = operands.reduce(RoleSet.none) { $0.union($1.domain) }
    return Expr(.map(operation), operands, domain: domain)
  }

  /// The sum.
  public static func + (a: Expr, b: Expr) -> Expr { apply(.add, [a, b]) }
  /// The difference.
  public static func - (a: Expr, b: Expr) -> Expr { apply(.sub, [a, b]) }
  /// The product.
  public static func * (a: Expr, b: Expr) -> Expr { apply(.mul, [a, b]) }
  /// The quotient.
  public static func / (a: Expr, b: Expr) -> Expr { apply(.div, [a, b]) }
  /// The negation.
  public static prefix func - (a: Expr) -> Expr { apply(.neg, [a]) }
  /// |x|.
  public func abs() -> Expr { Expr.apply(.abs, [self]) }
  /// -1, 0 or 1.
  public func sign() -> Expr { Expr.apply(.sign, [self]) }
  /// x².
  public func square() -> Expr { Expr.apply(.square, [self]) }
  /// The square root.
  public func sqrt() -> Expr { Expr.apply(.sqrt, [self]) }
  /// One over the square root.
  public func rsqrt() -> Expr { Expr.apply(.rsqrt, [self]) }
  /// x to the power `exponent`.
  public func pow(_ exponent: Expr) -> Expr { Expr.apply(.pow, [self, exponent]) }
  /// e to the power x.
  public func exp() -> Expr { Expr.apply(.exp, [self]) }
  /// The natural logarithm.
  public func log() -> Expr { Expr.apply(.log, [self]) }
  /// The hyperbolic tangent.
  public func tanh() -> Expr { Expr.apply(.tanh, [self]) }
  /// 1 / (1 + e^-x).
  public func sigmoid() -> Expr { Expr.apply(.sigmoid, [self]) }
  /// The error function.
  public func erf() -> Expr { Expr.apply(.erf, [self]) }
  /// The smaller of two; the first on ties.
  public func min(_ other: Expr) -> Expr { Expr.apply(.min, [self, other]) }
  /// The larger of two; the first on ties.
  public func max(_ other: Expr) -> Expr { Expr.apply(.max, [self, other]) }
  /// Held between `low` and `high`.
  public func clamp(_ low: Expr, _ high: Expr) -> Expr { Expr.apply(.clamp, [self, low, high]) }
  /// 1 where self < other, else 0.
  public func lt(_ other: Expr) -> Expr { Expr.apply(.lt, [self, other]) }
  /// 1 where self <= other, else 0.
  public func le(_ other: Expr) -> Expr { Expr.apply(.le, [self, other]) }
  /// 1 where self > other, else 0.
  public func gt(_ other: Expr) -> Expr { Expr.apply(.gt, [self, other]) }
  /// 1 where self >= other, else 0.
  public func ge(_ other: Expr) -> Expr { Expr.apply(.ge, [self, other]) }
  /// 1 where self == other, else 0.
  public func eq(_ other: Expr) -> Expr { Expr.apply(.eq, [self, other]) }
  /// `yes` where `condition` is not 0, else `no`.
  public static func select(_ condition: Expr, _ yes: Expr, _ no: Expr) -> Expr {
    apply(.select, [condition, yes, no])
  }

  // MARK: reductions

  /// Reduces over `roles`; a role the value does not vary along counts as repeated values.
  public func reduced(_ reduction: Reduction, over roles: RoleSet) -> Expr {
    if splits.groups == nil,
      roles.intersection(.channel) == .group
        || roles.intersection(.channel) == .member
    {
      return failing(
        "\(reduction.name) over '\(roles.intersection(.channel))' of a tensor without groups",
        help: "split the channels first: x:group(n)")
    }
    if let slice, !roles.isDisjoint(with: .channel) {
      return reduced(reduction, over: roles, in: slice)
    }
    return Simplification.reduce(reduction, self, roles)
  }
  /// Σ over `roles`.
  public func sum(_ roles: RoleSet) -> Expr { reduced(.sum, over: roles) }
  /// The mean over `roles`.
  public func mean(_ roles: RoleSet) -> Expr { reduced(.mean, over: roles) }
  /// The variance over `roles`: population, or divided by N - correction.
  public func variance(_ roles: RoleSet, correction: Double = 0) -> Expr {
    reduced(.variance(correction: correction), over: roles)
  }
  /// The mean over `roles`, each value counted as `weight` says; 0 where the weights are 0.
  public func mean(_ roles: RoleSet, weight: Expr) -> Expr {
    let total = weight.sum(roles)
    let share = weight / .select(total.eq(0), 1, total)
    // The second sum makes good what a sum of large values loses; its derivative is the first's.
    let rough = (self * share).sum(roles).stopGradient()
    return rough + ((self - rough) * share).sum(roles)
  }
  /// The weighted mean of squared distances from the weighted mean.
  public func variance(_ roles: RoleSet, weight: Expr) -> Expr {
    (self - mean(roles, weight: weight)).square().mean(roles, weight: weight)
  }
  /// The mean of squares over `roles`.
  public func meanSquare(_ roles: RoleSet) -> Expr { reduced(.meanSquare, over: roles) }
  /// The largest value over `roles`.
  public func maximum(over roles: RoleSet) -> Expr { reduced(.max, over: roles) }
  /// The smallest value over `roles`.
  public func minimum(over roles: RoleSet) -> Expr { reduced(.min, over: roles) }
  /// The p-norm over `roles`.
  public func norm(_ p: Double, _ roles: RoleSet) -> Expr { reduced(.norm(p), over: roles) }

  // MARK: structure

  /// The same value with no gradient.
  public func stopGradient() -> Expr {
    Expr(.stopGradient, [self], domain: domain)
  }
  /// The same value with its channels split into `n` groups.
  public func group(_ n: Int) -> Expr { split(Splits(groups: n)) }
  /// The same value with its batch split into chunks of `n` samples.
  public func chunk(_ n: Int) -> Expr { split(Splits(chunkSize: n)) }

  private func split(_ new: Splits) -> Expr {
    if let n = new.groups ?? new.chunkSize, n < 1 {
      return failing("a split into \(n) is impossible", help: "give at least 1")
    }
    if new.groups != nil, slice != nil {
      return failing("a slice of channels cannot be grouped", help: "group the whole tensor")
    }
    do throws(NormaError) {
      let merged = try splits.merged(with: new)
      return Expr(kind, operands, domain: domain, splits: merged, place: place, failure: failure)
    } catch {
      return failing(error.message, help: error.help)
    }
  }
}

extension Expr: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  /// A number.
  public convenience init(floatLiteral value: Double) {
    self.init(.constant(value), domain: .none)
  }
  /// A number.
  public convenience init(integerLiteral value: Int) {
    self.init(.constant(Double(value)), domain: .none)
  }
}
