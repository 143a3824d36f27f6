public import NormaCore
public import NormaNorms

/// The value of a layer's option, as a script gives it.
public enum OptionValue: Hashable, Sendable, Codable {
  /// A number; integers too.
  case number(Double)
  /// True or false.
  case bool(Bool)
  /// A word.
  case text(String)
  /// Several numbers.
  case numbers([Double])

  /// Reads a JSON boolean, number, string or array of numbers.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else {
      self = .numbers(try container.decode([Double].self))
    }
  }

  /// Writes the bare JSON value.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .number(let value): try container.encode(value)
    case .bool(let value): try container.encode(value)
    case .text(let value): try container.encode(value)
    case .numbers(let values): try container.encode(values)
    }
  }
}

extension OptionValue: CustomStringConvertible {
  /// The value as a script writes it.
  public var description: String {
    switch self {
    case .number(let value): "\(HyperValue.real(value))"
    case .bool(let value): "\(value)"
    case .text(let value): "\"\(value)\""
    case .numbers(let values):
      "{ " + values.map { "\(HyperValue.real($0))" }.joined(separator: ", ") + " }"
    }
  }
}

/// One layer of a model as data: what `nn.*` builds and run folders record.
public struct LayerSpec: Hashable, Sendable {
  /// The kind: a name of `LayerCatalog`.
  public var kind: String
  /// The options that were given.
  public var options: [String: OptionValue]
  /// The layers inside a residual or a sequence.
  public var layers: [LayerSpec]
  /// The norm of a `norm` layer, nil takes the model's; of an attention, the one on queries and keys.
  public var norm: NormSpec?
  /// Of a `norm` layer: the branch that each of the norm's second inputs is taken from.
  public var connections: [String: String]
  /// Where a script wrote it.
  public var place: SourcePlace?

  /// Makes a spec; it is checked when a network is built.
  public init(
    _ kind: String, _ options: [String: OptionValue] = [:], layers: [LayerSpec] = [],
    norm: NormSpec? = nil, connections: [String: String] = [:], place: SourcePlace? = nil
  ) {
    self.connections = connections
    self.kind = kind
    self.options = options
    self.layers = layers
    self.norm = norm
    self.place = place
  }

  /// The layers with sequences replaced by what is in them.
  public static func flattened(_ layers: [LayerSpec]) -> [LayerSpec] {
    layers.flatMap { $0.kind == "sequence" ? flattened($0.layers) : [$0] }
  }
}

extension LayerSpec {
  /// A dense layer: `[..., in]` → `[..., units]`.
  public static func linear(_ units: Int, bias: Bool = true) -> LayerSpec {
    LayerSpec("linear", ["units": .number(Double(units)), "bias": .bool(bias)])
  }
  /// A dense layer with one output a symbol of the vocabulary.
  public static let linearToVocabulary = LayerSpec("linear", ["units": .text("vocabulary")])
  /// A learned vector for each symbol: `[tokens]` → `[tokens, width]`.
  public static func embed(_ width: Int, positions: Bool = false) -> LayerSpec {
    LayerSpec("embed", ["width": .number(Double(width)), "positions": .bool(positions)])
  }
  /// Multi-head self-attention: `[tokens, width]` → the same shape.
  public static func attention(
    heads: Int, causal: Bool = true, bias: Bool = true, qkNorm: NormSpec? = nil
  ) -> LayerSpec {
    LayerSpec(
      "attention",
      ["heads": .number(Double(heads)), "causal": .bool(causal), "bias": .bool(bias)],
      norm: qkNorm)
  }
  /// A 2-D convolution: `[h, w, in]` → `[h', w', channels]`; `padding` nil keeps the size at stride 1.
  public static func conv(
    _ channels: Int, kernel: Int, stride: Int = 1, padding: Int? = nil, bias: Bool = true
  ) -> LayerSpec {
    LayerSpec(
      "conv",
      [
        "channels": .number(Double(channels)), "kernel": .number(Double(kernel)),
        "stride": .number(Double(stride)), "bias": .bool(bias),
        "padding": padding.map { .number(Double($0)) } ?? .text("same"),
      ])
  }
  /// The maximum of each window.
  public static func maxPool(_ kernel: Int, stride: Int? = nil, padding: Int = 0) -> LayerSpec {
    pool("maxpool", kernel, stride, padding)
  }
  /// The average of each window's positions inside the image.
  public static func averagePool(_ kernel: Int, stride: Int? = nil, padding: Int = 0) -> LayerSpec {
    pool("avgpool", kernel, stride, padding)
  }
  private static func pool(
    _ kind: String, _ kernel: Int, _ stride: Int?, _ padding: Int
  ) -> LayerSpec {
    LayerSpec(
      kind,
      [
        "kernel": .number(Double(kernel)), "stride": .number(Double(stride ?? kernel)),
        "padding": .number(Double(padding)),
      ])
  }
  /// The average over all positions: `[h, w, c]` → `[c]`.
  public static let globalAveragePool = LayerSpec("global_avgpool")
  /// All axes but the batch in one.
  public static let flatten = LayerSpec("flatten")
  /// max(x, 0).
  public static let relu = LayerSpec("relu")
  /// x · Φ(x).
  public static let gelu = LayerSpec("gelu")
  /// x · sigmoid(x).
  public static let silu = LayerSpec("silu")
  /// The hyperbolic tangent.
  public static let tanh = LayerSpec("tanh")
  /// 1 / (1 + exp(-x)).
  public static let sigmoid = LayerSpec("sigmoid")
  /// Zeroes a share of the elements in training.
  public static func dropout(_ rate: Double) -> LayerSpec {
    LayerSpec("dropout", ["rate": .number(rate)])
  }
  /// x + layers(x).
  public static func residual(_ layers: [LayerSpec]) -> LayerSpec {
    LayerSpec("residual", layers: layers)
  }
  /// What the layers make of the input, under a name, for norms further on.
  public static func branch(_ name: String, _ layers: [LayerSpec]) -> LayerSpec {
    LayerSpec("branch", ["name": .text(name)], layers: layers)
  }
  /// Layers one after the other.
  public static func sequence(_ layers: [LayerSpec]) -> LayerSpec {
    LayerSpec("sequence", layers: layers)
  }
  /// A norm; nil takes the model's.
  public static func norm(_ norm: NormSpec? = nil) -> LayerSpec { LayerSpec("norm", norm: norm) }
}
