import NormaCore
import NormaNorms

extension NormCheck {
  /// Output, gradients and buffers against the reference, and that every value is written.
  mutating func checkValues(_ example: CheckCase, _ mode: Mode, bound: Double) throws(NormaError) {
    guard let tested = try harness(example, mode), run(tested, example) else { return }
    let input = example.description(mode)
    let hard = example.values != .normal
    if !hard || hasReference == false { expectFinite(tested, on: input, hard: hard) }
    guard hasReference else { return }
    guard let reference = try harness(example, mode, executor: .reference),
      run(reference, example)
    else { return }
    compare(
      tested, reference, to: "the reference" + (hard ? " on hard inputs" : ""), output: bound,
      gradient: hard ? bound : options.gradientBound, on: input)
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
      gradient: options.gradientBound, on: example.description(mode))
  }

  /// Measures every result of `tested` against the same of `reference`.
  mutating func compare(
    _ tested: KernelHarness, _ reference: KernelHarness, to what: String, output: Double,
    gradient: Double, on input: String
  ) {
    func measure(
      _ name: String, _ a: [Float]?, _ b: [Float]?, _ bound: Double, floor: Double = 0
    ) {
      ledger.measure(
        "\(name) matches \(what)", scaledError(a ?? [], b ?? [], bound: bound, floor: floor),
        bound: bound, on: input)
    }
    measure("'y'", tested.y, reference.y, output)
    // A millionth of the slope that y has over the range of x, where y no longer follows x.
    let height = reference.y.largest * 1e-6
    let slope = height / max(reference.x.largest, 1e-30)
    for name in tested.inputNames {
      measure(
        "gradient of '\(name)'", tested.inputGradients[name], reference.inputGradients[name],
        gradient, floor: slope)
    }
    for state in tested.layer.parameters {
      let name = state.spec.name
      measure(
        "gradient of '\(name)'", tested.parameterGradients[name],
        reference.parameterGradients[name], gradient, floor: height)
    }
    for state in tested.layer.buffers where tested.mode == .train {
      let name = state.spec.name
      measure("buffer '\(name)'", tested.buffers[name], reference.buffers[name], output)
    }
  }

  /// Every output was NaN before the call: one that stays NaN was not written.
  private mutating func expectFinite(_ tested: KernelHarness, on input: String, hard: Bool) {
    let name = hard ? "results are finite on hard inputs" : "every result is written and finite"
    func check(_ what: String, _ values: [Float]?) {
      let bad = values?.firstIndex { !$0.isFinite }
      ledger.expect(
        name, bad == nil, on: input, "\(what)[\(bad ?? 0)] is \(values?[bad ?? 0] ?? .nan)")
    }
    check("y", tested.y)
    for input in tested.inputNames {
      check("the gradient of '\(input)'", tested.inputGradients[input])
    }
    for state in tested.layer.parameters {
      check("the gradient of '\(state.spec.name)'", tested.parameterGradients[state.spec.name])
    }
    for state in tested.layer.buffers {
      check("buffer '\(state.spec.name)'", tested.buffers[state.spec.name])
    }
  }
}

extension [Float] {
  /// The largest absolute value that is finite.
  var largest: Double { reduce(0) { $1.isFinite ? Swift.max($0, abs(Double($1))) : $0 } }
}
