import Dispatch
import NormaSystem
public import NormaCore
public import NormaNorms
import Synchronization

/// What is tried on a norm whose code may be anybody's: a mistake may end the process, so that whoever asks
/// does so in a process of its own.
public enum StrainCheck: String, CaseIterable, Sendable {
  /// Memory that ends the process when touched follows every tensor, the saved values and the workspace;
  /// what a call must not write cannot be written.
  case wallAfter = "nothing is touched past the end of its memory"
  /// The same before every start.
  case wallBefore = "nothing is touched before the start of its memory"
  /// Inputs, parameters and buffers of random bits: NaN, infinities, subnormal numbers.
  case randomBits = "any bits in tensors and states are survived"
  /// Created, run and dropped again and again.
  case leaks = "a thousand layers leave no memory behind"
  /// One kernel, eight threads.
  case concurrency = "calls on one instance may run at once"

  /// Tries it on all of the kit's small shapes.
  ///
  /// - Throws: `gate` with what is wrong and on which input; what the norm throws on a shape it accepted.
  public func run(
    _ spec: NormSpec, in registry: NormRegistry, options: ConformanceOptions = ConformanceOptions()
  ) throws(NormaError) {
    let check = NormCheck(spec: spec, registry: registry, options: options)
    let counts = try ChannelCounts(spec, in: registry)
    let ordinary = try CheckCase.ordinary(counts)
    switch self {
    case .wallAfter: try check.checkWalls(.after, counts)
    case .wallBefore: try check.checkWalls(.before, counts)
    case .randomBits: try check.checkRandomBits(ordinary)
    case .leaks:
      let (example, mode) = try check.taken(ordinary)[0]
      try check.checkLeaks(example, mode)
    case .concurrency:
      for (example, mode) in try check.taken(ordinary).prefix(3) {
        try check.checkConcurrency(example, mode)
      }
    }
  }
}

extension NormCheck {
  private func require(
    _ holds: Bool, _ message: @autoclosure () -> String, _ example: CheckCase, _ mode: Mode
  ) throws(NormaError) {
    guard !holds else { return }
    throw NormaError(.gate, message(), notes: ["on " + example.description(mode)])
  }

  private func made(
    _ example: CheckCase, _ mode: Mode, wall: MemoryWall = .none,
    sharing shared: (any NormKernel)? = nil
  ) throws(NormaError) -> KernelHarness {
    options.progress(example.description(mode))
    let layer = try NormLayer(spec, in: registry, channelShape: example.layout.channelShape)
    let harness = try KernelHarness(
      layer: layer, layout: example.layout, mode: mode, executor: options.executor,
      shift: example.shift, wall: wall, sharing: shared)
    fill(harness, example)
    return harness
  }

  /// The examples that are accepted, the smallest last, in training where the norm can be trained with.
  ///
  /// - Throws: why the last was refused, when all are: then nothing was tried.
  fileprivate func taken(_ examples: [CheckCase]) throws(NormaError) -> [(CheckCase, Mode)] {
    var found: [(CheckCase, Mode)] = []
    var refusal = NormaError(.gate, "there is no shape to try")
    for example in examples.dropFirst() + examples.prefix(1) {
      for mode in [Mode.train, .infer] {
        do throws(NormaError) {
          _ = try made(example, mode)
          found.append((example, mode))
          break
        } catch {
          refusal = error
        }
      }
    }
    guard !found.isEmpty else { throw refusal }
    return found
  }

  /// Forward and, where the norm has it, backward, which must not write what is not theirs.
  private func step(_ harness: KernelHarness, _ example: CheckCase) throws(NormaError) {
    try harness.forward()
    if harness.layer.entry.provider.givesGradients {
      try harness.backward(outputGradient(example))
    }
    try require(
      harness.violations.isEmpty, harness.violations.first ?? "", example, harness.mode)
  }

  fileprivate func checkWalls(_ wall: MemoryWall, _ counts: ChannelCounts) throws(NormaError) {
    _ = try taken(CheckCase.ordinary(counts))
    for mode in Mode.allCases {
      for example in try CheckCase.ordinary(counts) + CheckCase.degenerate(counts)
        + CheckCase.strided(counts)
      {
        let harness: KernelHarness
        do throws(NormaError) {
          harness = try made(example, mode, wall: wall)
        } catch {
          continue  // A shape it refuses; the contract asks whether it may.
        }
        try step(harness, example)
      }
    }
  }

  fileprivate func checkRandomBits(_ examples: [CheckCase]) throws(NormaError) {
    _ = try taken(examples)
    for mode in Mode.allCases {
      for (number, example) in examples.enumerated() {
        guard let harness = try? made(example, mode) else { continue }
        var random = RandomSource(seed: options.seed, purpose: "bits \(number) \(mode)")
        func bits(_ values: [Float]) -> [Float] {
          values.map { _ in Float(bitPattern: random.next32()) }
        }
        harness.inputs = harness.inputs.mapValues(bits)
        harness.parameters = harness.parameters.mapValues(bits)
        harness.buffers = harness.buffers.mapValues(bits)
        try step(harness, example)
      }
    }
  }

  fileprivate func checkLeaks(_ example: CheckCase, _ mode: Mode) throws(NormaError) {
    // One harness, so that only what the norm itself takes can grow.
    let harness = try made(example, mode)
    let (layer, call) = (harness.layer, harness.call())
    let hasBackward = layer.entry.provider.givesGradients
    func cycles(_ count: Int) throws(NormaError) -> Int {
      for _ in 0..<count {
        let kernel = try layer.kernel(
          for: example.layout, mode: mode, executor: options.executor, gradient: hasBackward)
        try kernel.forward(call)
        if hasBackward { try kernel.backward(call) }
      }
      return Heap.bytes
    }
    let before = try cycles(200)
    let middle = try cycles(1000)
    let after = try cycles(1000)
    // What is made once may still come; what grows twice alike is a leak.
    let grown = min(after - middle, middle - before)
    try require(grown < 4000, "memory grows by \(grown / 1000) bytes a layer", example, mode)
  }

  fileprivate func checkConcurrency(
    _ example: CheckCase, _ mode: Mode
  ) throws(NormaError) {
    let first = try made(example, mode)
    try step(first, example)
    let (expected, kernel) = (StepBits(first), first.kernel)
    let failure = Mutex<NormaError?>(nil)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      do throws(NormaError) {
        let harness = try made(example, mode, sharing: kernel)
        for _ in 0..<10 {
          fill(harness, example)
          try step(harness, example)
          let difference = expected.difference(from: StepBits(harness))
          try require(
            difference == nil, (difference ?? "") + " from that of a call alone", example, mode)
        }
      } catch {
        failure.withLock { $0 = $0 ?? error }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }
}
