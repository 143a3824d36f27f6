import Foundation

/// An element-wise operation: its value in Double, its derivative and its text.
///
/// Adding an operation is one entry in `Elementwise.all` and one line of the C table
/// (`CKernels/include/ck_operations.h`); a test holds the two lists together.
public struct Elementwise: Sendable {
  /// The stable name, the same in the C table.
  public let name: String
  /// How many operands it takes: 1 to 3.
  public let arity: Int
  /// How it is written in a formula.
  let notation: Notation
  /// The value in Double; operands beyond the arity are ignored.
  public let evaluate: @Sendable (Double, Double, Double) -> Double
  /// The adjoint of each operand, nil where it has none.
  let derivative: @Sendable (Derivative) -> [Expr?]

  /// What a derivative is written from.
  struct Derivative {
    let operands: [Expr]
    let result: Expr
    let adjoint: Expr
    var a: Expr { operands[0] }
    var b: Expr { operands[1] }
    var c: Expr { operands[2] }
  }

  /// How an operation is printed.
  enum Notation: Sendable {
    case infix(String, precedence: Int)
    case prefix(String)
    case function(String)
    case power(Int)
  }

  init(
    _ name: String, _ arity: Int, _ notation: Notation,
    _ evaluate: @escaping @Sendable (Double, Double, Double) -> Double,
    _ derivative: @escaping @Sendable (Derivative) -> [Expr?]
  ) {
    self.name = name
    self.arity = arity
    self.notation = notation
    self.evaluate = evaluate
    self.derivative = derivative
  }
}

extension Elementwise {
  /// What formulas write: `*`, or the name.
  var symbol: String {
    switch notation {
    case .infix(let sign, _), .prefix(let sign): sign.trimmingCharacters(in: .whitespaces)
    case .function(let name): name
    case .power: name
    }
  }
}

extension Elementwise: Hashable {
  /// Operations are the same when their names are.
  public static func == (a: Elementwise, b: Elementwise) -> Bool { a.name == b.name }
  /// Hashes the name.
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension Elementwise {
  /// a + b.
  public static let add = Elementwise("add", 2, .infix("+", precedence: 1), { a, b, _ in a + b }) {
    [$0.adjoint, $0.adjoint]
  }
  /// a - b.
  public static let sub = Elementwise("sub", 2, .infix("-", precedence: 1), { a, b, _ in a - b }) {
    [$0.adjoint, -$0.adjoint]
  }
  /// a * b.
  public static let mul = Elementwise("mul", 2, .infix("*", precedence: 2), { a, b, _ in a * b }) {
    [$0.adjoint * $0.b, $0.adjoint * $0.a]
  }
  /// a / b.
  public static let div = Elementwise("div", 2, .infix("/", precedence: 2), { a, b, _ in a / b }) {
    [$0.adjoint / $0.b, -($0.adjoint * $0.result / $0.b)]
  }
  /// -a.
  public static let neg = Elementwise("neg", 1, .prefix("-"), { a, _, _ in -a }) { [-$0.adjoint] }
  /// |a|.
  public static let abs = Elementwise("abs", 1, .function("abs"), { a, _, _ in Swift.abs(a) }) {
    [$0.adjoint * $0.a.sign()]
  }
  /// -1, 0 or 1.
  public static let sign = Elementwise(
    "sign", 1, .function("sign"), { a, _, _ in a > 0 ? 1 : a < 0 ? -1 : a }
  ) { _ in [nil] }
  /// a².
  public static let square = Elementwise("square", 1, .power(2), { a, _, _ in a * a }) {
    [$0.adjoint * 2 * $0.a]
  }
  /// The square root.
  public static let sqrt = Elementwise(
    "sqrt", 1, .function("sqrt"), { a, _, _ in a.squareRoot() }
  ) { [$0.adjoint * 0.5 / $0.result] }
  /// One over the square root.
  public static let rsqrt = Elementwise(
    "rsqrt", 1, .function("rsqrt"), { a, _, _ in 1 / a.squareRoot() }
  ) { [$0.adjoint * -0.5 * $0.result * $0.result.square()] }
  /// a to the power b.
  public static let pow = Elementwise(
    "pow", 2, .infix("^", precedence: 4), { a, b, _ in Foundation.pow(a, b) }
  ) { [$0.adjoint * $0.b * $0.a.pow($0.b - 1), $0.adjoint * $0.result * $0.a.log()] }
  /// e to the power a.
  public static let exp = Elementwise("exp", 1, .function("exp"), { a, _, _ in Foundation.exp(a) })
  {
    [$0.adjoint * $0.result]
  }
  /// The natural logarithm.
  public static let log = Elementwise("log", 1, .function("log"), { a, _, _ in Foundation.log(a) })
  {
    [$0.adjoint / $0.a]
  }
  /// The hyperbolic tangent.
  public static let tanh = Elementwise(
    "tanh", 1, .function("tanh"), { a, _, _ in Foundation.tanh(a) }
  ) { [$0.adjoint * (1 - $0.result.square())] }
  /// 1 / (1 + e^-a).
  public static let sigmoid = Elementwise(
    "sigmoid", 1, .function("sigmoid"), { a, _, _ in 1 / (1 + Foundation.exp(-a)) }
  ) { [$0.adjoint * $0.result * (1 - $0.result)] }
  /// The error function.
  public static let erf = Elementwise("erf", 1, .function("erf"), { a, _, _ in Foundation.erf(a) })
  {
    [$0.adjoint * .constant(2 / Double.pi.squareRoot()) * (-$0.a.square()).exp()]
  }
  /// The smaller; the first on a tie; NaN wins.
  public static let min = Elementwise(
    "min", 2, .function("min"), { a, b, _ in a <= b || a.isNaN ? a : b }
  ) {
    let first = $0.a.le($0.b)
    return [
      Expr.select(first, $0.adjoint, .constant(0)), Expr.select(first, .constant(0), $0.adjoint),
    ]
  }
  /// The larger; the first on a tie; NaN wins.
  public static let max = Elementwise(
    "max", 2, .function("max"), { a, b, _ in a >= b || a.isNaN ? a : b }
  ) {
    let first = $0.a.ge($0.b)
    return [
      Expr.select(first, $0.adjoint, .constant(0)), Expr.select(first, .constant(0), $0.adjoint),
    ]
  }
  /// a held between b and c.
  public static let clamp = Elementwise(
    "clamp", 3, .function("clamp"), { a, b, c in a < b ? b : a > c ? c : a }
  ) {
    let below = $0.a.lt($0.b)
    let above = $0.a.gt($0.c)
    let zero = Expr.constant(0)
    return [
      Expr.select(below, zero, Expr.select(above, zero, $0.adjoint)),
      Expr.select(below, $0.adjoint, zero),
      Expr.select(below, zero, Expr.select(above, $0.adjoint, zero)),
    ]
  }
  /// 1 where a < b, else 0.
  public static let lt = Elementwise(
    "lt", 2, .infix("<", precedence: 0), { a, b, _ in a < b ? 1 : 0 }
  ) { _ in [nil, nil] }
  /// 1 where a <= b, else 0.
  public static let le = Elementwise(
    "le", 2, .infix("<=", precedence: 0), { a, b, _ in a <= b ? 1 : 0 }
  ) { _ in [nil, nil] }
  /// 1 where a > b, else 0.
  public static let gt = Elementwise(
    "gt", 2, .infix(">", precedence: 0), { a, b, _ in a > b ? 1 : 0 }
  ) { _ in [nil, nil] }
  /// 1 where a >= b, else 0.
  public static let ge = Elementwise(
    "ge", 2, .infix(">=", precedence: 0), { a, b, _ in a >= b ? 1 : 0 }
  ) { _ in [nil, nil] }
  /// 1 where a == b, else 0.
  public static let eq = Elementwise(
    "eq", 2, .infix("==", precedence: 0), { a, b, _ in a == b ? 1 : 0 }
  ) { _ in [nil, nil] }
  /// b where a is not 0, else c.
  public static let select = Elementwise(
    "select", 3, .function("where"), { a, b, c in a != 0 ? b : c }
  ) {
    let zero = Expr.constant(0)
    return [nil, Expr.select($0.a, $0.adjoint, zero), Expr.select($0.a, zero, $0.adjoint)]
  }

  /// Every operation.
  public static let all: [Elementwise] = [
    add, sub, mul, div, neg, abs, sign, square, sqrt, rsqrt, pow, exp, log, tanh, sigmoid, erf,
    min, max, clamp, lt, le, gt, ge, eq, select,
  ]
}
