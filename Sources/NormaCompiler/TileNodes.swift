import NormaCore
import NormaGraph

extension Graph {
  /// The nodes that are variances of a value over roles, of any correction.
  func variances(of operand: Int, over roles: RoleSet) -> [Int] {
    nodes.indices.filter {
      if case .reduce(.variance, roles) = nodes[$0].kind {
        nodes[$0].operands[0] == operand
      } else {
        false
      }
    }
  }

  /// The nodes that forward computes and backward reads, where the first outputs are forward's:
  /// reductions reachable from both, and buffers, whose values before the step are gone by then.
  func keptForBackward(forwardCount: Int, updated: Set<String>) -> [Int] {
    let forward = reachable(from: outputs.prefix(forwardCount)) { _ in false }
    func isSaved(_ index: Int) -> Bool {
      if case .buffer(let name) = nodes[index].kind { return updated.contains(name) }
      guard case .reduce(let reduction, let roles) = nodes[index].kind else { return false }
      let operand = nodes[index].operands[0]
      guard nodes[operand].domain == .all else { return false }
      // Moments hold a mean, whether forward uses it or not.
      return forward[index]
        || reduction == .mean && variances(of: operand, over: roles).contains { forward[$0] }
    }
    let backward = reachable(from: outputs.dropFirst(forwardCount), stop: isSaved)
    return nodes.indices.filter { isSaved($0) && backward[$0] }
  }

  /// Which nodes some outputs are made of; what a node where that stops is made of does not count.
  func reachable(from outputs: ArraySlice<Graph.Output>, stop: (Int) -> Bool) -> [Bool] {
    var seen = [Bool](repeating: false, count: nodes.count)
    var pending = outputs.map(\.node)
    while let index = pending.popLast() {
      if seen[index] { continue }
      seen[index] = true
      if !stop(index) { pending += nodes[index].operands }
    }
    return seen
  }
}

/// A lowered graph with what scheduling asks of each node.
struct TileNodes {
  let graph: Graph
  let extents: Extents
  /// The number of the pass after which the node's value is known; 0 before the first.
  let stage: [Int]
  /// The number of passes over the tensor.
  private(set) var passCount = 0
  /// How many nodes and outputs use the node.
  let uses: [Int]

  init(_ graph: Graph, extents: Extents) {
    self.graph = graph
    self.extents = extents
    var stage = [Int](repeating: 0, count: graph.nodes.count)
    var uses = stage
    var last = 0
    for (index, node) in graph.nodes.enumerated() {
      for operand in node.operands { uses[operand] += 1 }
      stage[index] = node.operands.map { stage[$0] }.max() ?? 0
      if case .reduce = node.kind, graph.nodes[node.operands[0]].domain == .all {
        stage[index] += 1
        last = max(last, stage[index])
      }
    }
    for output in graph.outputs {
      uses[output.node] += 1
      if TileNodes.isTensorResult(output.name) { last = max(last, stage[output.node] + 1) }
    }
    self.stage = stage
    self.uses = uses
    passCount = last
  }

  func isFull(_ index: Int) -> Bool { graph.nodes[index].domain == .all }

  /// Whether an output is as large as the input.
  static func isTensorResult(_ name: String) -> Bool {
    name == "y" || name == "sum" || name.hasPrefix("input:")
  }

  /// Whether a node reduces a full-size value.
  func isTileReduction(_ index: Int) -> Bool {
    if case .reduce = graph.nodes[index].kind {
      isFull(graph.nodes[index].operands[0])
    } else {
      false
    }
  }

  /// A domain with roles of one element counted as present, where that decides nothing.
  func widened(_ domain: RoleSet) -> RoleSet {
    var wide = domain
    for (axis, atom) in RoleSet.atoms.enumerated() where extents.counts[axis] == 1 {
      wide.insert(atom)
    }
    return wide
  }

  /// The finest slices on which every statistic that the tensor results need is complete.
  func level(_ form: MatrixForm, for use: TilePlanner.Use = .interpreter) -> SliceLevel {
    if form.order == .channelsLast, fits(.rows, form) { return .rows }
    let samples = extents.count(.batch)
    let sampleSize = extents.count([.space, .channel])
    if samples >= 4 || sampleSize <= 16384, fits(.sample, form) { return .sample }
    if use == .machineCode, passCount > 1, channelsAtOnce(form) > 0, isMadeOfChannels(form),
      fits(.channel, form)
    {
      return .channel
    }
    return .whole
  }

  /// How many channels a slice of channels has; 0 where such slices do not pay off. All measured; the
  /// interpreter gains nothing.
  func channelsAtOnce(_ form: MatrixForm) -> Int {
    switch form.order {
    case .channelsFirst:
      // Rows that lie apart pay off where they are as long, and a channel while the second-level cache
      // has it and what comes next. Only where results go past the cache: what the third-level cache
      // holds is found there again by passes over the whole, which go to and fro.
      let isLarge = extents.count(.all) >= TilePlan.streamedCount(.channel)
      let isChannel = extents.count(.space) >= 512 && extents.count([.batch, .space]) <= 1 << 17
      return isLarge && isChannel ? 1 : 0
    case .channelsLast:
      // Of few rows the statistics are a large part of the work: those of a block of columns stay in the
      // first-level cache, beside the rows. More rows are read in order by passes over the whole.
      let channels = extents.count(.channel)
      guard extents.count([.batch, .space]) <= 128, extents.count(.group) == 1 else { return 0 }
      let block = stride(from: 64, through: 32, by: -8).first { channels % $0 == 0 }
      return block ?? (channels <= 256 ? channels : 0)
    case .groupRows: return 0
    }
  }

  /// Whether no small value varies along channels and what lies outside them: such would not lie together.
  private func isMadeOfChannels(_ form: MatrixForm) -> Bool {
    let outside: RoleSet = form.order == .channelsFirst ? .batch : [.batch, .space]
    return graph.nodes.allSatisfy { node in
      node.domain == .all || node.domain.isDisjoint(with: .channel)
        || extents.count(node.domain.intersection(outside)) == 1
    }
  }

  private func fits(_ level: SliceLevel, _ form: MatrixForm) -> Bool { fits(level.lead(form)) }

  /// Whether every statistic that the tensor results need is complete where these roles are fixed.
  func fits(_ lead: RoleSet) -> Bool {
    var crossing = [Bool](repeating: false, count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      let crosses = node.operands.contains { crossing[$0] }
      if isFull(index) {
        if crosses || (node.kind == .position(.all) && !lead.isEmpty) { return false }
        continue
      }
      let separate = node.domain.isDisjoint(with: lead)
      let complete = widened(node.domain).isSuperset(of: lead)
      if isTileReduction(index), !complete {
        // A sum over only some of a slice's roles would need another address space.
        if !separate { return false }
        crossing[index] = true
      } else if crosses {
        // What is made of a slice's own value too would be made once, when slices are gone.
        let isOfSlice = node.operands.contains {
          !crossing[$0] && !isFull($0) && !graph.nodes[$0].domain.isDisjoint(with: lead)
        }
        if isOfSlice, extents.count(lead) > 1 { return false }
        crossing[index] = true
      } else if case .reduce = node.kind, !complete,
        !graph.nodes[node.operands[0]].domain.isDisjoint(with: lead)
      {
        // Folding what each slice found would cross slices between passes.
        return false
      } else if !separate {
        if !complete { return false }
        if case .position = node.kind { return false }
      }
    }
    return !graph.outputs.contains { TileNodes.isTensorResult($0.name) && crossing[$0.node] }
  }

  /// Which nodes depend on statistics that are complete only after every slice.
  func crossing(_ level: SliceLevel, _ form: MatrixForm) -> [Bool] { crossing(level.lead(form)) }

  /// The same, where slices fix these roles.
  func crossing(_ lead: RoleSet) -> [Bool] {
    var crossing = [Bool](repeating: false, count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      crossing[index] =
        node.operands.contains { crossing[$0] }
        || (isTileReduction(index) && !widened(node.domain).isSuperset(of: lead))
    }
    return crossing
  }
}
