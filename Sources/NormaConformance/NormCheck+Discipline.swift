import NormaCore
import NormaNorms

/// Every bit a step produced.
struct StepBits: Equatable {
  let y: [UInt32]
  let gradients: [String: [UInt32]]
  let buffers: [String: [UInt32]]

  init(_ harness: KernelHarness) {
    y = harness.y.map(\.bitPattern)
    gradients = harness.inputGradients.merging(harness.parameterGradients) { $1 }
      .mapValues { $0.map(\.bitPattern) }
    buffers = harness.buffers.mapValues { $0.map(\.bitPattern) }
  }

  /// The first result in which two steps differ.
  func difference(from other: StepBits) -> String? {
    if y != other.y { return "'y' differs" }
    for name in gradients.keys.sorted() where gradients[name] != other.gradients[name] {
      return "the gradient of '\(name)' differs"
    }
    for name in buffers.keys.sorted() where buffers[name] != other.buffers[name] {
      return "buffer '\(name)' differs"
    }
    return nil
  }
}

extension NormCheck {
  /// Repetition, accumulation, gradients that nobody wants, and inference without gradients.
  mutating func checkDiscipline(_ example: CheckCase, _ mode: Mode) throws(NormaError) {
    guard let first = try harness(example, mode), run(first, example) else { return }
    let input = example.description(mode)
    let bits = StepBits(first)

    // The same memory again: whatever the last step left in it must not matter, nor what is in the
    // workspace.
    fill(first, example)
    first.findsZeros = true
    guard run(first, example) else { return }
    first.findsZeros = false
    expectSame("a repeated step gives the same bits", bits, StepBits(first), on: input)

    if mode == .infer { try checkForwardOnly(example, first.y) }
    guard givesGradients else { return }

    let plain = first.parameterGradients
    var random = RandomSource(seed: options.seed, purpose: "accumulated")
    let before = plain.mapValues { $0.map { _ in Float(random.normal()) } }
    fill(first, example)
    first.parameterGradients = before
    guard run(first, example, accumulate: true) else { return }
    for state in first.layer.parameters {
      let name = state.spec.name
      let sum = zip(plain[name] ?? [], before[name] ?? []).map { $0 + $1 }
      ledger.measure(
        "accumulated gradients are added",
        scaledError(
          first.parameterGradients[name] ?? [], sum, bound: options.gradientBound,
          floor: (plain[name] ?? []).largest),
        bound: options.gradientBound, on: input)
    }
    expectSame(
      "accumulation changes parameter gradients only", bits,
      StepBits(first, replacing: plain), on: input)

    try checkUnwanted(example, mode, bits)
  }

  /// Each gradient left out in turn: the others must not change.
  private mutating func checkUnwanted(
    _ example: CheckCase, _ mode: Mode, _ bits: StepBits
  ) throws(NormaError) {
    guard let harness = try harness(example, mode) else { return }
    let names = harness.inputNames + harness.layer.parameters.map(\.spec.name)
    for unwanted in names.map({ Set([$0]) }) + [Set(names)] {
      fill(harness, example)
      harness.unwantedGradients = unwanted
      options.progress(
        example.description(mode)
          + ", without the gradient of \(unwanted.sorted().joined(separator: ", "))")
      guard run(harness, example) else { return }
      let wanted = bits.gradients.filter { !unwanted.contains($0.key) }
      let found = StepBits(harness).gradients.filter { !unwanted.contains($0.key) }
      ledger.expect(
        "a gradient nobody wants may be left out", wanted == found, on: example.description(mode),
        "without the gradient of \(unwanted.sorted()), the others differ")
    }
  }

  /// A kernel built for inference alone gives the same output.
  private mutating func checkForwardOnly(_ example: CheckCase, _ y: [Float]) throws(NormaError) {
    guard let harness = try harness(example, .infer, gradient: false) else { return }
    let input = example.description(.infer)
    do throws(NormaError) {
      try harness.forward()
    } catch {
      ledger.expect("an accepted shape runs", false, on: input, error.description)
      return
    }
    ledger.measure(
      "inference without gradients gives the same 'y'",
      scaledError(harness.y, y, bound: options.outputBound), bound: options.outputBound, on: input)
    ledger.expect(
      "only its own memory is written", harness.violations.isEmpty, on: input,
      harness.violations.first ?? "")
  }

  /// The same bits whatever the number of threads.
  mutating func checkThreads(_ example: CheckCase, _ mode: Mode) throws(NormaError) {
    var expected: StepBits?
    for threads in options.threads {
      guard let harness = try harness(example, mode, threads: threads), run(harness, example)
      else { return }
      let bits = StepBits(harness)
      if let expected {
        expectSame(
          "any number of threads gives the same bits", expected, bits,
          on: example.description(mode) + ", \(threads) threads")
      }
      expected = expected ?? bits
    }
  }

  /// An empty batch: nothing to write, no buffer changed, gradients zero.
  mutating func checkEmpty(_ counts: ChannelCounts, _ mode: Mode) throws(NormaError) {
    for (shape, axis) in [([0, 5, counts.small], [-1]), ([0, counts.small, 5], [1])] {
      let example = CheckCase(
        layout: try counts.layout(shape, axis), mayBeRefused: true)
      guard let harness = try harness(example, mode) else { continue }
      let before = harness.buffers
      guard run(harness, example) else { continue }
      let input = example.description(mode)
      ledger.expect(
        "an empty batch leaves buffers alone", harness.buffers == before, on: input,
        "a buffer changed")
      for state in harness.layer.parameters {
        ledger.expect(
          "an empty batch has zero gradients",
          harness.parameterGradients[state.spec.name]?.allSatisfy { $0 == 0 } ?? false, on: input,
          "the gradient of '\(state.spec.name)' is not zero")
      }
    }
  }

  mutating func expectSame(
    _ name: String, _ expected: StepBits, _ found: StepBits, on input: String
  ) {
    let difference = expected.difference(from: found)
    ledger.expect(name, difference == nil, on: input, difference ?? "")
  }
}

extension StepBits {
  /// The bits of a step, with the given gradients in place of its own.
  init(_ harness: KernelHarness, replacing replacements: [String: [Float]]) {
    let own = StepBits(harness)
    y = own.y
    buffers = own.buffers
    gradients = own.gradients.merging(replacements.mapValues { $0.map(\.bitPattern) }) { $1 }
  }
}
