public import NormaCore

/// Symbolic reverse-mode differentiation.
public enum Differentiation {
  /// The gradients of Σ output · adjoint with respect to leaves.
  ///
  /// - Parameters:
  ///   - outputs: what is differentiated, each with the gradient that arrives at it.
  ///   - leaves: inputs or parameters.
  /// - Returns: one expression a leaf, zero where an output does not depend on it. An adjoint may vary
  ///   along fewer roles than its leaf; its values then repeat.
  /// - Throws: a mistake kept in an expression.
  public static func gradients(
    of outputs: [(value: Expr, adjoint: Expr)], withRespectTo leaves: [Expr.Kind]
  ) throws(NormaError) -> [Expr] {
    let graph = try Graph(outputs.enumerated().map { ("\($0.offset)", $0.element.value) })
    var depends = [Bool](repeating: false, count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      if leaves.contains(node.kind) {
        depends[index] = true
      } else if node.kind != .stopGradient {
        depends[index] = node.operands.contains { depends[$0] }
      }
    }
    var adjoints = [Expr?](repeating: nil, count: graph.nodes.count)
    func add(_ contribution: Expr, to index: Int) {
      adjoints[index] = adjoints[index].map { $0 + contribution } ?? contribution
    }
    for (output, seed) in zip(graph.outputs, outputs) where depends[output.node] {
      add(seed.adjoint, to: output.node)
    }
    for index in graph.nodes.indices.reversed() where depends[index] {
      guard let adjoint = adjoints[index] else { continue }
      let node = graph.nodes[index]
      let result = graph.expressions[index]
      let operands = node.operands.map { graph.expressions[$0] }
      let contributions: [Expr?]
      switch node.kind {
      case .map(let operation):
        contributions = operation.derivative(
          .init(operands: operands, result: result, adjoint: adjoint))
      case .reduce(let reduction, let roles):
        contributions = [
          reduction.derivative(of: operands[0], over: roles, result: result, adjoint: adjoint)
        ]
      case .window(let window): contributions = [adjoint.windowed(window.mirrored)]
      default: contributions = []
      }
      for (operand, contribution) in zip(node.operands, contributions) where depends[operand] {
        guard let contribution else { continue }
        // The adjoint of a broadcast is a reduction.
        let broadcast =
          node.kind.isMap || node.kind.isWindow
          ? node.domain.subtracting(graph.nodes[operand].domain) : .none
        add(
          broadcast.isEmpty ? contribution : Simplification.reduce(.sum, contribution, broadcast),
          to: operand)
      }
    }
    return leaves.map { leaf in
      let index = graph.nodes.firstIndex { $0.kind == leaf }
      return index.flatMap { adjoints[$0] } ?? .constant(0)
    }
  }
}
