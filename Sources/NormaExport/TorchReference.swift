import NormaCompiler
import NormaCore
import NormaGraph
import NormaNorms

/// A norm's formula as eager PyTorch: what a module is tested and timed against.
struct TorchReference {
  let schema: NormSchema
  let train: NormProgram
  let infer: NormProgram
  let groups: SizeRule
  let chunk: SizeRule?

  /// The file `reference.py`.
  func text() throws(NormaError) -> String {
    var lines = [
      "\"\"\"The formula of \(schema.name) in PyTorch, in whatever precision x has.\"\"\"", "",
      "import math", "", "import torch", "", "",
      "def reference(x, seconds, parameters, buffers, settings, train, axis=-1):",
      "    \"\"\"y, and the new values of buffers by name.\"\"\"",
      "    axis = axis % x.dim()",
      "    batch, channels = x.shape[0], x.shape[axis]",
      "    G = \(size(groups))",
      "    N = \(chunk.map(size) ?? "batch")",
      "    K, M, S = batch // N, channels // G, x.numel() // (batch * channels)",
      "    last = x.movedim(axis, -1)", "",
      "    def whole(t):", "        return t.movedim(axis, -1).reshape(K, N, S, G, M)", "",
      "    def number(value):", "        return x.new_tensor(float(value))", "",
      "    def position(*shape):",
      "        return torch.arange(math.prod(shape), dtype=x.dtype).reshape(shape)", "",
    ]
    lines += ["    if train:"] + (try body(train))
    lines += ["    else:"] + (try body(infer))
    lines += [
      "    y = y.expand(K, N, S, G, M).reshape(last.shape).movedim(-1, axis)",
      "    return y, updates", "",
    ]
    return lines.joined(separator: "\n")
  }

  private func size(_ rule: SizeRule) -> String {
    func setting(_ k: Int) -> String { "settings[\"\(schema.hyper[k].name)\"]" }
    return switch rule {
    case .fixed(let n): "\(n)"
    case .setting(let k): setting(k)
    case .channels: "channels"
    case .channelsBySetting(let k): "channels // \(setting(k))"
    case .commonDivisor(let n): "math.gcd(\(n), channels)"
    }
  }

  private static let atoms = "KNSGM"

  private static func shape(_ roles: RoleSet) -> String {
    zip(RoleSet.atoms, atoms).map { roles.contains($0) ? String($1) : "1" }.joined(separator: ", ")
  }

  private func body(_ program: NormProgram) throws(NormaError) -> [String] {
    let graph = try Graph(program.forwardResults)
    var lines: [String] = []
    for (index, node) in graph.nodes.enumerated() {
      lines.append("        v\(index) = \(try value(node))")
    }
    var updates: [String] = []
    for output in graph.outputs {
      if output.name == "y" {
        lines.append("        y = v\(output.node)")
        continue
      }
      let name = output.name.dropFirst("buffer:".count)
      guard let buffer = program.buffers.first(where: { $0.name == name }) else { continue }
      updates.append(
        "\"\(name)\": v\(output.node).expand(\(Self.shape(buffer.roles))).reshape(buffers[\"\(name)\"].shape)"
      )
    }
    return lines + ["        updates = {\(updates.joined(separator: ", "))}"]
  }

  private func value(_ node: Graph.Node) throws(NormaError) -> String {
    let of = node.operands.map { "v\($0)" }
    switch node.kind {
    case .input(let name):
      guard let k = schema.inputs.firstIndex(where: { $0.name == name }) else { return "whole(x)" }
      let roles = schema.inputs[k].roles
      return roles == .all
        ? "whole(seconds[\(k)])"
        : "seconds[\(k)].movedim(axis, -1).reshape(\(Self.shape(roles)))"
    case .hyper(let name): return "number(settings[\"\(name)\"])"
    case .parameter(let name):
      return "parameters[\"\(name)\"].reshape(\(Self.shape(node.domain)))"
    case .buffer(let name): return "buffers[\"\(name)\"].reshape(\(Self.shape(node.domain)))"
    case .constant(let value): return "number(\"\(value)\")"
    case .count(let roles):
      let factors = zip(RoleSet.atoms, Self.atoms).filter { roles.contains($0.0) }.map { "\($0.1)" }
      return "number(\(factors.joined(separator: " * ")))"
    case .position(let roles): return "position(\(Self.shape(roles)))"
    case .stopGradient: return "\(of[0]).detach()"
    case .map(let operation): return Self.applied(operation, of)
    case .reduce(let reduction, let roles):
      let dims = RoleSet.atoms.indices.filter { roles.contains(RoleSet.atoms[$0]) }
      let over = "dim=(\(dims.map { "\($0)," }.joined(separator: " "))), keepdim=True"
      switch reduction {
      case .sum: return "\(of[0]).sum(\(over))"
      case .mean: return "\(of[0]).mean(\(over))"
      case .variance(let correction):
        return "\(of[0]).var(\(over), correction=\(correction))"
      case .meanSquare: return "(\(of[0]) * \(of[0])).mean(\(over))"
      case .max: return "torch.amax(\(of[0]), \(over))"
      case .min: return "torch.amin(\(of[0]), \(over))"
      case .norm(let p):
        return "torch.linalg.vector_norm(\(of[0]), ord=float(\"\(p)\"), \(over))"
      }
    case .window, .outputGradient, .saved:
      throw NormaError(.usage, "the formula has a part that PyTorch has no word for")
    }
  }

  private static func applied(_ operation: Elementwise, _ of: [String]) -> String {
    let (a, b, c) = (of[0], of.count > 1 ? of[1] : "", of.count > 2 ? of[2] : "")
    switch operation {
    case .add: return "\(a) + \(b)"
    case .sub: return "\(a) - \(b)"
    case .mul: return "\(a) * \(b)"
    case .div: return "\(a) / \(b)"
    case .neg: return "-\(a)"
    case .square: return "\(a) * \(a)"
    case .min: return "torch.minimum(\(a), \(b))"
    case .max: return "torch.maximum(\(a), \(b))"
    case .clamp: return "torch.minimum(torch.maximum(\(a), \(b)), \(c))"
    case .select: return "torch.where(\(a) != 0, \(b), \(c))"
    case .lt, .le, .gt, .ge, .eq:
      let signs: [Elementwise: String] = [.lt: "<", .le: "<=", .gt: ">", .ge: ">=", .eq: "=="]
      return "(\(a) \(signs[operation] ?? "==") \(b)).to(x.dtype)"
    default: return "torch.\(operation.name)(\(of.joined(separator: ", ")))"
    }
  }
}
