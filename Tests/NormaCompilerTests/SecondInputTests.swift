import NormaCompiler
import NormaCore
import NormaGraph
import Testing

/// A norm with a second input along some roles, and a parameter along some.
struct SecondInputCase: CustomStringConvertible, Sendable {
  let description: String
  let input: RoleSet
  let parameter: RoleSet
  let formula: @Sendable (_ x: Expr, _ w: Expr, _ p: Expr) -> Expr

  private static let roles: RoleSet = [.batch, .space]

  static let all = [
    SecondInputCase(
      description: "gain of a sample's channels", input: [.batch, .channel], parameter: .channel,
      formula: { x, w, p in x * w + p }),
    SecondInputCase(
      description: "gain of a sample's channels, made small", input: [.batch, .channel],
      parameter: .channel,
      formula: { x, w, p in (x - x.mean(roles)) * w.square().mean(.channel) * p }),
    SecondInputCase(
      description: "weighed batch", input: [.batch, .space], parameter: .channel,
      formula: { x, w, p in
        let total: Expr = w.square().sum(roles) + 1
        return (x - (x * w.square()).sum(roles) / total) * p
      }),
    SecondInputCase(
      description: "gain of a position", input: .channel, parameter: .space,
      formula: { x, w, p in
        let r: Expr = (x.variance(roles) + 0.01).rsqrt()
        return (x - x.mean(roles)) * r * p + w
      }),
    SecondInputCase(
      description: "costly gate of a position, found again", input: .space, parameter: .channel,
      formula: { x, w, p in
        let gate: Expr = (p * x.mean([.space, .channel]) + w).sigmoid()
        let gated: Expr = x * gate
        return gated * gated.mean(.channel)
      }),
  ]

  static let shapes: [(shape: [Int], axis: Int)] = [
    // Vectors, also with channels first, which are packed, and axes of size 1; then blocks of columns.
    ([6, 5], 1), ([6, 5], 0), ([6, 5, 1], 1), ([6, 1, 5], 2), ([1, 1, 5], 2), ([37, 112], 1),
    ([11, 3, 112], 2), ([5, 6, 7], 1),
  ]

  static let cases = all.flatMap { test in
    shapes.flatMap { shape in ["tiles", "native"].map { (test, shape.shape, shape.axis, $0) } }
  }
}

@Test("Second inputs agree with Reference", arguments: SecondInputCase.cases)
func secondInputsAgree(
  _ test: SecondInputCase, _ shape: [Int], _ axis: Int, _ executor: String
) throws {
  let layout = try TensorLayout(shape: shape, axis: [axis])
  let program = try NormProgram(
    inputs: [("x", .all), ("w", test.input)], parameters: [("p", test.parameter)], buffers: [],
    hyper: [],
    output: test.formula(
      .input("x"), .input("w", domain: test.input), .parameter("p", per: test.parameter)),
    updates: [], gradient: true)
  try expectAgreement(program, layout, executor: executor)
}
