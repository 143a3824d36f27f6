import NormaCore
import NormaNorms

/// Central differences of a function of one variable, along every element in turn.
struct CentralDifferences {
  /// The step, relative to the element where that is larger than 1.
  let step: Double
  /// Rounds a coordinate to the precision the function works in.
  var rounded: (Double) -> Double = { $0 }
  /// Whether a second difference with half the step cancels the error of second order.
  var extrapolated = false

  func gradient(
    at values: [Double], _ loss: ([Double]) throws(NormaError) -> Double
  ) throws(NormaError) -> [Float] {
    var gradient: [Float] = []
    for index in values.indices {
      func slope(_ h: Double) throws(NormaError) -> Double {
        var moved = values
        let up = rounded(values[index] + h)
        let down = rounded(values[index] - h)
        moved[index] = up
        let above = try loss(moved)
        moved[index] = down
        return (above - (try loss(moved))) / (up - down)
      }
      let h = step * max(abs(values[index]), 1)
      let coarse = try slope(h)
      gradient.append(Float(extrapolated ? (4 * (try slope(h / 2)) - coarse) / 3 : coarse))
    }
    return gradient
  }
}

extension NormCheck {
  /// Gradients of small tensors against central differences: in Double where the norm has a formula,
  /// else of the kernel's own float32 output, which is rougher.
  mutating func checkDifferences(_ counts: ChannelCounts, _ mode: Mode) throws(NormaError) {
    // Statistics over two values make gradients of rounding alone: no size is 2.
    for (shape, axis) in [([3, 4, counts.small], [-1]), ([3, counts.small, 4], [1])] {
      let example = CheckCase(layout: try counts.layout(shape, axis))
      guard let harness = try harness(example, mode), run(harness, example) else { continue }
      let found = harness.inputGradients.merging(harness.parameterGradients) { $1 }
      fill(harness, example)
      let weights = outputGradient(example).map(Double.init)
      let point = Point(harness)
      let formula = try FormulaFunction(harness, at: point)
      let bound = formula == nil ? options.foreignDifferenceBound : options.differenceBound
      let differences =
        formula == nil
        ? CentralDifferences(step: 0.05, rounded: { Double(Float($0)) }, extrapolated: true)
        : CentralDifferences(step: 1e-5, extrapolated: true)
      if harness.layer.entry.schema.gradient == .own {
        ledger.remark(
          "gradient of 'x' matches differences",
          "the norm's gradient is its own, not the derivative: values of another hand must hold it")
        // One that keeps running values of gradients adds them to what arrives.
        if harness.layer.buffers.isEmpty { try checkLinearity(harness, example) }
        continue
      }
      if formula == nil, harness.layer.entry.schema.gradient == .partial {
        ledger.remark(
          "gradient of 'x' matches differences",
          "the gradient is partial on purpose, and there is no formula that says where: values of"
            + " another hand must hold it")
        continue
      }
      // Below this, what differences find is rounding.
      let height = harness.y.largest * weights.map { abs($0) }.reduce(0, max)
      for name in found.keys.sorted() {
        let expected = try differences.gradient(at: point[name]) { values throws(NormaError) in
          let y: [Double]
          if let formula {
            y = formula.output(name, values)
          } else {
            y = try kernelOutput(harness, point, name, values)
          }
          return zip(y, weights).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let clause = "gradient of '\(name)' matches differences"
        let error = scaledError(
          found[name] ?? [], expected, bound: bound, floor: height.isFinite ? 1e-3 * height : 0)
        ledger.measure(clause, error, bound: bound, on: example.description(mode))
        if formula?.stopsUndeclared == true, !(error <= bound) {
          ledger.remark(
            clause, "the formula stops a gradient: where that is meant, say gradient = \"partial\"")
        }
      }
    }
  }

  /// Whatever a gradient is, it is linear in what arrives at the output.
  private mutating func checkLinearity(
    _ harness: KernelHarness, _ example: CheckCase
  ) throws(NormaError) {
    func gradients(_ factor: Float) throws(NormaError) -> [String: [Float]] {
      fill(harness, example)
      try harness.forward()
      try harness.backward(outputGradient(example).map { factor * $0 })
      return harness.inputGradients.merging(harness.parameterGradients) { $1 }
    }
    let (once, thrice) = (try gradients(1), try gradients(-3))
    for name in once.keys.sorted() {
      ledger.measure(
        "gradient of '\(name)' is linear in the output's",
        scaledError(thrice[name] ?? [], (once[name] ?? []).map { -3 * $0 }, bound: 1e-5),
        bound: 1e-5, on: example.description(harness.mode))
    }
  }

  /// The kernel's output with one variable moved.
  private func kernelOutput(
    _ harness: KernelHarness, _ point: Point, _ name: String, _ values: [Double]
  ) throws(NormaError) -> [Double] {
    let moved = values.map { Float($0) }
    harness.inputs = point.inputs
    harness.parameters = point.parameters
    harness.buffers = point.buffers
    if point.inputs[name] != nil {
      harness.inputs[name] = moved
    } else {
      harness.parameters[name] = moved
    }
    try harness.forward()
    return harness.y.map(Double.init)
  }
}

/// The values around which differences are taken.
struct Point {
  let inputs: [String: [Float]]
  let parameters: [String: [Float]]
  let buffers: [String: [Float]]

  init(_ harness: KernelHarness) {
    inputs = harness.inputs
    parameters = harness.parameters
    buffers = harness.buffers
  }

  subscript(name: String) -> [Double] {
    (inputs[name] ?? parameters[name] ?? []).map(Double.init)
  }
}
