import NormaCore
import NormaNorms

/// Central differences of a function of one variable, along every element in turn.
///
/// Three steps, each half of the one before, cancel the error of second order twice. Where the two
/// results differ, or the slopes to the right and to the left do not come together as the steps shrink,
/// the function has a kink or a jump there, and its difference is no derivative.
struct CentralDifferences {
  /// The largest step, relative to the element where that is larger than 1.
  let step: Double
  /// Rounds a coordinate to the precision the function works in.
  var rounded: (Double) -> Double = { $0 }

  /// A derivative and how far it is to be doubted.
  struct Slope {
    var value: Double
    var doubt: Double
  }

  func slopes(
    at values: [Double], _ loss: ([Double]) throws(NormaError) -> Double
  ) throws(NormaError) -> [Slope] {
    let middle = try loss(values)
    var slopes: [Slope] = []
    for index in values.indices {
      let h = step * max(abs(values[index]), 1)
      var moved = values
      var central: [Double] = []
      var gaps: [Double] = []
      for h in [h, h / 2, h / 4] {
        let up = rounded(values[index] + h)
        let down = rounded(values[index] - h)
        moved[index] = up
        let above = try loss(moved)
        moved[index] = down
        let below = try loss(moved)
        central.append((above - below) / (up - down))
        gaps.append(
          (above - middle) / (up - values[index]) - (middle - below) / (values[index] - down))
      }
      let coarse = (4 * central[1] - central[0]) / 3
      let fine = (4 * central[2] - central[1]) / 3
      let parting = max(abs(2 * gaps[1] - gaps[0]), abs(2 * gaps[2] - gaps[1]))
      slopes.append(Slope(value: fine, doubt: max(abs(fine - coarse), parting)))
    }
    return slopes
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
        ? CentralDifferences(step: 0.08, rounded: { Double(Float($0)) })
        : CentralDifferences(step: 1e-4)
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
      let rounding = height.isFinite ? 1e-3 * height : 0
      let term = harness.y.rootMeanSquare * outputGradient(example).rootMeanSquare
      for name in found.keys.sorted() {
        let slopes = try differences.slopes(at: point[name]) { values throws(NormaError) in
          let y: [Double]
          if let formula {
            y = formula.output(name, values)
          } else {
            y = try kernelOutput(harness, point, name, values)
          }
          return zip(y, weights).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let clause = "gradient of '\(name)' matches differences"
        let gradient = found[name] ?? []
        guard gradient.count == slopes.count else {
          ledger.expect(clause, false, on: example.description(mode), "\(gradient.count) values")
          continue
        }
        // A sum over the tensor is as exact as its terms are large: see `compare`.
        let terms = Double(example.layout.count) / Double(max(gradient.count, 1))
        let floor =
          terms > 1 && formula != nil ? max(rounding, term * terms.squareRoot()) : rounding
        let scale = slopes.reduce(floor) { max($0, abs($1.value)) }
        let smooth = slopes.indices.filter { !(slopes[$0].doubt > bound * scale) }
        guard 2 * smooth.count >= slopes.count else {
          ledger.remark(
            clause,
            "the norm has kinks or jumps at most values: values of another hand must hold it")
          continue
        }
        let error = scaledError(
          smooth.map { gradient[$0] }, smooth.map { Float(slopes[$0].value) }, bound: bound,
          floor: floor)
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
