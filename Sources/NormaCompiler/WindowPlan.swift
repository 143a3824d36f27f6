import NormaCore
import NormaGraph

/// A program with windows as steps: parts that are compiled like any program, and between them sums over
/// neighbours.
///
/// What goes into a window and what comes out of it are tensors where it varies along every role; else they
/// are doubles among the saved values, which later parts, and backward, read like statistics.
struct WindowPlan {
  /// A tensor of a call, or a temporary one.
  enum Tensor: Hashable {
    case input(Int), outputGradient, residual, sumGradient
    case output, sum, inputGradient(Int)
    case temporary(Int)
  }

  struct Part {
    let kernel: TilesKernel
    let inputs: [Tensor]
    /// Where its tensor goes; nil where its results are small ones alone.
    let target: Tensor?
    let hasSmallResults: Bool
  }

  enum Step {
    case part(Part)
    /// Boxes go axis by axis and need a place between.
    case window([WindowAxis], from: Tensor, to: Tensor, between: Tensor)
    /// The same of saved values, by where they start.
    case savedWindow([WindowAxis], from: Int, to: Int, between: Int)
    /// Ones, whose windows count neighbours.
    case ones(at: Int, count: Int)
  }

  private let program: NormProgram
  private let layout: TensorLayout
  private let session: NativeSession?
  private let extents: Extents
  /// Where each saved value starts, in doubles.
  private var offsets: [Int] = []
  /// All saved values.
  private(set) var savedDoubles = 0
  private(set) var second: SecondInputs
  private(set) var forward: [Step] = []
  private(set) var backward: [Step] = []
  private(set) var temporaries = 0
  /// What backward finds among the saved values, by node.
  private var kept: [Int: Expr] = [:]

  /// Plans a program for a dense tensor that it suits.
  init(
    _ program: NormProgram, _ layout: TensorLayout, _ session: NativeSession?
  ) throws(NormaError) {
    extents = try program.splits.extents(
      batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
    self.program = program
    self.layout = layout
    self.session = session
    second = SecondInputs(program, extents, offsets: &offsets, total: &savedDoubles)
    let graph = try WindowPlan.graph(of: program, extents)
    let count = program.forwardResults.count
    let updated = Set(program.updates.map { Expr.Kind.buffer($0.name) })
    let isRead = graph.reachable(from: graph.outputs.dropFirst(count)) { _ in false }
    let read = graph.nodes.indices.filter { isRead[$0] && updated.contains(graph.nodes[$0].kind) }
    forward = try steps(graph, graph.outputs.prefix(count), keeping: read, backward: false)
    if graph.outputs.count > count {
      backward = try steps(graph, graph.outputs.dropFirst(count), keeping: [], backward: true)
    }
  }

  /// The lowered results of both directions, with the neighbours that are part of them.
  private static func graph(
    of program: NormProgram, _ extents: Extents
  ) throws(NormaError) -> Graph {
    let results = try Lowering(extents: extents).lowered(
      program.forwardResults + program.backwardResults)
    return try Graph(program.fusion.surrounding(results))
  }

  // MARK: steps of a direction

  /// What is made between two rounds of windows, and the windows of the round.
  private struct Stage {
    var tensors: [(target: Tensor, value: Expr)] = []
    var small: [(name: String, value: Expr)] = []
    /// Buffers change when nobody reads them any more.
    var buffers: [(name: String, value: Expr)] = []
    var windows: [Step] = []
  }

  /// A direction's graph as it is taken apart.
  private struct Direction {
    let graph: Graph
    let isBackward: Bool
    var stages = [Stage()]
    /// What each node is made of, with tensors and windows as leaves of a part.
    var rebuilt: [Expr] = []
    /// After how many rounds of windows each node is known.
    var rounds: [Int] = []
    /// Where nodes are that windows are of.
    var sources: [Int: Tensor] = [:]
    var savedSources: [Int: Int] = [:]
    /// What stands behind the leaves.
    private(set) var tensors: [String: Tensor] = [:]

    init(_ graph: Graph, isBackward: Bool) {
      self.graph = graph
      self.isBackward = isBackward
    }

    func leaf(_ expression: Expr) -> Expr {
      let grouped = graph.splits.groups.map { expression.group($0) } ?? expression
      return graph.splits.chunkSize.map { grouped.chunk($0) } ?? grouped
    }

    mutating func leaf(_ tensor: Tensor) -> Expr {
      let name = "\(tensor)"
      tensors[name] = tensor
      return leaf(Expr.input(name))
    }

    /// The tensor that an expression is as it stands.
    func tensor(_ expression: Expr) -> Tensor? {
      if case .input(let name) = expression.kind { tensors[name] } else { nil }
    }
  }

  /// - Parameter buffers: what backward reads of buffers that this direction updates.
  private mutating func steps(
    _ graph: Graph, _ outputs: ArraySlice<Graph.Output>, keeping buffers: [Int], backward: Bool
  ) throws(NormaError) -> [Step] {
    var direction = Direction(graph, isBackward: backward)
    let isNeeded = graph.reachable(from: outputs) { backward && kept[$0] != nil }
    for (index, node) in graph.nodes.enumerated() {
      var round = node.operands.map { direction.rounds[$0] }.max() ?? 0
      let value: Expr
      if !isNeeded[index] {
        value = graph.expressions[index]
      } else if backward, let known = kept[index] {
        value = direction.leaf(known)
        round = 0
      } else if let tensor = tensor(of: node.kind) {
        value = leaf(tensor, &direction)
      } else if let known = second.leaves[node.kind] {
        value = direction.leaf(known)
      } else if case .window(let window) = node.kind {
        value = self.window(window, index, round, &direction)
        round += 1
      } else {
        value = graph.rewritten(index, node.operands.map { direction.rebuilt[$0] })
      }
      direction.rebuilt.append(value)
      direction.rounds.append(round)
    }
    for output in outputs { place(output, &direction) }
    if program.fusion.keepsSum, !backward {
      direction.stages[0].tensors.append((.sum, leaf(.input(0), &direction)))
    }
    for index in buffers {
      let domain = graph.nodes[index].domain
      let number = newSaved(domain)
      kept[index] = .saved(number, domain: domain)
      let before = direction.leaf(graph.expressions[index])
      direction.stages[direction.stages.count - 1].buffers.append(("saved:\(number)", before))
    }
    var steps: [Step] = []
    for stage in direction.stages {
      // Small results are made beside the first tensor, buffers beside the last.
      for (number, tensor) in stage.tensors.enumerated() {
        let isLast = number == stage.tensors.count - 1
        let beside = (number == 0 ? stage.small : []) + (isLast ? stage.buffers : [])
        steps.append(.part(try part(beside, direction.tensors, tensor)))
      }
      let alone = stage.small + stage.buffers
      if stage.tensors.isEmpty, !alone.isEmpty {
        steps.append(.part(try part(alone, direction.tensors, nil)))
      }
      steps += stage.windows
    }
    return steps
  }

  /// A tensor as a leaf; `x` of forward may be a sum with its neighbour.
  private func leaf(_ tensor: Tensor, _ direction: inout Direction) -> Expr {
    let leaf = direction.leaf(tensor)
    guard program.fusion.addsResidual, !direction.isBackward, tensor == .input(0) else {
      return leaf
    }
    return leaf + direction.leaf(.residual)
  }

  /// Adds a window to a round, and what it is a window of to what is made before; returns its leaf.
  private mutating func window(
    _ window: Window, _ index: Int, _ round: Int, _ direction: inout Direction
  ) -> Expr {
    let node = direction.graph.nodes[index]
    let operand = direction.rebuilt[node.operands[0]]
    let axes = WindowAxis.axes(of: window, node.domain, layout, extents)
    if direction.stages.count == round + 1 { direction.stages.append(Stage()) }
    if node.domain == .all {
      let source: Tensor
      if let known = direction.tensor(operand) ?? direction.sources[node.operands[0]] {
        source = known
      } else {
        source = newTemporary()
        direction.sources[node.operands[0]] = source
        direction.stages[round].tensors.append((source, operand))
      }
      let target = newTemporary()
      let between = axes.count > 1 ? newTemporary() : target
      direction.stages[round].windows.append(
        .window(axes, from: source, to: target, between: between))
      return direction.leaf(target)
    }
    let source: Int
    if operand.constantValue == 1 {
      source = newSaved(node.domain)
      direction.stages[round].windows.append(
        .ones(at: offsets[source], count: extents.count(node.domain)))
    } else if let known = direction.savedSources[node.operands[0]] {
      source = known
    } else {
      source = newSaved(node.domain)
      direction.savedSources[node.operands[0]] = source
      direction.stages[round].small.append(("saved:\(source)", operand))
    }
    let target = newSaved(node.domain)
    let between = axes.count > 1 ? newSaved(node.domain) : source
    direction.stages[round].windows.append(
      .savedWindow(axes, from: offsets[source], to: offsets[target], between: offsets[between]))
    let known = Expr.saved(target, domain: node.domain)
    kept[index] = known
    return direction.leaf(known)
  }

  /// Adds a result to what is made when it is known.
  private mutating func place(_ output: Graph.Output, _ direction: inout Direction) {
    let (value, round) = (direction.rebuilt[output.node], direction.rounds[output.node])
    if let target = target(of: output.name) {
      direction.stages[round].tensors.append((target, value))
    } else if output.name.hasPrefix("second:") {
      let number = second.addGradient(
        ofInput: String(output.name.dropFirst("second:".count)), along: value.domain, program,
        extents, offsets: &offsets, total: &savedDoubles)
      direction.stages[round].small.append(("saved:\(number)", value))
    } else if output.name.hasPrefix("buffer:") {
      direction.stages[direction.stages.count - 1].buffers.append((output.name, value))
    } else {
      direction.stages[round].small.append((output.name, value))
    }
  }

  private func tensor(of kind: Expr.Kind) -> Tensor? {
    switch kind {
    case Fusion.residual.kind: .residual
    case Fusion.sumGradient.kind: .sumGradient
    case .outputGradient: .outputGradient
    case .input(let name):
      program.inputs.firstIndex { $0.name == name && $0.roles == .all }.map(Tensor.input)
    default: nil
    }
  }

  /// Where a result goes; nil for a small one.
  private func target(of result: String) -> Tensor? {
    switch result {
    case "y": .output
    case "sum": .sum
    default: program.inputs.firstIndex { "input:" + $0.name == result }.map(Tensor.inputGradient)
    }
  }

  private mutating func newTemporary() -> Tensor {
    temporaries += 1
    return .temporary(temporaries - 1)
  }

  private mutating func newSaved(_ roles: RoleSet) -> Int {
    offsets.append(savedDoubles)
    savedDoubles += extents.count(roles)
    return offsets.count - 1
  }

  private func part(
    _ small: [(name: String, value: Expr)], _ tensors: [String: Tensor],
    _ tensor: (target: Tensor, value: Expr)?
  ) throws(NormaError) -> Part {
    let results = (tensor.map { [("y", $0.value)] } ?? []) + small
    let used = Set(
      try Graph(results).nodes.compactMap { node -> String? in
        if case .input(let name) = node.kind { name } else { nil }
      })
    // A part that reads no tensor has the shape of one all the same.
    let inputs = used.isEmpty ? tensors.keys.sorted().prefix(1).map { $0 } : used.sorted()
    let program = NormProgram(partOf: program, inputs: inputs, results: results)
    return Part(
      kernel: try TilesKernel(program, layout, session, savedOffsets: offsets),
      inputs: inputs.compactMap { tensors[$0] }, target: tensor?.target,
      hasSmallResults: !small.isEmpty)
  }
}

extension WindowPlan {
  /// In how many equal parts samples may be taken, each part through all steps: 1 where a sample's results
  /// depend on others, or a window has no more than small values.
  static func blocks(_ program: NormProgram, _ layout: TensorLayout) throws(NormaError) -> Int {
    let samples = layout.batchCount
    guard layout.hasBatch, samples > 1, layout.count > blockCount, program.updates.isEmpty,
      program.backwardUpdates.isEmpty, program.secondInputs.isEmpty
    else { return 1 }
    let results = program.forwardResults + program.backwardResults
    let graph = try Graph(results)
    guard graph.splits.chunkSize == nil else { return 1 }
    let sums = Set(graph.outputs.filter { $0.name.hasPrefix("parameter:") }.map(\.node))
    var hasWindows = false
    for (index, node) in graph.nodes.enumerated() {
      switch node.kind {
      case .window: hasWindows = hasWindows || node.domain == .all
      case .reduce(.sum, let roles) where sums.contains(index) && roles.isSuperset(of: .batch):
        guard graph.isUsedOnce(index) else { return 1 }
      case .reduce(_, let roles), .count(let roles), .position(let roles):
        guard roles.isDisjoint(with: .batch) else { return 1 }
      default: break
      }
    }
    // What is not a sum over the batch would be added once a part.
    let areSums = sums.allSatisfy {
      if case .reduce(.sum, let roles) = graph.nodes[$0].kind {
        roles.isSuperset(of: .batch)
      } else {
        graph.nodes[$0].kind == .constant(0)
      }
    }
    guard hasWindows, areSums else { return 1 }
    // Not so few that one thread does them, nor so many that the sums of parts, which are floats, round often.
    let least = Swift.max(
      blockCount / 2 * samples / layout.count, sums.isEmpty ? 1 : samples / 64, 1)
    return samples / ((least...samples).first { samples % $0 == 0 } ?? samples)
  }

  /// Elements of a tensor of which the second-level caches of two cores hold a handful of tensors.
  private static let blockCount = 1 << 16
}

/// One axis along which a window goes, in an array [outer][count][inner].
struct WindowAxis {
  let outer: Int
  let count: Int
  let inner: Int
  let window: Window

  /// The channel axis, or each axis of space, of an array along `roles`: a tensor, or a small array whose
  /// axes lie in its order. Without space there is one position.
  static func axes(
    of window: Window, _ roles: RoleSet, _ layout: TensorLayout, _ extents: Extents
  ) -> [WindowAxis] {
    var sizes: [(role: RoleSet, size: Int)] = layout.shape.enumerated().map { axis, size in
      let isBatch = axis == 0 && layout.hasBatch
      let role: RoleSet =
        layout.channelAxes.contains(axis) ? .channel : isBatch ? .batch : .space
      return (role, roles.contains(role) ? size : 1)
    }
    if roles != .all {
      // Halves of split axes; and tensors whose axes are mixed have small arrays in the order of roles.
      let (batch, channel) = (roles.intersection(.batch), roles.intersection(.channel))
      let space = sizes.filter { $0.role == .space }
      let ends = [(role: RoleSet.batch, size: extents.count(batch))]
      let channels = [(role: RoleSet.channel, size: extents.count(channel))]
      sizes =
        MatrixForm(layout).order == .channelsFirst
        ? ends + channels + space : ends + space + channels
    }
    func product(_ part: ArraySlice<(role: RoleSet, size: Int)>) -> Int {
      part.reduce(1) { $0 * $1.size }
    }
    let axes = sizes.indices.filter { sizes[$0].role == window.role }
    guard !axes.isEmpty else {
      return [WindowAxis(outer: product(sizes[...]), count: 1, inner: 1, window: window)]
    }
    return axes.map { axis in
      WindowAxis(
        outer: product(sizes[..<axis]), count: sizes[axis].size,
        inner: product(sizes[(axis + 1)...]), window: window)
    }
  }
}

extension WindowPlan.Tensor {
  /// Whether a call hands it out.
  var isResult: Bool {
    switch self {
    case .output, .sum, .inputGradient: true
    case .input, .outputGradient, .residual, .sumGradient, .temporary: false
    }
  }
}

extension Graph {
  fileprivate func isUsedOnce(_ index: Int) -> Bool {
    !nodes.contains { $0.operands.contains(index) }
      && outputs.count { $0.node == index } == 1
  }
}
