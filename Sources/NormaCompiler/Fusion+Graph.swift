import NormaCore
import NormaGraph

/// How a norm's results become those of the norm among its neighbours.
///
/// It happens after lowering, so that a norm's own arithmetic is the same with neighbours and without.
extension Fusion {
  typealias Result = (name: String, value: Expr)

  /// The addend of `x`.
  static let residual = Expr.input("x.residual")
  /// The gradient that arrives at the sum.
  static let sumGradient = Expr.outputGradient("sum")

  /// Both directions with the activation behind `y` and the skip's gradient in that of `x`.
  ///
  /// - Parameter results: of the norm alone, `y` among them.
  func surrounding(_ results: [Result]) throws(NormaError) -> [Result] {
    var fused = results
    if let activation, let y = results.first(where: { $0.name == "y" })?.value {
      let dy = Expr.outputGradient("y")
      let behind = try activation.gradient(at: y, arriving: dy)
      let graph = try Graph(results)
      let values = graph.substituting([dy.kind: behind.split(as: graph.splits)])
      fused = zip(results, values).map { ($0.name, $1) }
      fused = fused.map { $0.name == "y" ? ("y", activation.applied(to: $0.value)) : $0 }
    }
    if addsSkipGradient {
      fused = fused.map {
        $0.name == "input:x" ? ($0.name, $0.value + Fusion.sumGradient) : $0
      }
    }
    return fused
  }

  /// Forward's results with the sum in place of `x`, and the sum itself where it is kept.
  func adding(to results: [Result]) throws(NormaError) -> [Result] {
    guard addsResidual else { return results }
    let x = Expr.input("x")
    let graph = try Graph(results)
    let sum = (x + Fusion.residual).split(as: graph.splits)
    let values = graph.substituting([x.kind: sum])
    return zip(results, values).map { ($0.name, $1) } + (keepsSum ? [("sum", sum)] : [])
  }
}

extension Expr {
  /// The same value in a graph whose roles are split.
  fileprivate func split(as splits: Splits) -> Expr {
    let grouped = splits.groups.map { group($0) } ?? self
    return splits.chunkSize.map { grouped.chunk($0) } ?? grouped
  }
}
