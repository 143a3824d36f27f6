import NormaCompiler
public import NormaCore
import NormaGraph
public import NormaNorms

extension NormBenchmark {
  private static let rows = [[4096, 1024], [16384, 1024], [256, 768], [64, 256]]
  private static let images: [(shape: [Int], axis: Int)] = [
    ([32, 56, 56, 64], -1), ([32, 64, 56, 56], 1), ([128, 14, 14, 32], -1), ([128, 32, 14, 14], 1),
  ]

  /// The shapes a norm is measured on unless told otherwise: rows and images, large and small.
  ///
  /// Images come first for a norm whose statistics go beyond a position's channels or split them.
  /// Shapes that the norm refuses, or on which a statistic would have a single value, are left out.
  ///
  /// - Throws: what the norm throws when it refuses all of them.
  public static func defaultLayouts(
    for spec: NormSpec, in registry: NormRegistry
  ) throws(NormaError) -> [TensorLayout] {
    var onRows: [TensorLayout] = []
    var onImages: [TensorLayout] = []
    var prefersImages = false
    var refusal: NormaError?
    for (shape, axis) in rows.map({ ($0, -1) }) + images {
      let layout = try TensorLayout(shape: shape, axis: [axis])
      do throws(NormaError) {
        let layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
        _ = try layer.kernel(for: layout, mode: .train)
        let statistics = try statistics(of: layer, on: layout)
        guard statistics.allSatisfy({ $0.count > 1 }) else { continue }
        prefersImages = prefersImages || statistics.contains { $0.over != .channel }
        if shape.count == 2 { onRows.append(layout) } else { onImages.append(layout) }
      } catch {
        refusal = refusal ?? error
      }
    }
    if onRows.isEmpty, onImages.isEmpty, let refusal { throw refusal }
    return prefersImages ? onImages + onRows : onRows + onImages
  }

  /// What a norm's statistics in training reduce over; none for a plugin without a formula.
  private static func statistics(
    of layer: NormLayer, on layout: TensorLayout
  ) throws(NormaError) -> [(over: RoleSet, count: Int)] {
    guard let definition = layer.entry.provider.definition else { return [] }
    let program = try definition.program(
      hyper: layer.hyper, channels: layout.channelCount, mode: .train, gradient: false)
    let extents = try program.splits.extents(
      batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
    return try Graph(program.forwardResults).nodes.compactMap { node in
      guard case .reduce(_, let roles) = node.kind else { return nil }
      return (roles, extents.count(roles))
    }
  }
}
