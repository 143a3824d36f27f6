import NormaCompiler
import NormaCore
import NormaGraph
import NormaNorms

extension NormCheck {
  /// Output, gradients and buffers against the reference, and that every value is written.
  mutating func checkValues(_ example: CheckCase, _ mode: Mode, bound: Double) throws(NormaError) {
    guard let tested = try harness(example, mode), run(tested, example) else { return }
    let input = example.description(mode)
    let hard = example.values != .normal
    var reference: KernelHarness?
    if hasReference {
      reference = try harness(example, mode, executor: .reference)
      if let found = reference, !run(found, example) { reference = nil }
    }
    expectFinite(tested, like: reference, on: input, hard: hard)
    guard hasReference else { return }
    if hard, try hasTensorWindows(tested, example) {
      ledger.remark(
        "'y' matches the reference on hard inputs",
        "windows over tensors are float32: exact to 1e-7 of what is summed, not of what is left of it"
      )
      return
    }
    guard let reference else { return }
    compare(
      tested, reference, to: "the reference" + (hard ? " on hard inputs" : ""), output: bound,
      gradient: hard ? bound : options.gradientBound, example,
      steepest: try hasLoneStatistic(tested, example))
  }

  /// Whether some statistic is of one value: little of a gradient is left then.
  private func hasLoneStatistic(
    _ tested: KernelHarness, _ example: CheckCase
  ) throws(NormaError) -> Bool {
    let layout = example.layout
    guard let program = try program(tested, layout) else { return false }
    let extents = try program.splits.extents(
      batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
    return try Graph(program.forwardResults).nodes.contains {
      if case .reduce(_, let roles) = $0.kind { extents.count(roles) == 1 } else { false }
    }
  }

  private func hasTensorWindows(
    _ tested: KernelHarness, _ example: CheckCase
  ) throws(NormaError) -> Bool {
    guard let program = try program(tested, example.layout) else { return false }
    return try Graph(program.forwardResults).nodes.contains {
      if case .window = $0.kind { $0.domain == .all } else { false }
    }
  }

  private func program(
    _ tested: KernelHarness, _ layout: TensorLayout
  ) throws(NormaError) -> NormProgram? {
    try tested.layer.entry.provider.definition?.program(
      hyper: tested.layer.hyper, channels: layout.channelCount, mode: tested.mode, gradient: false)
  }

  /// A strided or misaligned tensor against the dense one, for norms without a reference.
  mutating func checkAgainstDense(_ example: CheckCase, _ mode: Mode) throws(NormaError) {
    guard !hasReference else { return }
    var dense = example
    dense.shift = 0
    dense.layout = try TensorLayout(
      shape: example.layout.shape, axis: example.layout.channelAxes)
    guard let tested = try harness(example, mode), run(tested, example),
      let expected = try harness(dense, mode), run(expected, dense)
    else { return }
    compare(
      tested, expected, to: "the dense tensor's", output: options.outputBound,
      gradient: options.gradientBound, example)
  }

  /// Measures every result of `tested` against the same of `reference`.
  mutating func compare(
    _ tested: KernelHarness, _ reference: KernelHarness, to what: String, output: Double,
    gradient: Double, _ example: CheckCase, steepest: Bool = false
  ) {
    let input = example.description(tested.mode)
    let dy = outputGradient(example)
    func measure(
      _ name: String, _ a: [Float]?, _ b: [Float]?, _ bound: Double, floor: Double = 0
    ) {
      ledger.measure(
        "\(name) matches \(what)", scaledError(a ?? [], b ?? [], bound: bound, floor: floor),
        bound: bound, on: input)
    }
    measure("'y'", tested.y, reference.y, output)
    for state in tested.layer.buffers where tested.mode == .train {
      let name = state.spec.name
      measure("buffer '\(name)'", tested.buffers[name], reference.buffers[name], output)
    }
    guard givesGradients else { return }
    // Where y hardly follows x, its gradient is what terms of the slope over the range of x leave of
    // each other; where each value is a statistic of its own, the slope is that of each.
    let slope =
      steepest
      ? zip(reference.y, reference.x).map { $0 / $1 }.largest
      : reference.y.largest / max(reference.x.largest, 1e-30)
    // A sum over the tensor is as exact as its terms are large, however much of them cancels: as if at
    // random, or all of it where x hardly varies or each value is a statistic of its own. Two bits more go
    // there.
    let height = steepest ? 4 * slope * reference.x.largest : reference.y.rootMeanSquare
    let term = height * dy.rootMeanSquare
    func floor(sumOf terms: Double) -> Double {
      term * (example.values.hardlyVaries || steepest ? terms : terms.squareRoot())
    }
    // A weight's gradient is made of the values that it weighs, which may leave nothing of each other.
    let cancelling = example.values.hardlyVaries ? reference.x.largest : 0
    for name in tested.inputNames {
      let count = tested.inputs[name]?.count ?? 1
      let terms = Double(example.layout.count / max(count, 1))
      measure(
        "gradient of '\(name)'", tested.inputGradients[name], reference.inputGradients[name],
        gradient,
        floor: count == example.layout.count
          ? slope * dy.largest
          : max(floor(sumOf: terms), cancelling * dy.rootMeanSquare * terms))
    }
    for state in tested.layer.parameters {
      let name = state.spec.name
      let terms = Double(example.layout.count / max(state.count, 1))
      measure(
        "gradient of '\(name)'", tested.parameterGradients[name],
        reference.parameterGradients[name], gradient,
        floor: floor(sumOf: terms))
    }
  }

  /// Every output was NaN before the call: one that stays NaN was not written.
  ///
  /// Where the reference itself is beyond float32, so is the result.
  private mutating func expectFinite(
    _ tested: KernelHarness, like reference: KernelHarness?, on input: String, hard: Bool
  ) {
    let name = hard ? "results are finite on hard inputs" : "every result is written and finite"
    func check(_ what: String, _ values: [Float]?, _ expected: [Float]?) {
      let bad = values?.indices.first { i in
        let value = values?[i] ?? .nan
        return !value.isFinite && !(value.isInfinite && expected?[i] == value)
      }
      ledger.expect(
        name, bad == nil, on: input, "\(what)[\(bad ?? 0)] is \(values?[bad ?? 0] ?? .nan)")
    }
    check("y", tested.y, reference?.y)
    for input in tested.inputNames {
      check(
        "the gradient of '\(input)'", tested.inputGradients[input],
        reference?.inputGradients[input])
    }
    for state in tested.layer.parameters {
      let name = state.spec.name
      check(
        "the gradient of '\(name)'", tested.parameterGradients[name],
        reference?.parameterGradients[name])
    }
    for state in tested.layer.buffers {
      check(
        "buffer '\(state.spec.name)'", tested.buffers[state.spec.name],
        reference?.buffers[state.spec.name])
    }
  }
}

extension [Float] {
  /// The root of the mean square of the values that are finite.
  var rootMeanSquare: Double {
    let squares = map { $0.isFinite ? Double($0) * Double($0) : 0 }
    return (squares.reduce(0, +) / Double(Swift.max(count, 1))).squareRoot()
  }

  /// The largest absolute value that is finite.
  var largest: Double { reduce(0) { $1.isFinite ? Swift.max($0, abs(Double($1))) : $0 } }
}
