import NormaCore
import NormaGraph

/// One direction of a norm as C text, for one order of loops.
///
/// Where every statistic that a tensor result needs is complete on a slice (a row, a sample, a group of
/// a sample), slices go through all passes one after the other; else each pass goes over the whole.
/// Sums beyond slices are made in pieces, whose number depends on the shape only, and joined in order.
struct PortableDirection {
  /// Which loop is the innermost.
  enum Order: String, CaseIterable {
    case last, first

    var atoms: [RoleSet] {
      switch self {
      case .last: [.chunk, .sample, .space, .group, .member]
      case .first: [.chunk, .sample, .group, .member, .space]
      }
    }
  }

  let graph: Graph
  let nodes: TileNodes
  let program: NormProgram
  let saved: [RoleSet]
  let order: Order
  let name: String
  /// The atoms that are split or can have several elements.
  let atoms: [RoleSet]
  /// The atoms of a slice, the outermost loops; empty where passes go over the whole.
  let lead: [RoleSet]
  /// Which nodes are known only after all slices.
  let crossing: [Bool]
  /// Which values of a slice are one number that nobody else wants.
  let local: [Bool]

  init(
    _ graph: Graph, program: NormProgram, extents: Extents, saved: [RoleSet], order: Order,
    name: String
  ) {
    self.graph = graph
    self.program = program
    self.saved = saved
    self.order = order
    self.name = name
    let nodes = TileNodes(graph, extents: extents)
    self.nodes = nodes
    let live = order.atoms.filter { extents.count($0) > 1 }
    atoms = live
    let prefixes = (1..<live.count).reversed().map { Array(live.prefix($0)) }
    let found = prefixes.first { nodes.fits(RoleSet($0)) } ?? []
    lead = found
    crossing = nodes.crossing(RoleSet(found))
    var local = [Bool](repeating: false, count: graph.nodes.count)
    if !found.isEmpty {
      for (index, node) in graph.nodes.enumerated() where !crossing[index] {
        local[index] = live.filter(node.domain.contains) == found
      }
      for (index, node) in graph.nodes.enumerated() where crossing[index] {
        if !nodes.isTileReduction(index) { for operand in node.operands { local[operand] = false } }
      }
      for output in graph.outputs { local[output.node] = false }
    }
    self.local = local
  }

  // MARK: words

  private static let letters: [(RoleSet, String)] = [
    (.chunk, "k"), (.sample, "n"), (.space, "s"), (.group, "g"), (.member, "m"),
  ]
  /// The extents as C names. What a formula does not split is whole.
  static func sizes(_ extents: Extents) -> String {
    let batch =
      extents.count(.chunk) > 1
      ? "Nk = j->chunk, Nn = j->sample" : "Nk = 1, Nn = j->chunk * j->sample"
    let channels =
      extents.count(.group) > 1
      ? "Ng = j->group, Nm = j->member" : "Ng = 1, Nm = j->group * j->member"
    return "const i64 \(batch), Ns = j->space, \(channels);"
  }

  static func letter(_ atom: RoleSet) -> String {
    letters.first { $0.0 == atom }?.1 ?? ""
  }

  /// The number of elements along roles.
  static func count(_ roles: RoleSet) -> String {
    let factors = RoleSet.atoms.filter(roles.contains).map { "N" + letter($0) }
    return factors.isEmpty ? "1" : factors.joined(separator: " * ")
  }

  /// The index of an element along roles, batch before space before channel.
  func index(_ roles: RoleSet) -> String {
    let used = RoleSet.atoms.filter { roles.contains($0) && atoms.contains($0) }
    guard let first = used.first else { return "0" }
    return used.dropFirst().reduce("i" + Self.letter(first)) { text, atom in
      let base = text.contains(" ") ? "(\(text))" : text
      return "\(base) * N\(Self.letter(atom)) + i\(Self.letter(atom))"
    }
  }

  func isFull(_ node: Int) -> Bool { nodes.isFull(node) }

  /// Whether a node's value is written where it is used. A buffer that another becomes is copied first:
  /// by then it may have changed.
  func isLeaf(_ node: Int) -> Bool {
    switch graph.nodes[node].kind {
    case .map, .reduce: false
    case .buffer: !graph.outputs.contains { $0.node == node && $0.name.hasPrefix("buffer:") }
    default: true
    }
  }

  /// Whether a node has an array.
  func hasArray(_ node: Int) -> Bool { !isFull(node) && !isLeaf(node) && !local[node] }

  /// The value of a node that is not full, where the indices of its roles are known.
  func value(_ node: Int) -> String {
    let domain = graph.nodes[node].domain
    switch graph.nodes[node].kind {
    case .hyper(let name): return "j->hyper[\(program.hyper.firstIndex(of: name) ?? 0)]"
    case .parameter(let name):
      let k = program.parameters.firstIndex { $0.name == name } ?? 0
      return "(double)p\(k)[\(index(domain))]"
    case .buffer(let name) where isLeaf(node):
      let k = program.buffers.firstIndex { $0.name == name } ?? 0
      return "(double)b\(k)[\(index(domain))]"
    case .input(let name):
      let k = program.inputs.firstIndex { $0.name == name } ?? 0
      return "(double)x\(k)[\(offset(k, fast: false))]"
    case .saved(let k): return "saved\(k)[\(index(domain))]"
    case .constant(let number): return PortableText.number(number)
    case .count(let roles): return "(double)(\(Self.count(roles)))"
    case .position(let roles): return "(double)(\(index(roles)))"
    default: return local[node] ? "v\(node)" : "v\(node)[\(index(domain))]"
    }
  }

  /// Where an element of an input, or of its gradient, lies.
  func offset(_ input: Int, fast: Bool) -> String {
    let roles = program.inputs[input].roles
    var terms: [String] = []
    let batch = index(roles.intersection(.batch))
    if batch != "0" { terms.append("(\(batch)) * a\(input).batch") }
    let (space, channel) = (index(.space), index(.channel))
    let isFast = fast && roles == .all
    if !roles.isDisjoint(with: .space) {
      terms.append(
        isFast && order == .first
          ? "(fast ? \(space) : a\(input).space[\(space)])"
          : "a\(input).space[\(space)]")
    }
    if !roles.isDisjoint(with: .channel) {
      terms.append(
        isFast && order == .last
          ? "(fast ? \(channel) : a\(input).channel[\(channel)])"
          : "a\(input).channel[\(channel)]")
    }
    return terms.isEmpty ? "0" : terms.joined(separator: " + ")
  }

  static func applied(_ operation: Elementwise, _ operands: [String]) -> String {
    let (a, b) = (operands[0], operands.count > 1 ? operands[1] : "")
    switch operation {
    case .add: return "\(a) + \(b)"
    case .sub: return "\(a) - \(b)"
    case .mul: return "\(a) * \(b)"
    case .div: return "\(a) / \(b)"
    case .neg: return "-(\(a))"
    default: return "nd_\(operation.name)(\(operands.joined(separator: ", ")))"
    }
  }

  // MARK: memory

  /// The arrays and how many doubles each has, in the order of memory.
  private var slots: [(name: String, count: String)] {
    graph.nodes.indices.filter(hasArray).flatMap { node in
      let count = Self.count(graph.nodes[node].domain)
      return [("v\(node)", count)] + (isPartial(node) ? [("q\(node)", "pieces * \(count)")] : [])
    }
  }

  /// The arrays, as C pointers into the memory given.
  private var arrays: [String] {
    ["double *w = j->work;"]
      + slots.map { "double *const \($0.name) = w; w += \($0.count);" }
  }

  /// Everything that the loops name.
  var names: [String] {
    var lines = [Self.sizes(nodes.extents), "const i64 pieces = \(name)_pieces(j);"]
    let used = Set(graph.nodes.map(\.kind))
    for (k, input) in program.inputs.enumerated() {
      lines.append("const place a\(k) = j->places[\(k)];")
      if used.contains(.input(input.name)) {
        lines.append("const float *const restrict x\(k) = j->inputs[\(k)];")
      }
    }
    if graph.nodes.contains(where: { if case .outputGradient = $0.kind { true } else { false } }) {
      lines.append("const float *const restrict dy = j->output_gradient;")
    }
    for (k, parameter) in program.parameters.enumerated()
    where used.contains(.parameter(parameter.name)) {
      lines.append("const float *const restrict p\(k) = j->parameters[\(k)];")
    }
    for (k, buffer) in program.buffers.enumerated() where used.contains(.buffer(buffer.name)) {
      lines.append("const float *const b\(k) = j->buffers[\(k)];")
    }
    if graph.nodes.contains(where: { if case .saved = $0.kind { true } else { false } }) {
      var start = "j->saved"
      for (k, roles) in saved.enumerated() {
        lines.append("const double *const saved\(k) = \(start);")
        start = "saved\(k) + \(Self.count(roles))"
      }
    }
    for output in graph.outputs where TileNodes.isTensorResult(output.name) {
      lines.append("float *const restrict \(target(output)) = \(pointer(output));")
    }
    return lines + arrays
  }

  /// The name of a tensor result, and where its memory is.
  func target(_ output: Graph.Output) -> String {
    output.name == "y" ? "y" : "dx\(input(output))"
  }
  func pointer(_ output: Graph.Output) -> String {
    output.name == "y" ? "j->output" : "j->input_gradients[\(input(output))]"
  }
  func input(_ output: Graph.Output) -> Int {
    let name = output.name.drop { $0 != ":" }.dropFirst()
    return program.inputs.firstIndex { $0.name == name } ?? 0
  }

  // MARK: the text

  /// The atoms of the units that are worked on at once.
  var unit: [RoleSet] {
    lead.isEmpty ? atoms.filter { RoleSet.batch.contains($0) } : lead
  }
  /// Whether a reduction of tensors adds up what several units have.
  func isPartial(_ node: Int) -> Bool {
    nodes.isTileReduction(node) && !unit.allSatisfy(graph.nodes[node].domain.contains)
  }

  /// The functions `NAME_pieces`, `NAME_memory`, one a sweep and `NAME` itself.
  var text: [String] {
    let units = Self.count(RoleSet(unit))
    var lines = [
      "static i64 \(name)_pieces(const job *j) {", "  \(Self.sizes(nodes.extents))",
      "  const i64 units = \(units);",
      "  i64 most = \(Self.count(.all)) / PIECE;", "  if (most > PIECES) most = PIECES;",
      "  if (most > units) most = units;", "  return most < 1 ? 1 : most;", "}", "",
      "static i64 \(name)_memory(const job *j) {", "  \(Self.sizes(nodes.extents))",
      "  const i64 pieces = \(name)_pieces(j);",
    ]
    lines += ["  i64 count = 0;"] + slots.map { "  count += \($0.count);" }
    lines += ["  return count;", "}", ""]
    let passes = nodes.passCount
    let sweeps = lead.isEmpty ? (0..<passes).map { $0..<($0 + 1) } : [0..<passes]
    for (number, sweep) in sweeps.enumerated() { lines += sweepText(number, sweep) }
    lines += ["static void \(name)(job *j) {"] + names.map { "  " + $0 }
    var body = Indented(depth: 1)
    for node in graph.nodes.indices where nodes.stage[node] == 0 && !isInSlice(node) {
      small(node, bound: [], &body)
    }
    for (number, sweep) in sweeps.enumerated() {
      body.add("j->parallel(j, pieces, \(name)_sweep\(number));")
      for node in graph.nodes.indices where sweep.contains(nodes.stage[node] - 1) {
        if isInSlice(node) { continue }
        if isPartial(node) {
          merge(node, &body)
        } else {
          small(node, bound: [], &body)
        }
      }
    }
    // What goes to backward is kept before buffers change.
    for output in graph.outputs where output.name.hasPrefix("saved:") { keep(output, &body) }
    for output in graph.outputs where !TileNodes.isTensorResult(output.name) {
      store(output, &body)
    }
    return lines + body.lines + ["}", ""]
  }

  /// Whether a small node is worked out slice by slice.
  func isInSlice(_ node: Int) -> Bool {
    !lead.isEmpty && !crossing[node] && lead.allSatisfy(graph.nodes[node].domain.contains)
  }

  /// The loops of one sweep, for some of the units.
  func sweepText(_ number: Int, _ passes: Range<Int>) -> [String] {
    let function = "\(name)_sweep\(number)"
    var body = Indented(depth: 1)
    for line in names { body.add(line) }
    body.open("for (i64 piece = begin; piece < end; piece++) {")
    body.add("const i64 units = \(Self.count(RoleSet(unit)));")
    let partial = graph.nodes.indices.filter {
      isPartial($0) && passes.contains(nodes.stage[$0] - 1)
    }
    for node in partial {
      let count = Self.count(graph.nodes[node].domain)
      body.add("double *const restrict r\(node) = q\(node) + piece * (\(count));")
      body.add("for (i64 i = 0; i < \(count); i++) r\(node)[i] = \(start(node));")
    }
    body.open("for (i64 u = piece * units / pieces; u < (piece + 1) * units / pieces; u++) {")
    var rest = "u"
    for atom in unit.reversed() {
      let letter = Self.letter(atom)
      body.add("const i64 i\(letter) = \(atom == unit.first ? rest : "\(rest) % N\(letter)");")
      rest = rest == "u" ? "u / N\(letter)" : "\(rest) / N\(letter)"
    }
    if !lead.isEmpty {
      for node in graph.nodes.indices where nodes.stage[node] == 0 && isInSlice(node) {
        small(node, bound: lead, &body)
      }
    }
    for pass in passes {
      nest(pass, &body)
      guard !lead.isEmpty else { continue }
      for node in graph.nodes.indices
      where nodes.stage[node] == pass + 1 && isInSlice(node) && !nodes.isTileReduction(node) {
        small(node, bound: lead, &body)
      }
    }
    body.close()
    body.close()
    return [
      "IN void \(function)_with(job *j, i64 begin, i64 end, const int fast) {"
    ] + body.lines + [
      "}", "",
      "static void \(function)(void *context, i64 begin, i64 end, uint32_t thread) {",
      "  job *j = context;", "  (void)thread;",
      "  if (j->fast) \(function)_with(j, begin, end, 1);",
      "  else \(function)_with(j, begin, end, 0);", "}", "",
    ]
  }
}

/// Lines of text, indented by what is open.
struct Indented {
  private(set) var lines: [String] = []
  private var depth: Int

  init(depth: Int) { self.depth = depth }

  mutating func add(_ line: String) {
    lines.append(String(repeating: "  ", count: depth) + line)
  }
  mutating func open(_ line: String) {
    add(line)
    depth += 1
  }
  mutating func close(_ count: Int = 1) {
    for _ in 0..<count {
      depth -= 1
      add("}")
    }
  }
}
