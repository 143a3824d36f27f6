public import NormaCore
public import NormaNorms

/// A model as data: what a script declares, a run folder records and a network is built from.
public struct ModelSpec: Hashable, Sendable {
  /// The name, for messages and files.
  public var name: String
  /// The shape of one sample, such as `[28, 28, 1]`; for symbols `[tokens]`.
  public var input: [Int]
  /// How many symbols there are, where samples are symbols; nil for samples of numbers.
  public var vocabulary: Vocabulary?
  /// The layers in order.
  public var layers: [LayerSpec]
  /// What fills the `nn.norm()` slots.
  public var norm: NormSpec?
  /// Where a script declared it.
  public var place: SourcePlace?

  /// Makes a spec; it is checked when a network is built.
  public init(
    _ name: String, input: [Int], vocabulary: Vocabulary? = nil, norm: NormSpec? = nil,
    layers: [LayerSpec], place: SourcePlace? = nil
  ) {
    self.name = name
    self.input = input
    self.vocabulary = vocabulary
    self.norm = norm
    self.layers = layers
    self.place = place
  }
}

/// The number of symbols a model knows.
public enum Vocabulary: Hashable, Sendable, Codable {
  /// As many as the data has: to be settled before a network is built.
  case data
  /// That many.
  case symbols(Int)

  /// The number, once it is known.
  public var size: Int? { if case .symbols(let count) = self { count } else { nil } }

  /// Every symbol up to here is exact as a float.
  static let most = 1 << 24

  /// Reads a number, or the word `data`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let count = try? container.decode(Int.self) {
      self = .symbols(count)
    } else {
      self = .data
    }
  }

  /// Writes the number, or the word `data`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .data: try container.encode("data")
    case .symbols(let count): try container.encode(count)
    }
  }
}
