import NormaCore

/// All axes of a sample in one; moves nothing.
enum FlattenLayer: LayerKind {
  static let schema = LayerSchema("flatten", "all axes but the batch in one")

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    x.reshaped([x.count])
  }
}
