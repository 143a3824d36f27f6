import NormaCore

/// Which layer of which model: for parameter names and error messages.
struct LayerName {
  struct Step {
    let index: Int
    let kind: String
    let place: SourcePlace?
  }

  let model: String
  private(set) var steps: [Step] = []

  init(model: String) { self.model = model }

  func appending(index: Int, kind: String, place: SourcePlace?) -> LayerName {
    var name = self
    name.steps.append(Step(index: index, kind: kind, place: place))
    return name
  }

  /// `3.norm`, or `4.residual.1.conv`: what names of parameters begin with.
  var path: String { steps.map { "\($0.index).\($0.kind)" }.joined(separator: ".") }

  /// `cnn > layer 3 (models.lua:7)`.
  var description: String {
    let place = steps.last?.place.map { " (\($0))" } ?? ""
    return ([model] + steps.map { "layer \($0.index)" }).joined(separator: " > ") + place
  }
}

extension NormaError {
  /// The same error with a note that names the layer, unless an inner layer was named already.
  func located(in layer: LayerName) -> NormaError {
    notes.contains { $0.hasPrefix("in \(layer.model) > ") }
      ? self : noting("in \(layer.description)")
  }
}
