public import NormaCore

/// A norm's formula as a list of nodes in which every node stands after its operands and no two nodes
/// compute the same thing.
public struct Graph: Sendable {
  /// One operation.
  public struct Node: Sendable {
    /// What it computes.
    public let kind: Expr.Kind
    /// Indices of its operands.
    public let operands: [Int]
    /// The roles along which its value varies.
    public let domain: RoleSet
    /// The script line that wrote it.
    public let place: SourcePlace?
  }

  /// Whether two lists of nodes compute the same, wherever they were written.
  public static func same(_ a: [Node], _ b: [Node]) -> Bool {
    a.elementsEqual(b) { $0.kind == $1.kind && $0.operands == $1.operands }
  }

  /// What a graph hands out under a name.
  public struct Output: Sendable {
    /// The name: `y`, `input:x`, `parameter:gamma`, `buffer:mean`.
    public let name: String
    /// The index of the node.
    public let node: Int
  }

  /// The nodes, operands first.
  public private(set) var nodes: [Node] = []
  /// The results.
  public private(set) var outputs: [Output] = []
  /// How roles are split.
  public private(set) var splits = Splits()
  /// One expression a node, for rewriting.
  public private(set) var expressions: [Expr] = []

  /// Builds a graph of named expressions, merging equal subexpressions.
  ///
  /// - Throws: the first mistake kept in any of the expressions.
  public init(_ results: [(name: String, value: Expr)]) throws(NormaError) {
    var byIdentity: [ObjectIdentifier: Int] = [:]
    var byContent: [Key: Int] = [:]
    // Most norms have fewer nodes.
    byIdentity.reserveCapacity(96)
    byContent.reserveCapacity(96)
    for (_, value) in results {
      if let failure = value.failure { throw failure }
    }
    splits = try Splits(of: results.map(\.value))
    for (name, value) in results {
      let node = insert(value, &byIdentity, &byContent)
      outputs.append(Output(name: name, node: node))
    }
  }

  private struct Key: Hashable {
    let kind: Expr.Kind
    let operands: [Int]

    // One number is hashed faster than an array.
    func hash(into hasher: inout Hasher) {
      hasher.combine(kind)
      hasher.combine(operands.reduce(0) { $0 &* 65599 &+ $1 })
    }
  }

  private mutating func insert(
    _ root: Expr, _ byIdentity: inout [ObjectIdentifier: Int], _ byContent: inout [Key: Int]
  ) -> Int {
    // An explicit stack: a script may chain operations deeper than the thread's stack allows.
    var pending = [root]
    while let expression = pending.last {
      if byIdentity[ObjectIdentifier(expression)] != nil {
        pending.removeLast()
        continue
      }
      let waiting = pending.count
      var operands: [Int] = []
      for operand in expression.operands {
        if let known = byIdentity[ObjectIdentifier(operand)] {
          operands.append(known)
        } else {
          pending.append(operand)
        }
      }
      guard pending.count == waiting else { continue }
      pending.removeLast()
      let key = Key(kind: expression.kind, operands: operands)
      if let known = byContent[key] {
        byIdentity[ObjectIdentifier(expression)] = known
        continue
      }
      byContent[key] = nodes.count
      byIdentity[ObjectIdentifier(expression)] = nodes.count
      // An expression stands for itself where nothing of it was merged with another.
      let standsForItself =
        expression.splits == splits && expression.slice == nil
        && zip(expression.operands, operands).allSatisfy { $0 === expressions[$1] }
      expressions.append(
        standsForItself
          ? expression
          : Expr(
            expression.kind, operands.map { expressions[$0] }, domain: expression.domain,
            splits: splits, place: expression.place))
      nodes.append(
        Node(
          kind: expression.kind, operands: operands, domain: expression.domain,
          place: expression.place))
    }
    return byIdentity[ObjectIdentifier(root)] ?? 0
  }

  /// The node of the output `name`.
  public func output(_ name: String) -> Int? { outputs.first { $0.name == name }?.node }

  /// Whether any node has the kind.
  public func contains(_ kind: Expr.Kind) -> Bool { nodes.contains { $0.kind == kind } }
}

extension Graph {
  /// The outputs' expressions with leaves replaced, simplified anew.
  public func substituting(_ replacements: [Expr.Kind: Expr]) -> [Expr] {
    rewriting { _, node, _ in replacements[node.kind] }
  }

  /// The outputs' expressions with nodes replaced, operands first, simplified anew.
  ///
  /// - Parameter replace: gets a node's index, the node and its rewritten operands; nil keeps it.
  public func rewriting(_ replace: (Int, Node, [Expr]) -> Expr?) -> [Expr] {
    var rebuilt: [Expr] = []
    for (index, node) in nodes.enumerated() {
      let old = expressions[index]
      let operands = node.operands.map { rebuilt[$0] }
      let new = ExprPlace.$current.withValue(node.place) { () -> Expr in
        if let replacement = replace(index, node, operands) { return replacement }
        if zip(operands, old.operands).allSatisfy({ $0 === $1 }) { return old }
        return rewritten(index, operands)
      }
      rebuilt.append(new)
    }
    return outputs.map { rebuilt[$0.node] }
  }

  /// A node made anew of other operands.
  public func rewritten(_ index: Int, _ operands: [Expr]) -> Expr {
    switch nodes[index].kind {
    case .map(let operation): Expr.apply(operation, operands)
    case .reduce(let reduction, let roles): operands[0].reduced(reduction, over: roles)
    case .stopGradient: operands[0].stopGradient()
    case .window(let window): operands[0].windowed(window)
    default: expressions[index]
    }
  }
}

extension Graph {
  /// The outputs with chunks as the batch and the samples of a chunk, with their positions, as space: as the
  /// elements lie where channels are last. Nil where a formula tells samples of a chunk from positions.
  ///
  /// - Parameter hasSpace: whether there is more than one position.
  public func withChunksAsSamples(hasSpace: Bool) -> [(name: String, value: Expr)]? {
    let inner: RoleSet = [.sample, .space]
    func moved(_ roles: RoleSet) -> RoleSet? {
      let within = roles.intersection(inner)
      guard within.isEmpty || within == inner || !hasSpace && within == .sample else { return nil }
      return roles.intersection(.channel)
        .union(roles.contains(.chunk) ? .batch : .none).union(within.isEmpty ? .none : .space)
    }
    func moved(_ kind: Expr.Kind) -> Expr.Kind? {
      switch kind {
      case .reduce(let reduction, let roles): moved(roles).map { .reduce(reduction, $0) }
      case .count(let roles): moved(roles).map { .count($0) }
      case .position(let roles): roles.isDisjoint(with: [.batch, .space]) ? kind : nil
      case .window: nil
      default: kind
      }
    }
    var rebuilt: [Expr] = []
    for node in nodes {
      guard let kind = moved(node.kind), let domain = moved(node.domain) else { return nil }
      rebuilt.append(
        Expr(
          kind, node.operands.map { rebuilt[$0] }, domain: domain,
          splits: Splits(groups: splits.groups), place: node.place))
    }
    return outputs.map { ($0.name, rebuilt[$0.node]) }
  }
}
