import NormaCompiler
import NormaCore
import NormaGraph
import Testing

/// A norm whose statistics are one a column of its rows, which has arrays along rows.
struct ColumnStatisticsCase: CustomStringConvertible, Sendable {
  let description: String
  let shape: [Int]
  var axis = -1
  let formula: @Sendable (_ x: Expr, _ p: Expr) -> Expr

  private static func normalized(_ x: Expr, _ roles: RoleSet) -> Expr {
    (x - x.mean(roles)) * (x.variance(roles) + 0.01).rsqrt()
  }

  private static func groups(_ x: Expr, _ p: Expr) -> Expr {
    normalized(x.group(3), [.member, .space]) * p + p.square()
  }

  static let all = [
    ColumnStatisticsCase(description: "groups", shape: [5, 7, 9, 24], formula: groups),
    ColumnStatisticsCase(description: "groups, odd", shape: [5, 6, 7, 21], formula: groups),
    ColumnStatisticsCase(description: "groups, few rows", shape: [5, 2, 3, 24], formula: groups),
    ColumnStatisticsCase(
      description: "batch", shape: [300, 37],
      formula: { x, p in normalized(x, [.batch, .space]) * p }),
    ColumnStatisticsCase(
      description: "batch, long rows", shape: [130, 1030],
      formula: { x, p in normalized(x, [.batch, .space]) * p }),
    ColumnStatisticsCase(
      description: "batch through tanh", shape: [300, 37],
      formula: { x, p in (normalized(x, [.batch, .space]) * p + p).tanh() }),
    ColumnStatisticsCase(
      description: "samples", shape: [3, 20, 300],
      formula: { x, p in normalized(x, .space) * p }),
    // Rows end within a vector, and are long enough to be written across their ends.
    ColumnStatisticsCase(
      description: "positions, channels first", shape: [3, 20, 17, 17], axis: 1,
      formula: { x, p in normalized(x, .channel) * p }),
    ColumnStatisticsCase(
      description: "rows and columns", shape: [40, 21],
      formula: { x, p in normalized(x, .channel) * 0.5 + normalized(x, [.batch, .space]) * p }),
    ColumnStatisticsCase(
      description: "positions and channels", shape: [3, 20, 17, 17], axis: 1,
      formula: { x, p in normalized(x, .channel) * p + normalized(x, .space) * 0.5 }),
  ]
}

@Test("Statistics of columns agree with Reference", arguments: ColumnStatisticsCase.all)
func columnStatisticsAgree(_ test: ColumnStatisticsCase) throws {
  let layout = try TensorLayout(shape: test.shape, axis: [test.axis])
  let program = try NormProgram(
    inputs: [("x", .all)], parameters: [("p", .channel)], buffers: [], hyper: [],
    output: test.formula(.input("x"), .parameter("p", per: .channel)), updates: [], gradient: true)
  try expectAgreement(program, layout)
}
