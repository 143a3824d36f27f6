import NormaCore
public import NormaNetwork
public import NormaNorms

extension ModelSpec {
  /// The model as lines for people: name and input, then each layer with its options and output shape.
  ///
  /// Shapes are left out from the first layer on that does not fit.
  public func structure(_ registry: NormRegistry) -> [String] {
    let head =
      "model '\(name)'   input \(Self.text(input))"
      + (vocabulary.map { " of \($0.size.map(String.init) ?? "the data's") symbols" } ?? "")
      + (norm.map { "   norm \($0.label)" } ?? "")
    let layers = LayerSpec.flattened(self.layers)
    var lines: [String] = []
    var shapes = true
    for (index, layer) in layers.enumerated() {
      var line = "  \(index + 1)  " + layer.text(norm: norm)
      if shapes {
        var part = self
        part.layers = Array(layers[...index])
        // Two samples: batch statistics need more than one.
        if let network = try? Network(part, registry: registry, batch: 2, training: nil) {
          line += String(repeating: " ", count: max(2, 44 - line.count))
          line += Self.text(network.outputShape)
        } else {
          shapes = false
        }
      }
      lines.append(line)
    }
    return [head] + lines
  }

  private static func text(_ shape: [Int]) -> String {
    shape.map(String.init).joined(separator: "×")
  }
}

extension LayerSpec {
  fileprivate func text(norm model: NormSpec?) -> String {
    if kind == "norm" {
      let inputs = connections.sorted { $0.key < $1.key }.map { ", \($0.key) = \($0.value)" }
      return "norm " + (norm?.label ?? (model?.label ?? "?") + " (the model's)") + inputs.joined()
    }
    var words = options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    if let norm, case .option(let name)? = try? LayerCatalog.schema(kind).norm {
      words.append("\(name)=\(norm.label)")
    }
    if !layers.isEmpty {
      let inner = LayerSpec.flattened(layers).map { $0.text(norm: model) }
      words.append("[" + inner.joined(separator: ", ") + "]")
    }
    return ([kind] + words).joined(separator: " ")
  }
}
