package import NormaCore
import NormaGraph

/// A norm as C text for tensors of any size and layout: one function a direction, which computes in
/// double what `Reference` computes.
///
/// The text holds numbers and generated names only. It stands behind `PortableText.prelude`.
package struct PortableProgram {
  /// The definitions, in the order C wants them.
  package let text: String
  /// The roles of each value that goes from forward to backward, in doubles.
  let saved: [RoleSet]

  /// Writes the functions `NAME_forward` and, for a program with gradients, `NAME_backward`; beside
  /// each, one that says how much memory it works in.
  ///
  /// - Throws: `usage` for what the text cannot say: windows.
  package init(_ program: NormProgram, name: String) throws(NormaError) {
    let extents = Self.typical(program.splits)
    let forward = program.forwardResults
    let backward = program.backwardResults
    let lowered = try Graph(Lowering(extents: extents).lowered(forward + backward))
    let joint = try Graph(Self.withoutVariances(lowered))
    for case .window in joint.nodes.map(\.kind) {
      throw NormaError(
        .usage, "sums over neighbours have no form in C yet",
        help: "norms with window() run from their definition only")
    }
    let updated = Set(program.updates.map(\.name))
    let kept = joint.keptForBackward(forwardCount: forward.count, updated: updated)
    saved = kept.map { joint.nodes[$0].domain }
    let expressions = joint.expressions
    let forwardGraph = try Graph(
      joint.outputs.prefix(forward.count).map { ($0.name, expressions[$0.node]) }
        + kept.enumerated().map { ("saved:\($0.offset)", expressions[$0.element]) })
    var directions = [("forward", forwardGraph)]
    if !backward.isEmpty {
      let numbers = Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1, $0) })
      let rewritten = joint.rewriting { index, node, _ in
        numbers[index].map { Expr.saved($0, domain: node.domain) }
      }
      let results = zip(joint.outputs, rewritten).dropFirst(forward.count).map {
        (name: $0.name, value: $1)
      }
      directions.append(("backward", try Graph(results)))
    }
    var lines: [String] = []
    for (direction, graph) in directions {
      let names = PortableDirection.Order.allCases.map { "\(name)_\(direction)_\($0.rawValue)" }
      for (order, function) in zip(PortableDirection.Order.allCases, names) {
        lines +=
          PortableDirection(
            graph, program: program, extents: extents, saved: saved, order: order, name: function
          ).text
      }
      lines += [
        "static i64 \(name)_\(direction)_memory(const job *j) {",
        "  return j->first ? \(names[1])_memory(j) : \(names[0])_memory(j);", "}", "",
        "static void \(name)_\(direction)(job *j) {",
        "  if (j->first) \(names[1])(j); else \(names[0])(j);", "}", "",
      ]
    }
    let count = saved.map { PortableDirection.count($0) }.joined(separator: " + ")
    lines += [
      "static i64 \(name)_saved(const job *j) {", "  \(PortableDirection.sizes(extents))",
      "  return \(count.isEmpty ? "0" : count);", "}", "",
    ]
    text = lines.joined(separator: "\n")
  }

  /// Extents that stand for all: what a tensor surely has several of is several here.
  private static func typical(_ splits: Splits) -> Extents {
    Extents(
      chunk: splits.chunkSize == nil ? 1 : 3, sample: 64, space: 49,
      group: splits.groups == nil ? 1 : 5, member: 32)
  }

  /// A variance as the mean of squared distances from a mean that is known by then.
  private static func withoutVariances(_ graph: Graph) -> [(name: String, value: Expr)] {
    let values = graph.rewriting { _, node, operands in
      guard case .reduce(.variance(let correction), let roles) = node.kind else { return nil }
      let x = operands[0]
      return (x - x.mean(roles)).square().sum(roles)
        * (1 / (Expr.count(roles) - .constant(correction)))
    }
    return zip(graph.outputs, values).map { ($0.name, $1) }
  }
}
