public import NormaCore

/// A graph as data that can be written to a file and read again.
public struct StoredGraph: Codable, Sendable, Hashable {
  /// One operation, after its operands.
  struct Node: Codable, Sendable, Hashable {
    /// `input`, `map`, `reduce`, ...
    var kind: String
    /// The name of a leaf, an operation or a reduction.
    var name: String?
    /// The bits of the roles along which it varies.
    var along: UInt8
    /// The bits of the roles that are counted or reduced.
    var over: UInt8?
    /// A number, as text: it may be infinite.
    var value: String?
    /// Indices of operands.
    var operands: [Int]?
  }

  /// A named result.
  struct Result: Codable, Sendable, Hashable {
    var name: String
    var node: Int
  }

  private var nodes: [Node]
  private var results: [Result]

  /// Stores a graph; how its roles are split is kept elsewhere.
  ///
  /// - Throws: `usage` for a node that has no stored form: windows, values kept for backward.
  public init(_ graph: Graph) throws(NormaError) {
    nodes = []
    for node in graph.nodes {
      var stored = Node(kind: "", along: node.domain.rawValue)
      if !node.operands.isEmpty { stored.operands = node.operands }
      switch node.kind {
      case .input(let name): (stored.kind, stored.name) = ("input", name)
      case .outputGradient(let name): (stored.kind, stored.name) = ("output_gradient", name)
      case .hyper(let name): (stored.kind, stored.name) = ("hyper", name)
      case .parameter(let name): (stored.kind, stored.name) = ("parameter", name)
      case .buffer(let name): (stored.kind, stored.name) = ("buffer", name)
      case .constant(let value): (stored.kind, stored.value) = ("constant", "\(value)")
      case .count(let roles): (stored.kind, stored.over) = ("count", roles.rawValue)
      case .position(let roles): (stored.kind, stored.over) = ("position", roles.rawValue)
      case .map(let operation): (stored.kind, stored.name) = ("map", operation.name)
      case .reduce(let reduction, let roles):
        (stored.kind, stored.name) = ("reduce", reduction.name)
        stored.over = roles.rawValue
        if case .variance(let correction) = reduction { stored.value = "\(correction)" }
        if case .norm(let p) = reduction { stored.value = "\(p)" }
      case .stopGradient: stored.kind = "stop_gradient"
      case .window, .saved:
        throw NormaError(.usage, "sums over neighbours have no stored form yet")
      }
      nodes.append(stored)
    }
    results = graph.outputs.map { Result(name: $0.name, node: $0.node) }
  }

  /// The results, in their order, of a tensor whose roles are split so.
  ///
  /// - Parameter leaf: the roles along which an input, parameter, buffer or hyper-parameter varies; nil
  ///   for one that is not there.
  /// - Throws: `data` for what no graph can be.
  public func expressions(
    splits: Splits, leaf: (Expr.Kind) -> RoleSet?
  ) throws(NormaError) -> [(name: String, value: Expr)] {
    var made: [Expr] = []
    for (index, node) in nodes.enumerated() {
      let operands = node.operands ?? []
      guard operands.allSatisfy({ (0..<index).contains($0) }), node.along < 32,
        (node.over ?? 0) < 32
      else { throw damage("node \(index) refers to what is not there") }
      let (kind, arity) = try kind(of: node, index)
      guard operands.count == arity else {
        throw damage("node \(index), \(node.kind), has \(operands.count) operands")
      }
      let along: RoleSet? =
        switch kind {
        case .constant, .count: RoleSet.none
        case .position(let roles): roles
        case .map: operands.reduce(RoleSet.none) { $0.union(made[$1].domain) }
        case .reduce(_, let roles): made[operands[0]].domain.subtracting(roles)
        case .stopGradient: made[operands[0]].domain
        default: leaf(kind)
        }
      guard along == RoleSet(rawValue: node.along) else {
        throw damage("node \(index), \(node.kind) \(node.name ?? ""), is not of this norm")
      }
      made.append(
        Expr(
          kind, operands.map { made[$0] }, domain: RoleSet(rawValue: node.along), splits: splits))
    }
    var found: [(name: String, value: Expr)] = []
    for result in results {
      guard made.indices.contains(result.node) else { throw damage("'\(result.name)' is no node") }
      found.append((result.name, made[result.node]))
    }
    return found
  }

  /// Whether a result's name begins so.
  public func has(_ prefix: String) -> Bool { results.contains { $0.name.hasPrefix(prefix) } }

  private func damage(_ message: String) -> NormaError {
    NormaError(.data, "a stored formula is damaged: \(message)")
  }

  private func kind(
    of node: Node, _ index: Int
  ) throws(NormaError) -> (kind: Expr.Kind, arity: Int) {
    let name = node.name ?? ""
    let over = RoleSet(rawValue: node.over ?? 0)
    let value = node.value.flatMap(Double.init)
    switch node.kind {
    case "input": return (.input(name), 0)
    case "output_gradient": return (.outputGradient(name), 0)
    case "hyper": return (.hyper(name), 0)
    case "parameter": return (.parameter(name), 0)
    case "buffer": return (.buffer(name), 0)
    case "count": return (.count(over), 0)
    case "position": return (.position(over), 0)
    case "stop_gradient": return (.stopGradient, 1)
    case "constant":
      guard let value else { throw damage("node \(index) is no number") }
      return (.constant(value), 0)
    case "map":
      guard let operation = Elementwise.all.first(where: { $0.name == name }) else {
        throw damage("there is no operation '\(name)'")
      }
      return (.map(operation), operation.arity)
    case "reduce":
      guard value != nil || !["variance", "norm"].contains(name) else {
        throw damage("node \(index) is no number")
      }
      let reductions: [Reduction] = [
        .sum, .mean, .variance(correction: value ?? 0), .meanSquare, .max, .min, .norm(value ?? 2),
      ]
      guard let reduction = reductions.first(where: { $0.name == name }) else {
        throw damage("there is no reduction '\(name)'")
      }
      return (.reduce(reduction, over), 1)
    default: throw damage("node \(index) is a '\(node.kind)'")
    }
  }
}
