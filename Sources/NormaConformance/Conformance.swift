public import NormaNorms
import NormaCore

/// Runs the whole contract of a norm, whoever supplied it, on the norm `spec` names.
///
/// Values, gradients and buffers are compared with the float64 reference where the norm has a formula,
/// gradients with central differences always; layouts, memory discipline, threads, repetition and
/// degenerate inputs are tried on odd, distinct sizes.
/// - Returns: one result a clause; the norm conforms when all passed.
public func checkNorm(
  _ spec: NormSpec, in registry: NormRegistry, options: ConformanceOptions = ConformanceOptions()
) -> [CheckResult] {
  var check = NormCheck(spec: spec, registry: registry, options: options)
  do throws(NormaError) {
    try check.run()
  } catch {
    check.ledger.expect("the norm can be built", false, on: spec.label, error.description)
  }
  return check.ledger.results
}

/// Names of clauses that more than the kit looks for.
public enum NormCheckNames {
  /// Whether the executor that was asked for ran.
  public static let machineCode = "machine code runs it"
}

/// The run of the contract on one norm.
struct NormCheck {
  let spec: NormSpec
  let registry: NormRegistry
  let options: ConformanceOptions
  var ledger = Ledger()
  /// Whether the float64 reference can be asked.
  var hasReference = false
  /// Whether the norm has a backward pass.
  var givesGradients = true
  var accepted = 0

  init(spec: NormSpec, registry: NormRegistry, options: ConformanceOptions) {
    self.spec = spec
    self.registry = registry
    self.options = options
  }

  mutating func run() throws(NormaError) {
    let entry = try registry.entry(spec.name)
    hasReference = entry.provider.definition != nil && !options.executor.isReference
    givesGradients = entry.provider.givesGradients
    if !givesGradients { ledger.remark("gradients", "the norm gives none: it serves inference") }
    let counts = try ChannelCounts(spec, in: registry)
    if let (channels, message) = counts.failure {
      ledger.remark("every number of channels suits", "not \(channels): \(message)")
    }
    let open = entry.schema.hyper.filter { parameter in
      guard case .choice = parameter.kind else { return false }
      return spec.hyper[parameter.name] == nil
    }
    for parameter in open {
      ledger.remark(
        "other values of '\(parameter.name)'",
        "tried with \(parameter.defaultValue) only; the others: --hyper \(parameter.name)=...")
    }
    for mode in Mode.allCases {
      for example in try CheckCase.ordinary(counts) {
        try checkValues(example, mode, bound: options.outputBound)
        try checkDiscipline(example, mode)
      }
      for example in try CheckCase.strided(counts) + CheckCase.misaligned(counts) {
        try checkValues(example, mode, bound: options.outputBound)
        try checkAgainstDense(example, mode)
      }
      for example in try CheckCase.degenerate(counts) {
        try checkValues(example, mode, bound: options.outputBound)
      }
      for example in try CheckCase.hard(counts) {
        try checkValues(example, mode, bound: options.hardBound)
      }
      for example in try CheckCase.large(counts) { try checkThreads(example, mode) }
      try checkEmpty(counts, mode)
      if options.differences, givesGradients { try checkDifferences(counts, mode) }
    }
    try checkClaims(counts)
    if !hasReference {
      ledger.remark("'y' matches the reference", "this norm has no formula to compare with")
    }
    ledger.expect(
      "some shape is accepted", accepted > 0, on: spec.label,
      "every shape that was tried is refused")
  }

  /// A harness with all values drawn, or nil when the norm refuses the shape.
  mutating func harness(
    _ example: CheckCase, _ mode: Mode, executor: Executor? = nil, threads: Int = 1,
    gradient: Bool = true
  ) throws(NormaError) -> KernelHarness? {
    let input = example.description(mode)
    options.progress(input)
    let harness: KernelHarness
    do throws(NormaError) {
      let layer = try NormLayer(spec, in: registry, channelShape: example.layout.channelShape)
      harness = try KernelHarness(
        layer: layer, layout: example.layout, mode: mode, executor: executor ?? options.executor,
        threads: threads, gradient: gradient, shift: example.shift)
    } catch {
      let hasFormula = try registry.entry(spec.name).provider.definition != nil
      if hasFormula || error.code != .usage {
        ledger.expect(
          "ordinary shapes are accepted", example.mayBeRefused, on: input, error.description)
      } else if !example.mayBeRefused {
        // Compiled code may say what it does not take.
        ledger.remark("ordinary shapes are accepted", "not \(input): \(error.message)")
      }
      ledger.expect("a refusal says why", !error.message.isEmpty, on: input, "an empty message")
      if hasReference, executor == nil {
        ledger.expect(
          "what the reference accepts is not refused", !referenceAccepts(example, mode), on: input,
          error.description)
      }
      return nil
    }
    accepted += 1
    if executor == nil, case .native = options.executor,
      harness.layer.entry.provider.definition != nil,
      example.layout.count > 0
    {
      ledger.expect(
        NormCheckNames.machineCode, harness.kernel.executor == options.executor.name, on: input,
        "the tile interpreter ran instead")
    }
    fill(harness, example)
    return harness
  }

  private func referenceAccepts(_ example: CheckCase, _ mode: Mode) -> Bool {
    do throws(NormaError) {
      _ = try NormLayer(spec, in: registry, channelShape: example.layout.channelShape)
        .kernel(for: example.layout, mode: mode, executor: .reference)
      return true
    } catch {
      return false
    }
  }

  /// Draws inputs, parameters and buffers; the same for the same case whatever runs it.
  func fill(_ harness: KernelHarness, _ example: CheckCase) {
    var random = RandomSource(seed: options.seed, purpose: "x")
    harness.x = example.draw(&random)
    for input in harness.layer.entry.schema.inputs where input.name != "x" {
      random = RandomSource(seed: options.seed, purpose: "input " + input.name)
      harness.inputs[input.name] = harness.inputs[input.name]?.map { _ in
        Float(input.bounds.draw(&random))
      }
    }
    for state in harness.layer.parameters {
      random = RandomSource(seed: options.seed, purpose: "parameter " + state.spec.name)
      harness.parameters[state.spec.name] = (0..<state.count).map { _ in
        Float(state.initialValue + random.uniform(-0.4, 0.4))
      }
    }
    for state in harness.layer.buffers where state.spec.role != .counter {
      random = RandomSource(seed: options.seed, purpose: "buffer " + state.spec.name)
      // Upwards only: a running variance must stay positive.
      harness.buffers[state.spec.name] = (0..<state.count).map { _ in
        Float(state.initialValue + random.uniform(0.1, 0.6))
      }
    }
  }

  /// The gradient that arrives at the output; off centre, so that sums of it seldom cancel.
  func outputGradient(_ example: CheckCase) -> [Float] {
    var random = RandomSource(seed: options.seed, purpose: "dy")
    return (0..<example.layout.count).map { _ in Float(0.5 + random.normal()) }
  }

  /// Forward and backward; what a kernel throws on a shape it accepted is a failure.
  mutating func run(
    _ harness: KernelHarness, _ example: CheckCase, accumulate: Bool = false
  ) -> Bool {
    let input = example.description(harness.mode)
    do throws(NormaError) {
      try harness.forward()
      if givesGradients {
        try harness.backward(outputGradient(example), accumulate: accumulate)
      }
    } catch {
      ledger.expect("an accepted shape runs", false, on: input, error.description)
      return false
    }
    ledger.expect(
      "only its own memory is written", harness.violations.isEmpty, on: input,
      harness.violations.first ?? "")
    return true
  }
}

extension Bounds {
  /// A value within: where there are two limits, often one of them, as in a mask.
  func draw(_ random: inout RandomSource) -> Double {
    switch (lower, upper) {
    case (let low?, let high?):
      let value = random.uniform(low, high)
      let pick = random.uniform(0, 1)
      if pick < 0.15, !lowerExcluded { return low }
      return pick > 0.75 && !upperExcluded ? high : value
    case (let low?, nil): return low + abs(random.normal()) + (lowerExcluded ? 0.1 : 0)
    case (nil, let high?): return high - abs(random.normal()) - (upperExcluded ? 0.1 : 0)
    case (nil, nil): return random.normal()
    }
  }
}
