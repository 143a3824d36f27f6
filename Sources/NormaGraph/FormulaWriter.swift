import NormaCore

/// Turns nodes into text, operands first, so that no graph is too deep.
struct FormulaWriter {
  /// A piece of text and how tightly its outermost operation binds.
  private struct Piece {
    var text: String
    var precedence = Precedence.atom

    /// The text, in parentheses where an operation of `precedence` would tear it apart.
    func inside(_ precedence: Int) -> String {
      self.precedence < precedence ? "(\(text))" : text
    }
  }

  private enum Precedence {
    static let prefix = 3
    static let power = 4
    static let atom = 5
  }

  /// A part used more than once is repeated only when it is this short.
  private static let shortest = 8
  /// Longer parts stand on a line of their own even when used once.
  private static let longest = 160

  private let graph: Graph
  private let uses: [Int]
  private var taken: Set<String> = []
  private var pieces: [Piece] = []
  private var definitions: [String] = []
  private var written: [Formula.Line] = []

  init(_ graph: Graph) {
    self.graph = graph
    var uses = [Int](repeating: 0, count: graph.nodes.count)
    for node in graph.nodes {
      for operand in node.operands { uses[operand] += 1 }
    }
    self.uses = uses
    for node in graph.nodes {
      if let name = Self.leafName(node.kind) { taken.insert(name) }
    }
    for output in graph.outputs { taken.insert(Self.outputName(output.name)) }
    write()
  }

  /// The lines of parts, then those of results.
  func lines() -> [Formula.Line] {
    written
      + graph.outputs.map {
        Formula.Line(name: Self.outputName($0.name), expression: pieces[$0.node].text)
      }
  }

  /// How a node is computed, even when it has a name.
  func definition(of index: Int) -> String { definitions[index] }

  private mutating func write() {
    for (index, node) in graph.nodes.enumerated() {
      var piece = piece(node)
      definitions.append(piece.text)
      let isShared = uses[index] > 1 && piece.text.count > Self.shortest
      // What is used once, by a result, is that result's line.
      if !node.operands.isEmpty, isShared || uses[index] > 0 && piece.text.count > Self.longest {
        let name = freeName(for: node)
        written.append(Formula.Line(name: name, expression: piece.text))
        piece = Piece(text: name)
      }
      pieces.append(piece)
    }
  }

  /// A name that nothing else in the formula has.
  private mutating func freeName(for node: Graph.Node) -> String {
    let base =
      switch node.kind {
      case .reduce(let reduction, _): reduction.name
      case .map(.rsqrt): "r"
      default: "t"
      }
    var name = base
    var number = 2
    while taken.contains(name) {
      name = "\(base)\(number)"
      number += 1
    }
    taken.insert(name)
    return name
  }

  private func piece(_ node: Graph.Node) -> Piece {
    let operands = node.operands.map { pieces[$0] }
    switch node.kind {
    case .constant(let value):
      return Piece(
        text: Self.number(value), precedence: value < 0 ? Precedence.prefix : Precedence.atom)
    case .count(let roles): return Piece(text: "N(\(Self.list(roles)))")
    case .position(let roles): return Piece(text: "index(\(Self.list(roles)))")
    case .saved(let index): return Piece(text: "saved\(index)")
    case .stopGradient: return Piece(text: "stop_gradient(\(operands[0].text))")
    case .map(let operation): return piece(operation, operands)
    case .reduce(let reduction, let roles):
      var arguments = [operands[0].text, Self.list(roles)]
      switch reduction {
      case .variance(let correction) where correction != 0:
        arguments.append("correction = \(Self.number(correction))")
      case .norm(let p): arguments.append("p = \(Self.number(p))")
      default: break
      }
      return Piece(text: "\(reduction.name)(\(arguments.joined(separator: ", ")))")
    case .input, .outputGradient, .hyper, .parameter, .buffer:
      return Piece(text: Self.leafName(node.kind) ?? "")
    }
  }

  private func piece(_ operation: Elementwise, _ operands: [Piece]) -> Piece {
    switch operation.notation {
    case .function(let name):
      return Piece(text: "\(name)(\(operands.map(\.text).joined(separator: ", ")))")
    case .prefix(let sign):
      return Piece(
        text: sign + operands[0].inside(Precedence.power), precedence: Precedence.prefix)
    case .power(let exponent):
      return Piece(
        text: "\(operands[0].inside(Precedence.atom))^\(exponent)", precedence: Precedence.power)
    case .infix(let sign, let precedence) where precedence == Precedence.power:
      return Piece(
        text: operands[0].inside(Precedence.atom) + sign + operands[1].inside(Precedence.atom),
        precedence: precedence)
    case .infix(let sign, let precedence):
      // Sums and products may be regrouped; differences, quotients and comparisons may not.
      let isComparison = precedence == 0
      let isFree = sign == "+" || sign == "*"
      let left = operands[0].inside(isComparison ? precedence + 1 : precedence)
      var right = operands[1].inside(isFree ? precedence : precedence + 1)
      if right.hasPrefix("-") { right = "(\(right))" }
      return Piece(text: "\(left) \(sign) \(right)", precedence: precedence)
    }
  }

  private static func outputName(_ name: String) -> String {
    let parts = name.split(separator: ":", maxSplits: 1)
    guard parts.count == 2 else { return name }
    return parts[0] == "buffer" ? bufferName(String(parts[1])) : "d\(parts[1])"
  }

  private static func bufferName(_ name: String) -> String {
    name.hasPrefix("running_") ? name : "running_\(name)"
  }

  private static func leafName(_ kind: Expr.Kind) -> String? {
    switch kind {
    case .input(let name), .hyper(let name), .parameter(let name): name
    case .outputGradient(let name): "d\(name)"
    case .buffer(let name): bufferName(name)
    default: nil
    }
  }

  private static func list(_ roles: RoleSet) -> String { roles.names.joined(separator: ", ") }

  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
  }
}
