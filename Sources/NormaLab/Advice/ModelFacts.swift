import NormaCore
import NormaNetwork
import NormaNorms

/// What advice on a model's norms goes by: read off the model, its data and how it trains.
public struct ModelFacts: Sendable {
  /// What the model is made of.
  public enum Kind: String, Sendable {
    /// Dense layers only.
    case dense
    /// Convolutions.
    case convolutional
    /// Attention that sees all positions.
    case transformer
    /// Attention that sees earlier positions only.
    case causal = "causal transformer"
  }

  /// Where norms stand beside residuals.
  public enum Placement: String, Sendable {
    /// There are no residuals with norms.
    case plain = "no residuals"
    /// x + f(N(x)).
    case pre = "pre-norm"
    /// N(x + f(x)).
    case post = "post-norm"
    /// x + N(f(N(x))), or a mixture.
    case both = "norms on both sides"
  }

  /// A place where the model's norm goes.
  public struct Slot: Sendable, Hashable {
    /// The layer, such as `3.norm`.
    public let layer: String
    /// Its channels.
    public let channels: Int
    /// Values of a sample that share a channel: pixels, or positions of a text.
    public let positions: Int
  }

  /// The experiment.
  public let name: String
  /// What the model is made of.
  public let kind: Kind
  /// Where its norms stand.
  public let placement: Placement
  /// The places of its norm, in order.
  public let slots: [Slot]
  /// Samples of a step.
  public let batch: Int
  /// Machines or processes that share a batch, each with statistics of its own.
  public let workers: Int
  /// Samples that it trains on; windows of a text.
  public let samples: Int
  /// Steps of the whole run.
  public let steps: Int
  /// The learning rate at its highest.
  public let rate: Double
  /// Whether the update rule is Adam's or AdamW's.
  public let isAdam: Bool
  /// Steps of warm-up.
  public let warmUp: Int
  /// How much weights decay.
  public let decay: Double
  /// Layers with a bias right before the norm.
  public let biasesBefore: Int
  /// Whether dropout comes before a norm.
  public let hasDropoutBefore: Bool

  /// Samples of a worker.
  public var share: Int { max(batch / workers, 1) }
  /// The fewest positions of a slot.
  public var fewestPositions: Int { slots.map(\.positions).min() ?? 1 }

  /// `convolutional, 3 norms of 8 to 128 channels, batch 128, 10000 samples, 234 steps`.
  public var text: String {
    func range(_ values: [Int]) -> String {
      let (low, high) = (values.min() ?? 0, values.max() ?? 0)
      return low == high ? "\(low)" : "\(low) to \(high)"
    }
    var words = [kind.rawValue]
    if placement != .plain { words.append(placement.rawValue) }
    words.append(
      "\(slots.count) \(slots.count == 1 ? "norm" : "norms") of \(range(slots.map(\.channels)))"
        + " channels, \(range(slots.map(\.positions))) values of a sample in each")
    words.append("batch \(batch)" + (workers > 1 ? " (\(share) a worker)" : ""))
    words.append("\(samples) samples, \(steps) steps")
    return words.joined(separator: ", ")
  }
}

extension ModelSpec {
  /// The same model with slots where its norm stands by name, where it has none: the norm that stands
  /// most often becomes the model's. Nil for a model without norms.
  func withNormSlots() -> ModelSpec? {
    guard !hasNormSlot else { return self }
    var counts: [NormSpec: Int] = [:]
    for norm in Self.norms(layers) { counts[norm, default: 0] += 1 }
    let order = Self.norms(layers)
    guard let most = counts.values.max(), let main = order.first(where: { counts[$0] == most })
    else { return nil }
    var model = self
    model.layers = Self.opening(layers, main)
    model.norm = main
    return model
  }

  /// The norms that stand by name, without those that take second inputs.
  private static func norms(_ layers: [LayerSpec]) -> [NormSpec] {
    layers.flatMap { layer in
      (layer.kind == "norm" && layer.connections.isEmpty ? layer.norm.map { [$0] } ?? [] : [])
        + norms(layer.layers)
    }
  }

  private static func opening(_ layers: [LayerSpec], _ norm: NormSpec) -> [LayerSpec] {
    layers.map { layer in
      var layer = layer
      if layer.kind == "norm", layer.norm == norm { layer.norm = nil }
      layer.layers = opening(layer.layers, norm)
      return layer
    }
  }

  /// Where norms stand beside residuals, by slots.
  var placement: ModelFacts.Placement {
    var inside = (first: 0, last: 0)
    var behind = 0
    func walk(_ given: [LayerSpec]) {
      let layers = LayerSpec.flattened(given)
      for (index, layer) in layers.enumerated() where layer.kind == "residual" {
        let own = LayerSpec.flattened(layer.layers)
        if own.first?.kind == "norm" { inside.first += 1 }
        if own.count > 1, own.last?.kind == "norm" { inside.last += 1 }
        if index + 1 < layers.count, layers[index + 1].kind == "norm" {
          let isLast = index + 2 >= layers.count || layers[index + 2].kind != "residual"
          // The norm before a transformer's last layer is not post-norm.
          if !isLast || own.first?.kind != "norm" { behind += 1 }
        }
        walk(own)
      }
    }
    walk(layers)
    switch (inside.first > 0, inside.last > 0, behind > 0) {
    case (false, false, false): return .plain
    case (true, false, false): return .pre
    case (false, false, true): return .post
    default: return .both
    }
  }

  /// What it is made of.
  var kind: ModelFacts.Kind {
    var kinds: Set<String> = []
    var isCausal = true
    func walk(_ layers: [LayerSpec]) {
      for layer in layers {
        kinds.insert(layer.kind)
        if layer.kind == "attention" {
          isCausal = isCausal && layer.options["causal"] != .bool(false)
        }
        walk(layer.layers)
      }
    }
    walk(layers)
    if kinds.contains("attention") { return isCausal ? .causal : .transformer }
    return kinds.contains("conv") ? .convolutional : .dense
  }

  /// Layers with a bias right before a slot.
  var biasesBeforeSlots: Int {
    func count(_ given: [LayerSpec]) -> Int {
      let layers = LayerSpec.flattened(given)
      var found = 0
      for (index, layer) in layers.enumerated() {
        if layer.kind == "norm", layer.norm == nil, index > 0,
          ["linear", "conv"].contains(layers[index - 1].kind),
          layers[index - 1].options["bias"] != .bool(false)
        {
          found += 1
        }
        found += count(layer.layers)
      }
      return found
    }
    return count(layers)
  }

  /// Whether dropout comes before a slot.
  var hasDropoutBeforeSlots: Bool {
    var hasDropout = false
    func walk(_ given: [LayerSpec]) -> Bool {
      for layer in LayerSpec.flattened(given) {
        if layer.kind == "dropout" { hasDropout = true }
        if hasDropout, layer.kind == "norm", layer.norm == nil { return true }
        if walk(layer.layers) { return true }
      }
      return false
    }
    return walk(layers)
  }
}
