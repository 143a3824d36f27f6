import NormaCore
import NormaGraph

extension PortableDirection {
  // MARK: reductions

  func start(_ node: Int) -> String {
    guard case .reduce(let reduction, _) = graph.nodes[node].kind else { return "0" }
    switch reduction {
    case .max: return "-__builtin_inf()"
    case .min: return "__builtin_inf()"
    default: return "0"
    }
  }

  /// The statement that takes a value in.
  func taking(_ node: Int, into sum: String, _ x: String) -> String {
    guard case .reduce(let reduction, _) = graph.nodes[node].kind else { return "" }
    switch reduction {
    case .max: return "\(sum) = nd_max(\(sum), \(x));"
    case .min: return "\(sum) = nd_min(\(sum), \(x));"
    case .norm(.infinity): return "\(sum) = nd_max(\(sum), nd_abs(\(x)));"
    case .meanSquare, .norm: return "\(sum) += (\(x)) * (\(x));"
    default: return "\(sum) += \(x);"
    }
  }

  /// What a finished sum comes to.
  func finished(_ node: Int, _ sum: String) -> String {
    guard case .reduce(let reduction, let roles) = graph.nodes[node].kind else { return sum }
    switch reduction {
    case .mean, .meanSquare: return "\(sum) / (double)(\(Self.count(roles)))"
    case .norm(2): return "sqrt(\(sum))"
    default: return sum
    }
  }

  func isSum(_ node: Int) -> Bool {
    guard case .reduce(let reduction, _) = graph.nodes[node].kind else { return false }
    switch reduction {
    case .max, .min, .norm(.infinity): return false
    default: return true
    }
  }

  /// Joins the pieces of a sum in their order.
  func merge(_ node: Int, _ body: inout Indented) {
    let count = Self.count(graph.nodes[node].domain)
    body.open("for (i64 i = 0; i < \(count); i++) {")
    body.add("double sum = \(start(node));")
    let piece = "q\(node)[piece * (\(count)) + i]"
    let join = isSum(node) ? "sum += \(piece);" : taking(node, into: "sum", piece)
    body.add("for (i64 piece = 0; piece < pieces; piece++) \(join)")
    body.add("v\(node)[i] = \(finished(node, "sum"));")
    body.close()
  }

  // MARK: small values

  /// Computes a node that is not full from others, in loops over its roles that are not bound.
  func small(_ node: Int, bound: [RoleSet], _ body: inout Indented) {
    guard !isFull(node), !isLeaf(node), !nodes.isTileReduction(node) else { return }
    let domain = graph.nodes[node].domain
    let operands = graph.nodes[node].operands
    let free = atoms.filter { domain.contains($0) && !bound.contains($0) }
    func set(_ value: String) {
      body.add(
        local[node]
          ? "const double v\(node) = \(value);"
          : "v\(node)[\(index(domain))] = \(value);")
    }
    open(free, &body)
    switch graph.nodes[node].kind {
    case .buffer(let name):
      let k = program.buffers.firstIndex { $0.name == name } ?? 0
      set("(double)b\(k)[\(index(domain))]")
    case .map(let operation): set(Self.applied(operation, operands.map(value)))
    case .reduce(_, let roles):
      body.add("double r\(node) = \(start(node));")
      let reduced = atoms.filter(roles.contains)
      open(reduced, &body)
      body.add(taking(node, into: "r\(node)", value(operands[0])))
      body.close(reduced.count)
      set(finished(node, "r\(node)"))
    default: break
    }
    body.close(free.count)
  }

  private func open(_ atoms: [RoleSet], _ body: inout Indented) {
    for atom in atoms { loop(atom, &body) }
  }

  private func loop(_ atom: RoleSet, _ body: inout Indented) {
    let letter = Self.letter(atom)
    body.open("for (i64 i\(letter) = 0; i\(letter) < N\(letter); i\(letter)++) {")
  }

  /// Puts a value where backward finds it.
  func keep(_ output: Graph.Output, _ body: inout Indented) {
    guard let number = Int(output.name.dropFirst("saved:".count)) else { return }
    let start = saved.prefix(number).map { " + \(Self.count($0))" }.joined()
    let free = atoms.filter(graph.nodes[output.node].domain.contains)
    body.open("if (j->saved) {")
    body.add("double *const z = j->saved\(start);")
    open(free, &body)
    body.add("z[\(index(saved[number]))] = \(value(output.node));")
    body.close(free.count)
    body.close()
  }

  /// Hands out a small result: a buffer, or a gradient.
  func store(_ output: Graph.Output, _ body: inout Indented) {
    let name = output.name.drop { $0 != ":" }.dropFirst()
    let (pointer, roles, place, adds): (String, RoleSet, String?, Bool)
    if output.name.hasPrefix("buffer:") {
      guard let k = program.buffers.firstIndex(where: { $0.name == name }) else { return }
      (pointer, roles, place, adds) = ("j->buffers[\(k)]", program.buffers[k].roles, nil, false)
    } else if output.name.hasPrefix("parameter:") {
      guard let k = program.parameters.firstIndex(where: { $0.name == name }) else { return }
      (pointer, roles) = ("j->parameter_gradients[\(k)]", program.parameters[k].roles)
      (place, adds) = (nil, true)
    } else if output.name.hasPrefix("second:") {
      let k = input(output)
      (pointer, roles) = ("j->input_gradients[\(k)]", program.inputs[k].roles)
      (place, adds) = (offset(k, fast: false), false)
    } else {
      return
    }
    let free = atoms.filter(roles.contains)
    let isWanted = output.name.hasPrefix("buffer:") ? "!j->keeps_buffers" : pointer
    body.open("if (\(isWanted)) {")
    body.add("float *const z = \(pointer);")
    open(free, &body)
    let at = "z[\(place ?? index(roles))]"
    let value = value(output.node)
    // Running values stay finite.
    let isBuffer = output.name.hasPrefix("buffer:")
    body.add(
      isBuffer
        ? "\(at) = bounded(\(value));"
        : adds
          ? "\(at) = (float)((j->accumulate ? (double)\(at) : 0) + \(value));"
          : "\(at) = (float)(\(value));")
    body.close(free.count)
    body.close()
  }

  // MARK: loops over tensors

  /// One pass over a unit: its sums, and the tensors it writes.
  func nest(_ pass: Int, _ body: inout Indented) {
    let sums = graph.nodes.indices.filter {
      nodes.isTileReduction($0) && nodes.stage[$0] == pass + 1
    }
    let outputs = graph.outputs.filter {
      TileNodes.isTensorResult($0.name) && isWritten($0, in: pass)
    }
    guard !sums.isEmpty || !outputs.isEmpty else { return }
    let inner = atoms.filter { !unit.contains($0) }
    // The loops that add to one place: the innermost ones along which a sum does not vary.
    var depth: [Int: Int] = [:]
    for node in sums {
      let domain = graph.nodes[node].domain
      let varying = inner.lastIndex(where: domain.contains)
      depth[node] = varying.map { $0 + 1 } ?? 0
      guard !isPartial(node), !local[node] else { continue }
      let free = inner.filter(domain.contains)
      open(free, &body)
      body.add("v\(node)[\(index(domain))] = \(start(node));")
      body.close(free.count)
    }
    for node in sums where local[node] { body.add("double v\(node);") }
    body.open("{")
    let (values, leaves) = needed(sums.map { graph.nodes[$0].operands[0] } + outputs.map(\.node))
    /// How many loops must be open for a small value to be known.
    func known(_ node: Int) -> Int {
      (inner.lastIndex(where: graph.nodes[node].domain.contains) ?? -1) + 1
    }
    for (level, atom) in inner.enumerated() {
      for leaf in leaves where known(leaf) == level {
        body.add("const double c\(leaf) = \(value(leaf));")
      }
      let begun = sums.filter { depth[$0] == level }
      for node in begun { body.add("double r\(node)_ = \(start(node));") }
      if level == inner.count - 1 {
        let running = sums.filter { (depth[$0] ?? 0) < inner.count }
        if running.allSatisfy(isSum) {
          let clause = running.map { "r\($0)_" }.joined(separator: ", ")
          body.add(
            clause.isEmpty ? "#pragma omp simd" : "#pragma omp simd reduction(+ : \(clause))")
        }
      }
      loop(atom, &body)
    }
    for leaf in leaves where known(leaf) == inner.count {
      body.add("const double c\(leaf) = \(value(leaf));")
    }
    for node in values { body.add("const double c\(node) = \(full(node));") }
    for output in outputs {
      let z = target(output)
      let at = offset(output.name == "y" ? 0 : input(output), fast: true)
      body.add("if (fast || \(z)) \(z)[\(at)] = (float)(c\(output.node));")
    }
    for node in sums {
      let operand = "c\(graph.nodes[node].operands[0])"
      let place =
        depth[node] == inner.count ? "\(sumPlace(node))" : "r\(node)_"
      body.add(taking(node, into: place, operand))
    }
    for level in inner.indices.reversed() {
      body.close()
      for node in sums where depth[node] == level {
        flush(node, &body)
      }
    }
    body.close()
    for node in sums where !isPartial(node) && !local[node] { finish(node, inner, &body) }
  }

  func finish(_ node: Int, _ inner: [RoleSet], _ body: inout Indented) {
    let domain = graph.nodes[node].domain
    let place = "v\(node)[\(index(domain))]"
    let value = finished(node, place)
    guard value != place else { return }
    let free = inner.filter(domain.contains)
    open(free, &body)
    body.add("\(place) = \(value);")
    body.close(free.count)
  }

  /// Where a sum's numbers are added up.
  func sumPlace(_ node: Int) -> String {
    let at = index(graph.nodes[node].domain)
    return isPartial(node) ? "r\(node)[\(at)]" : "v\(node)[\(at)]"
  }

  /// Adds what the innermost loops found.
  func flush(_ node: Int, _ body: inout Indented) {
    if local[node] {
      body.add("v\(node) = \(finished(node, "r\(node)_"));")
      return
    }
    let place = sumPlace(node)
    body.add(
      isSum(node) ? "\(place) += r\(node)_;" : taking(node, into: place, "r\(node)_"))
  }

  /// In which pass a tensor is written: the first in which its value is known.
  func isWritten(_ output: Graph.Output, in pass: Int) -> Bool {
    nodes.stage[output.node] == pass
  }

  /// The full values that some values are made of, operands first, and the small ones.
  func needed(_ roots: [Int]) -> (values: [Int], leaves: [Int]) {
    var seen: Set<Int> = []
    var pending = roots
    while let node = pending.popLast() {
      guard seen.insert(node).inserted, isFull(node) else { continue }
      pending += graph.nodes[node].operands
    }
    return (seen.filter(isFull).sorted(), seen.filter { !isFull($0) }.sorted())
  }

  /// A full value, made of values that have names.
  func full(_ node: Int) -> String {
    switch graph.nodes[node].kind {
    case .map(let operation):
      return Self.applied(operation, graph.nodes[node].operands.map { "c\($0)" })
    case .input(let name):
      let k = program.inputs.firstIndex { $0.name == name } ?? 0
      return "x\(k)[\(offset(k, fast: true))]"
    case .outputGradient: return "dy[\(offset(0, fast: true))]"
    case .position(let roles): return "(double)(\(index(roles)))"
    default: return value(node)
    }
  }
}
