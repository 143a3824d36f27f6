import NormaCore
public import NormaGraph

/// An element-wise function that may follow a norm.
public enum Activation: String, Sendable, CaseIterable {
  /// max(x, 0), with gradient 0 at 0.
  case relu
  /// x · Φ(x), Φ being the normal distribution function: the exact form with erf. Hendrycks & Gimpel 2016.
  case gelu
  /// x · sigmoid(x).
  case silu
  /// The hyperbolic tangent.
  case tanh
  /// 1 / (1 + exp(-x)).
  case sigmoid

  /// The function of an expression.
  public func applied(to x: Expr) -> Expr {
    switch self {
    // The first operand has the gradient on ties.
    case .relu: return Expr.constant(0).max(x)
    case .gelu:
      let half = Expr.constant(0.5)
      let distribution: Expr = (x * Expr.constant(0.5.squareRoot())).erf() * half + half
      return x * distribution
    case .silu: return x * x.sigmoid()
    case .tanh: return x.tanh()
    case .sigmoid: return x.sigmoid()
    }
  }

  /// The gradient at `x` of what arrives at the function's value.
  func gradient(at x: Expr, arriving: Expr) throws(NormaError) -> Expr {
    let operand = Expr.input("activation.operand")
    let gradient = try Differentiation.gradients(
      of: [(applied(to: operand), arriving)], withRespectTo: [operand.kind])[0]
    return try Graph([("dx", gradient)]).substituting([operand.kind: x])[0]
  }
}
