import NormaCore

/// Layers one after the other; `LayerSpec.flattened` dissolves it before planning.
enum SequenceLayer: LayerKind {
  static let schema = LayerSchema(
    "sequence", "layers one after the other", takesLayers: true)

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    try plan.sequence(options.spec.layers, on: x)
  }
}
