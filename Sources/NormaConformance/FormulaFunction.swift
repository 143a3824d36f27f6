import NormaCompiler
import NormaCore
import NormaGraph
import NormaNorms

/// A norm's output in Double as a function of one variable, everything else held at a point.
///
/// Where the norm says that its gradient is partial, what the formula marks with `stopGradient` is held
/// at its value too, so that differences measure the gradient that is meant.
struct FormulaFunction {
  private let reference: Reference
  private let point: Reference.Values
  private let inputs: [String]
  private let parameters: [String]
  /// Whether the formula stops a gradient of which the norm says nothing.
  let stopsUndeclared: Bool

  /// Prepares the formula of the harness's norm, or nil when it has none.
  init?(_ harness: KernelHarness, at values: Point) throws(NormaError) {
    let layer = harness.layer
    guard let definition = layer.entry.provider.definition else { return nil }
    let traced = try definition.traced(
      hyper: layer.hyper, channels: harness.layout.channelCount, mode: harness.mode)
    let schema = layer.entry.schema
    let inputLeaves =
      [("x", RoleSet.all)] + schema.inputs.filter { $0.name != "x" }.map { ($0.name, $0.roles) }
    let parameterLeaves = layer.parameters.map { ($0.spec.name, $0.spec.roles) }
    let bufferLeaves = layer.buffers.map { ($0.spec.name, $0.spec.roles) }
    let hyper = schema.hyper.filter(\.isReal).map(\.name)
    func program(
      _ output: Expr, held: [Held], asParameters: Bool
    ) throws(NormaError) -> NormProgram {
      let heldLeaves = held.map { ($0.name, $0.value.domain) }
      return try NormProgram(
        inputs: inputLeaves, parameters: parameterLeaves + (asParameters ? heldLeaves : []),
        buffers: bufferLeaves + (asParameters ? [] : heldLeaves), hyper: hyper, output: output,
        updates: asParameters ? [] : held.map { ($0.name, $0.value) }, gradient: false)
    }
    inputs = inputLeaves.map(\.0)
    parameters = parameterLeaves.map(\.0)
    var point = Reference.Values(
      inputs: inputs.map { values[$0] }, parameters: parameters.map { values[$0] },
      buffers: bufferLeaves.map { (values.buffers[$0.0] ?? []).map(Double.init) },
      hyper: layer.realHyper)
    let stops = try Graph([("y", traced.output)]).contains(.stopGradient)
    stopsUndeclared = stops && schema.gradient == .derivative
    let (output, held) =
      schema.gradient == .partial
      ? try FormulaFunction.holding(traced.output) : (traced.output, [])
    if !held.isEmpty {
      let evaluated = try Reference(
        program: program(traced.output, held: held, asParameters: false), layout: harness.layout
      ).forward(point)
      point.parameters += held.map { evaluated["buffer:" + $0.name] ?? [] }
    }
    self.point = point
    reference = try Reference(
      program: program(output, held: held, asParameters: true), layout: harness.layout)
  }

  /// The output, in C order, with the variable `name` moved to `values`.
  func output(_ name: String, _ values: [Double]) -> [Double] {
    var moved = point
    if let index = inputs.firstIndex(of: name) {
      moved.inputs[index] = values
    } else if let index = parameters.firstIndex(of: name) {
      moved.parameters[index] = values
    }
    return reference.forward(moved)["y"] ?? []
  }

  private struct Held {
    let name: String
    let value: Expr
  }

  /// The expression with every `stopGradient` replaced by a parameter that stands for its value.
  private static func holding(_ expression: Expr) throws(NormaError) -> (Expr, [Held]) {
    let graph = try Graph([("y", expression)])
    guard graph.contains(.stopGradient) else { return (expression, []) }
    var rebuilt: [Expr] = []
    var held: [Held] = []
    for (index, node) in graph.nodes.enumerated() {
      let operands = node.operands.map { rebuilt[$0] }
      switch node.kind {
      case .stopGradient:
        let name = "held:\(index)"
        held.append(Held(name: name, value: graph.expressions[node.operands[0]]))
        var leaf = Expr.parameter(name, per: node.domain)
        if let groups = graph.splits.groups { leaf = leaf.group(groups) }
        if let size = graph.splits.chunkSize { leaf = leaf.chunk(size) }
        rebuilt.append(leaf)
      default: rebuilt.append(graph.rewritten(index, operands))
      }
    }
    return (rebuilt[graph.outputs[0].node], held)
  }
}
