import Foundation
public import NormaCore
import NormaGraph

/// Evaluates a program in Double, node by node: the oracle of every test, written to be read.
public struct Reference: Sendable {
  private let program: NormProgram
  private let layout: TensorLayout
  private let extents: Extents
  private let forwardGraph: Graph
  private let backwardGraph: Graph

  /// Prepares a program for a tensor.
  ///
  /// - Throws: `usage` when the program's splits do not fit the shape.
  public init(program: NormProgram, layout: TensorLayout) throws(NormaError) {
    self.program = program
    self.layout = layout
    extents = try program.splits.extents(
      batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
    let forward = program.forwardResults
    let fusion = program.fusion
    let results = try fusion.surrounding(forward + program.backwardResults)
    forwardGraph = try Graph(fusion.adding(to: Array(results.prefix(forward.count))))
    backwardGraph = try Graph(Array(results.dropFirst(forward.count)))
  }

  /// The numbers a program reads. Tensors are in the layout's shape, C order.
  public struct Values: Sendable {
    /// The input tensors; those along some roles only in the order batch, space, channel.
    public var inputs: [[Double]]
    /// The parameters, flattened.
    public var parameters: [[Double]]
    /// The buffers, flattened.
    public var buffers: [[Double]]
    /// The real hyper-parameters.
    public var hyper: [Double]
    /// The gradient that arrives at the output; needed by `backward`.
    public var outputGradient: [Double]
    /// What is added to `x`; `backward` takes the sum as `x`.
    public var residual: [Double]
    /// The gradient that arrives at the sum.
    public var sumGradient: [Double]

    /// Makes a set of values.
    public init(
      inputs: [[Double]], parameters: [[Double]] = [], buffers: [[Double]] = [],
      hyper: [Double] = [], outputGradient: [Double] = [], residual: [Double] = [],
      sumGradient: [Double] = []
    ) {
      self.inputs = inputs
      self.parameters = parameters
      self.buffers = buffers
      self.hyper = hyper
      self.outputGradient = outputGradient
      self.residual = residual
      self.sumGradient = sumGradient
    }
  }

  /// `y` and a kept `sum` in the tensor's shape, and `buffer:NAME` for each updated buffer (none on an empty batch).
  public func forward(_ values: Values) -> [String: [Double]] {
    run(forwardGraph, values)
  }

  /// `input:NAME` in the tensor's shape, `second:NAME` and `parameter:NAME`, flattened.
  public func backward(_ values: Values) -> [String: [Double]] {
    run(backwardGraph, values)
  }

  /// The first node of forward that is not finite though what it is made of is: its operation and the
  /// script line that wrote it.
  func firstNotFinite(_ values: Values) -> (operation: String, place: SourcePlace?)? {
    let results = evaluate(forwardGraph, values)
    for (node, result) in zip(forwardGraph.nodes, results) {
      let isSound = node.operands.allSatisfy { results[$0].allSatisfy(\.isFinite) }
      guard isSound, !result.allSatisfy({ Float($0).isFinite }) else { continue }
      switch node.kind {
      case .map(let operation): return (operation.name, node.place)
      case .reduce(let reduction, _): return (reduction.name, node.place)
      default: return nil
      }
    }
    return nil
  }

  private func run(_ graph: Graph, _ values: Values) -> [String: [Double]] {
    let results = evaluate(graph, values)
    var named: [String: [Double]] = [:]
    for output in graph.outputs {
      let value = results[output.node]
      let domain = graph.nodes[output.node].domain
      if TileNodes.isTensorResult(output.name) {
        named[output.name] = fromCanonical(broadcast(value, from: domain, to: .all))
      } else if output.name.hasPrefix("buffer:") {
        let name = output.name.dropFirst("buffer:".count)
        let leaf = program.buffers.first { $0.name == name }
        guard layout.count > 0, let leaf else { continue }
        named[output.name] = broadcast(value, from: domain, to: leaf.roles)
      } else {
        let isInput = output.name.hasPrefix("second:")
        let name = output.name.drop { $0 != ":" }.dropFirst()
        let leaf = (isInput ? program.inputs : program.parameters).first { $0.name == name }
        named[output.name] = broadcast(value, from: domain, to: leaf?.roles ?? .none)
      }
    }
    return named
  }

  private func evaluate(_ graph: Graph, _ values: Values) -> [[Double]] {
    var results: [[Double]] = []
    for node in graph.nodes {
      let operands = node.operands.map { (results[$0], graph.nodes[$0].domain) }
      switch node.kind {
      case Fusion.residual.kind: results.append(toCanonical(values.residual))
      case Fusion.sumGradient.kind: results.append(toCanonical(values.sumGradient))
      case .input(let name):
        let index = program.inputs.firstIndex { $0.name == name } ?? 0
        let isWhole = program.inputs[index].roles == .all
        results.append(isWhole ? toCanonical(values.inputs[index]) : values.inputs[index])
      case .outputGradient: results.append(toCanonical(values.outputGradient))
      case .hyper(let name):
        results.append([values.hyper[program.hyper.firstIndex(of: name) ?? 0]])
      case .parameter(let name):
        results.append(values.parameters[program.parameters.firstIndex { $0.name == name } ?? 0])
      case .buffer(let name):
        results.append(values.buffers[program.buffers.firstIndex { $0.name == name } ?? 0])
      case .constant(let value): results.append([value])
      case .count(let roles): results.append([Double(extents.count(roles))])
      case .position(let roles): results.append((0..<extents.count(roles)).map(Double.init))
      case .stopGradient: results.append(operands[0].0)
      case .window(let window):
        let near = broadcast(operands[0].0, from: operands[0].1, to: node.domain)
        results.append(windowed(near, window, along: node.domain))
      case .saved: results.append([])
      case .map(let operation):
        let full = operands.map { broadcast($0.0, from: $0.1, to: node.domain) }
        let a = full[0]
        let b = full.count > 1 ? full[1] : a
        let c = full.count > 2 ? full[2] : a
        results.append(a.indices.map { operation.evaluate(a[$0], b[$0], c[$0]) })
      case .reduce(let reduction, let roles):
        results.append(reduce(reduction, roles, operands[0].0, operands[0].1))
      }
    }
    return results
  }

  /// Two passes for a variance: the mean first, then the squared deviations.
  private func reduce(
    _ reduction: Reduction, _ roles: RoleSet, _ x: [Double], _ domain: RoleSet
  ) -> [Double] {
    let target = domain.subtracting(roles)
    let index = Walk(extents, source: domain, target: target).targets
    let n = Double(extents.count(roles))
    let size = extents.count(target)
    func fold(_ start: Double, _ f: (Double, Double) -> Double) -> [Double] {
      var z = [Double](repeating: start, count: size)
      for (i, t) in index.enumerated() { z[t] = f(z[t], x[i]) }
      return z
    }
    switch reduction {
    case .sum: return fold(0, +)
    case .mean: return fold(0, +).map { $0 / n }
    case .meanSquare: return fold(0) { $0 + $1 * $1 }.map { $0 / n }
    case .variance(let correction):
      let mean = fold(0, +).map { $0 / n }
      var z = [Double](repeating: 0, count: size)
      for (i, t) in index.enumerated() { z[t] += (x[i] - mean[t]) * (x[i] - mean[t]) }
      return z.map { $0 / (n - correction) }
    case .max: return fold(-.infinity) { Elementwise.max.evaluate($0, $1, 0) }
    case .min: return fold(.infinity) { Elementwise.min.evaluate($0, $1, 0) }
    case .norm(let p):
      if p.isInfinite { return fold(0) { Elementwise.max.evaluate($0, abs($1), 0) } }
      if p == 2 { return fold(0) { $0 + $1 * $1 }.map { $0.squareRoot() } }
      return fold(0) { $0 + pow(abs($1), p) }.map { pow($0, 1 / p) }
    }
  }

  /// Sums over neighbours, an axis after the other: a window over space is a box.
  private func windowed(_ x: [Double], _ window: Window, along domain: RoleSet) -> [Double] {
    let batch = extents.count(domain.intersection(.batch))
    let space = domain.contains(.space) ? layout.spaceAxes.map { layout.shape[$0] } : []
    let sizes = [batch] + space + [extents.count(domain.intersection(.channel))]
    let axes = window.role == .channel ? [sizes.count - 1] : Array(1..<sizes.count - 1)
    return axes.reduce(x) { x, axis in
      let inner = sizes[(axis + 1)...].reduce(1, *)
      let n = sizes[axis]
      return x.indices.map { i in
        let k = i / inner % n
        let near = max(0, k - window.before)...min(n - 1, k + window.after)
        return near.reduce(0) { $0 + x[i + ($1 - k) * inner] }
      }
    }
  }

  private func broadcast(_ x: [Double], from domain: RoleSet, to target: RoleSet) -> [Double] {
    if domain == target { return x }
    return Walk(extents, source: target, target: domain).targets.map { x[$0] }
  }

  private func toCanonical(_ x: [Double]) -> [Double] { canonicalOrder.map { x[$0] } }

  private func fromCanonical(_ x: [Double]) -> [Double] {
    var z = [Double](repeating: 0, count: x.count)
    for (i, offset) in canonicalOrder.enumerated() { z[offset] = x[i] }
    return z
  }

  /// The C-order offset of each element in the order batch, space, channel.
  private var canonicalOrder: [Int] {
    let strides = TensorLayout.contiguousStrides(layout.shape)
    let axes = layout.canonicalAxes
    var offsets = [0]
    for axis in axes {
      offsets = offsets.flatMap { base in
        (0..<layout.shape[axis]).map { base + $0 * strides[axis] }
      }
    }
    return offsets
  }
}

/// The position in an array of `target`'s roles of each element of one of `source`'s roles.
struct Walk {
  var targets: [Int] = [0]

  init(_ extents: Extents, source: RoleSet, target: RoleSet) {
    let strides = extents.strides(target)
    for (axis, atom) in RoleSet.atoms.enumerated() where source.contains(atom) {
      let stride = strides[axis]
      targets = targets.flatMap { base in (0..<extents.counts[axis]).map { base + $0 * stride } }
    }
  }
}

extension Extents {
  /// C-order strides of an array that varies along `roles`; 0 along the others.
  func strides(_ roles: RoleSet) -> [Int] {
    var strides = [Int](repeating: 0, count: counts.count)
    var step = 1
    for (axis, atom) in RoleSet.atoms.enumerated().reversed() where roles.contains(atom) {
      strides[axis] = step
      step *= counts[axis]
    }
    return strides
  }
}

extension TensorLayout {
  /// The axes in the order batch, space, channel.
  var canonicalAxes: [Int] { (hasBatch ? [0] : []) + spaceAxes + channelAxes }
}
