import NormaCore

/// A reduction over roles.
public enum Reduction: Hashable, Sendable {
  /// Σ x.
  case sum
  /// Σ x / N.
  case mean
  /// Σ (x - mean)² / (N - correction).
  case variance(correction: Double)
  /// Σ x² / N.
  case meanSquare
  /// The largest; the first on ties.
  case max
  /// The smallest; the first on ties.
  case min
  /// (Σ |x|^p)^(1/p); its derivative at 0 is 0.
  case norm(Double)

  /// The word of the definition language.
  public var name: String {
    switch self {
    case .sum: "sum"
    case .mean: "mean"
    case .variance: "variance"
    case .meanSquare: "mean_square"
    case .max: "max_over"
    case .min: "min_over"
    case .norm: "norm"
    }
  }

  /// The adjoint of the operand `x`, given the node's value and its adjoint.
  func derivative(of x: Expr, over roles: RoleSet, result: Expr, adjoint: Expr) -> Expr {
    let n = Expr.count(roles)
    /// What arrives, at the first element that equals the result; zero elsewhere.
    func chosen(_ candidates: Expr, _ arriving: Expr) -> Expr {
      let index = Expr.position(roles)
      let equal = Expr.select(candidates.eq(result), index, .constant(.infinity))
      return Expr.select(index.eq(equal.minimum(over: roles)), arriving, .constant(0))
    }
    switch self {
    case .sum: return adjoint
    case .mean: return adjoint / n
    case .variance(let correction):
      return adjoint * 2 / (n - .constant(correction)) * (x - x.mean(roles))
    case .meanSquare: return adjoint * 2 / n * x
    case .max, .min: return chosen(x, adjoint)
    case .norm(let p):
      if p.isInfinite { return chosen(x.abs(), adjoint * x.sign()) }
      let slope: Expr
      if p == 2 {
        slope = x / result
      } else if p == 1 {
        return adjoint * x.sign()
      } else {
        slope = x.sign() * (x.abs() / result).pow(.constant(p - 1))
      }
      return Expr.select(result.gt(0), adjoint * slope, .constant(0))
    }
  }
}
