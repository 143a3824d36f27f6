public import NormaCore
public import NormaNorms

/// A model as data: what a script declares, a run folder records and a network is built from.
public struct ModelSpec: Hashable, Sendable {
  /// The name, for messages and files.
  public var name: String
  /// The shape of one sample, such as `[28, 28, 1]`.
  public var input: [Int]
  /// The layers in order.
  public var layers: [LayerSpec]
  /// What fills the `nn.norm()` slots.
  public var norm: NormSpec?
  /// Where a script declared it.
  public var place: SourcePlace?

  /// Makes a spec; it is checked when a network is built.
  public init(
    _ name: String, input: [Int], norm: NormSpec? = nil, layers: [LayerSpec],
    place: SourcePlace? = nil
  ) {
    self.name = name
    self.input = input
    self.norm = norm
    self.layers = layers
    self.place = place
  }
}
