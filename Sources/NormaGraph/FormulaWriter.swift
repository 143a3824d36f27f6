import NormaCore

/// Turns nodes into text, operands first, so that no graph is too deep.
struct FormulaWriter {
  /// A node as a sum of terms; most have one.
  private struct Piece {
    var terms: [FormulaTerm]

    init(_ terms: [FormulaTerm]) { self.terms = terms }
    init(_ base: FormulaTerm.Base) { terms = [FormulaTerm(base)] }

    var text: String {
      if terms.count == 1 { return terms[0].text }
      var text = ""
      for term in terms {
        let sign = text.isEmpty ? (term.isNegative ? "-" : "") : term.isNegative ? " - " : " + "
        text += sign + term.magnitude
      }
      return text
    }

    /// The piece as part of a product.
    var factor: FormulaTerm {
      terms.count == 1 ? terms[0] : FormulaTerm(.loose(text))
    }

    /// The piece as part of a power.
    var raised: String { terms.count == 1 && terms[0].isAtom ? text : "(\(text))" }

    /// The piece as part of a comparison.
    var compared: String {
      terms.count == 1 ? (terms[0].isNegative ? "-" : "") + terms[0].magnitude : text
    }
  }

  /// A part used more than once is repeated when it is no longer than this.
  private static let shortest = 12
  /// Longer parts stand on a line of their own even when used once.
  private static let longest = 160

  private let graph: Graph
  private let uses: [Int]
  /// Nodes that only updates of buffers use, which have no gradient to stop.
  private let withoutGradient: [Bool]
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
    var differentiable = [Bool](repeating: false, count: graph.nodes.count)
    for output in graph.outputs where !output.name.hasPrefix("buffer:") {
      differentiable[output.node] = true
    }
    for index in graph.nodes.indices.reversed() where differentiable[index] {
      for operand in graph.nodes[index].operands { differentiable[operand] = true }
    }
    withoutGradient = differentiable.map { !$0 }
    taken.formUnion(graph.nodes.compactMap { Self.leafName($0.kind) })
    taken.formUnion(graph.outputs.map { Self.outputName($0.name) })
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
      var piece = piece(node, at: index)
      let text = piece.text
      definitions.append(text)
      let isShared = uses[index] > 1 && text.count > Self.shortest
      // What is used once, by a result, is that result's line.
      if !node.operands.isEmpty, isShared || uses[index] > 0 && text.count > Self.longest {
        let name = freeName(for: node)
        written.append(Formula.Line(name: name, expression: text))
        piece = Piece(.atom(name))
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

  private func piece(_ node: Graph.Node, at index: Int) -> Piece {
    let operands = node.operands.map { pieces[$0] }
    switch node.kind {
    case .constant(let value): return Piece([FormulaTerm(value)])
    case .count(let roles): return Piece(.count(Self.list(roles)))
    case .position(let roles): return Piece(.atom("index(\(Self.list(roles)))"))
    case .saved(let index): return Piece(.atom("saved\(index)"))
    case .window(let window):
      return Piece(.atom("window(\(operands[0].text), \(window.text))"))
    case .stopGradient where withoutGradient[index]: return operands[0]
    case .stopGradient: return Piece(.atom("stop_gradient(\(operands[0].text))"))
    case .map(let operation): return piece(operation, operands)
    case .reduce(let reduction, let roles): return piece(reduction, roles, of: operands[0])
    case .input, .outputGradient, .hyper, .parameter, .buffer:
      return Piece(.atom(Self.leafName(node.kind) ?? ""))
    }
  }

  private func piece(_ operation: Elementwise, _ operands: [Piece]) -> Piece {
    switch operation {
    case .add: return Piece(operands[0].terms + operands[1].terms)
    case .sub: return Piece(operands[0].terms + operands[1].terms.map { -$0 })
    case .neg: return Piece(operands[0].terms.map { -$0 })
    case .mul: return Piece([operands[0].factor * operands[1].factor])
    case .div: return Piece([operands[0].factor / operands[1].factor])
    case .square: return Piece([operands[0].factor * operands[0].factor])
    default: break
    }
    switch operation.notation {
    case .infix(let sign, precedence: 0):
      return Piece(.loose("\(operands[0].compared) \(sign) \(operands[1].compared)"))
    case .infix(let sign, _):
      return Piece(.power(operands[0].raised + sign + operands[1].raised))
    case .function(let name):
      return Piece(.atom("\(name)(\(operands.map(\.text).joined(separator: ", ")))"))
    case .prefix(let sign):
      return Piece(.power(sign + operands[0].raised))
    case .power(let exponent):
      return Piece(.power("\(operands[0].raised)^\(exponent)"))
    }
  }

  private func piece(_ reduction: Reduction, _ roles: RoleSet, of operand: Piece) -> Piece {
    let over = Self.list(roles)
    func call(_ text: String, _ setting: String = "") -> FormulaTerm {
      FormulaTerm(.atom("\(reduction.name)(\(text), \(over)\(setting))"))
    }
    switch reduction {
    case .sum where operand.terms.count == 1:
      let (number, rest) = operand.terms[0].separated
      return Piece([number * FormulaTerm(.sum(of: rest.text, over: over))])
    case .sum: return Piece(.sum(of: operand.text, over: over))
    case .mean where operand.terms.count == 1:
      let (number, rest) = operand.terms[0].separated
      return Piece([number * call(rest.text)])
    case .variance(let correction) where correction != 0:
      return Piece([call(operand.text, ", correction = \(FormulaTerm.number(correction))")])
    case .norm(let p): return Piece([call(operand.text, ", p = \(FormulaTerm.number(p))")])
    case .mean, .variance, .meanSquare, .max, .min: return Piece([call(operand.text)])
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
}
