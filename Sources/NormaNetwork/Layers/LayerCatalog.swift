public import NormaCore

/// A kind of layer: a schema, and how to plan one. Each lives in a file of its own.
protocol LayerKind: Sendable {
  static var schema: LayerSchema { get }
  /// Whether its input is symbols, not numbers.
  static var takesSymbols: Bool { get }
  /// Whether it settles its input itself where a residual begins or ends.
  static var takesUnsettled: Bool { get }
  /// Checks the input's shape, asks for memory and adds the layer's operations.
  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value
}

extension LayerKind {
  static var takesSymbols: Bool { false }
  static var takesUnsettled: Bool { false }
}

/// The layer kinds there are.
public enum LayerCatalog {
  private static let kinds: [any LayerKind.Type] = [
    LinearLayer.self, ConvolutionLayer.self, MaxPoolLayer.self, AveragePoolLayer.self,
    GlobalAveragePoolLayer.self, FlattenLayer.self, EmbedLayer.self, AttentionLayer.self,
    ReluLayer.self, GeluLayer.self, SiluLayer.self, TanhLayer.self, SigmoidLayer.self,
    DropoutLayer.self, ResidualLayer.self, BranchLayer.self, NormLayerKind.self, SequenceLayer.self,
  ]

  /// The schemas of all kinds.
  public static var schemas: [LayerSchema] { kinds.map { $0.schema } }

  /// The schema of a kind.
  ///
  /// - Throws: `usage` with the nearest name and the known ones.
  public static func schema(_ name: String) throws(NormaError) -> LayerSchema {
    try kind(name).schema
  }

  static func kind(_ name: String) throws(NormaError) -> any LayerKind.Type {
    if let kind = kinds.first(where: { $0.schema.kind == name }) { return kind }
    let names = kinds.map { $0.schema.kind }
    throw NormaError(
      .usage,
      "no layer named '\(name)'" + Suggestion.phrase(for: name, among: names)
        + "   (known: \(names.joined(separator: ", ")))")
  }
}
