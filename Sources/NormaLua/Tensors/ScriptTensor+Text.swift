import Foundation

extension ScriptTensor {
  private static let edge = 3

  /// Shape, mean and standard deviation, then the elements, of long axes only the ends.
  var text: String {
    var deviation = 0.0
    for value in values { deviation += (Double(value) - mean) * (Double(value) - mean) }
    deviation = (deviation / Double(count)).squareRoot()
    let sizes = shape.isEmpty ? "of one number" : shape.map(String.init).joined(separator: "x")
    var head = "tensor \(sizes)"
    if count > 1 { head += "   mean \(number(mean))   std \(number(deviation))" }
    if count == 0 { return head }
    return head + "\n" + block(0, offset: 0, indent: "  ")
  }

  private func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e6
      ? String(Int(value)) : String(format: "%.4g", value)
  }

  private func block(_ axis: Int, offset: Int, indent: String) -> String {
    guard axis < shape.count else { return indent + number(Double(values[offset])) }
    let size = shape[axis]
    let step = shape[(axis + 1)...].reduce(1, *)
    var shown: [Int?] = (0..<size).map { $0 }
    if size > 2 * Self.edge {
      shown = (0..<Self.edge).map { $0 } + [nil] + (size - Self.edge..<size).map { $0 }
    }
    if axis == shape.count - 1 {
      let items = shown.map { $0.map { number(Double(values[offset + $0 * step])) } ?? "..." }
      return indent + "{ " + items.joined(separator: ", ") + " }"
    }
    let rows = shown.map { index in
      index.map { block(axis + 1, offset: offset + $0 * step, indent: indent + "  ") }
        ?? indent + "  ..."
    }
    return indent + "{\n" + rows.joined(separator: "\n") + "\n" + indent + "}"
  }
}
