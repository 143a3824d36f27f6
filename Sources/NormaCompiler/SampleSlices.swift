import NormaCore
import NormaGraph

extension [(name: String, value: Expr)] {
  /// Rewrites lowered results such that slices of the tensor are complete in themselves where they were not.
  ///
  /// Chunks of the batch become samples, and the samples of a chunk positions, where that is how the elements
  /// lie, and the rows of a chunk are few (with more, passes over the whole were measured to be as fast).
  /// Means over samples of what each sample found, which running statistics get, become means over the tensor.
  mutating func takeApart(
    _ extents: inout Extents, _ form: MatrixForm, forwardCount: Int
  ) throws(NormaError) {
    if extents.count(.chunk) > 1, extents.count([.sample, .space]) <= 128,
      form.order == .channelsLast,
      let joined = try Graph(self).withChunksAsSamples(hasSpace: extents.count(.space) > 1)
    {
      self = joined
      extents = Extents(
        sample: extents.count(.chunk), space: extents.count([.sample, .space]),
        group: extents.count(.group), member: extents.count(.member))
    }
    let forward = try Graph(Array(prefix(forwardCount)))
    guard TileNodes(forward, extents: extents).level(form) == .whole,
      let folded = foldedOverSamples(forward, extents)
    else { return }
    let results = zip(forward.outputs, folded).map { (name: $0.name, value: $1) }
    guard TileNodes(try Graph(results), extents: extents).level(form) == .sample else { return }
    self = results + dropFirst(forwardCount)
  }

  /// Means over samples of means and variances within them, as means over both; nil where there are none.
  private func foldedOverSamples(_ graph: Graph, _ extents: Extents) -> [Expr]? {
    var isFound = false
    let values = graph.rewriting { _, node, operands in
      guard case .reduce(.mean, let roles) = node.kind, roles.contains(.batch),
        case .reduce(let reduction, let within) = operands[0].kind,
        let x = operands[0].operands.first, x.domain == .all
      else { return nil }
      let all = roles.union(within)
      switch reduction {
      case .mean:
        isFound = true
        return x.reduced(.mean, over: all)
      case .variance(let correction):
        isFound = true
        let n = Double(extents.count(within))
        return (x - x.mean(within)).reduced(.meanSquare, over: all)
          * .constant(n / (n - correction))
      default: return nil
      }
    }
    return isFound ? values : nil
  }
}
