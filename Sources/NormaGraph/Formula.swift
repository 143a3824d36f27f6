public import NormaCore

/// A graph as text that people read: one line a result, and one before it for each part used twice.
///
/// ```text
/// mean = mean(x, channel)
/// y = (x - mean) * rsqrt(variance(x, channel) + epsilon) * gamma + beta
/// ```
/// Leaves keep their names; `dy` is the gradient arriving at `y`, `running_mean` the buffer `mean`,
/// `N(channel)` the number of elements along a role.
public struct Formula: Sendable {
  /// `name = expression`.
  public struct Line: Sendable, Hashable, CustomStringConvertible {
    /// What the line computes.
    public let name: String
    /// How.
    public let expression: String

    /// The line as text.
    public var description: String { "\(name) = \(expression)" }
  }

  /// A reduction of the graph.
  public struct Statistic: Sendable, Hashable {
    /// How it is written.
    public let text: String
    /// The roles it runs over.
    public let over: RoleSet
    /// The roles along which it has a value each.
    public let per: RoleSet
  }

  /// The lines, each after those it uses.
  public let lines: [Line]
  /// The reductions, each after those it uses.
  public let statistics: [Statistic]

  /// Writes a graph.
  public init(_ graph: Graph) {
    let writer = FormulaWriter(graph)
    lines = writer.lines()
    statistics = graph.nodes.enumerated().compactMap { index, node in
      guard case .reduce(_, let roles) = node.kind else { return nil }
      return Statistic(text: writer.definition(of: index), over: roles, per: node.domain)
    }
  }

  /// The lines, separated by line ends.
  public var text: String { lines.map(\.description).joined(separator: "\n") }
}
