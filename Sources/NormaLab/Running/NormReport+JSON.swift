import Foundation
import NormaNetwork

extension NormReport {
  /// The event; numbers have six digits.
  var json: JSONValue {
    [
      "type": "norms", "step": .int(step), "loss": .rounded(loss),
      "inference_loss": .rounded(observation.inferenceLoss),
      "layers": .list(observation.norms.map(\.json)),
      "times": .list(observation.norms.map(\.times)),
    ]
  }
}

extension NormObservation {
  fileprivate var json: JSONValue {
    var fields: [JSONValue.Field] = [
      .init("layer", .text(layer)), .init("norm", .text(norm)), .init("input", input.json),
      .init("output", output.json),
    ]
    func add(_ name: String, _ value: JSONValue?) {
      if let value { fields.append(.init(name, value)) }
    }
    add("inference", inference?.json)
    add("output_gradient", outputGradient.map { .rounded($0) })
    add("input_gradient", inputGradient.map { .rounded($0) })
    add("dead", deadShare.map { .rounded($0) })
    add(
      "running",
      running.map { ["mean": .rounded($0.mean), "variance": .rounded($0.variance)] })
    if !parameters.isEmpty { add("parameters", .list(parameters.map(\.json))) }
    return .object(fields)
  }
}

extension NormObservation {
  /// Apart from the rest: it is all that differs from one run to its like.
  fileprivate var times: JSONValue {
    [
      "layer": .text(layer), "forward_us": .rounded(time.forward * 1e6),
      "backward_us": .rounded(time.backward * 1e6), "copy_us": .rounded(time.copy * 1e6),
    ]
  }
}

extension Moments {
  fileprivate var json: JSONValue { ["mean": .rounded(mean), "deviation": .rounded(deviation)] }
}

extension ParameterObservation {
  fileprivate var json: JSONValue {
    [
      "name": .text(name), "mean": .rounded(moments.mean),
      "deviation": .rounded(moments.deviation), "low": .rounded(low), "high": .rounded(high),
      "gradient": .rounded(gradient), "counts": .list(counts.map { .int($0) }),
    ]
  }
}

extension JSONValue {
  /// The number to six digits.
  static func rounded(_ value: Double) -> JSONValue {
    .number(Double(String(format: "%.6g", value)) ?? value)
  }
}
