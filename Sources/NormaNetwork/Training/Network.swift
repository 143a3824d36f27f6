import CKernels
public import NormaCore
public import NormaNorms

/// A model built for a batch size: planned memory, operations, and the training step.
///
/// All calls must come from one thread: the workers' pool belongs to the thread that calls.
public final class Network {
  /// The model it was built from.
  public let spec: ModelSpec
  /// Samples of a training step.
  public let batch: Int
  /// The most samples `evaluate` takes at once.
  public let evaluationBatch: Int
  /// How many threads work; results do not depend on it.
  public let threads: Int
  /// Determines initial parameters and dropout.
  public let seed: UInt64
  /// The shape of the output for one sample.
  public let outputShape: [Int]
  /// How parameters are updated; nil for a network that only evaluates.
  public let training: TrainingSpec?

  /// The norms in use, in the order of the layers; layers without one are absent.
  public let norms: [NormUse]

  let memory: StateMemory
  private let arena: Arena
  let trainingProgram: Program?
  let evaluationProgram: Program
  /// Inference on the samples of a step, for what is watched; nil where nothing can be.
  let watchProgram: Program?
  private let optimizer: Optimizer?
  let labels: UnsafeMutableBufferPointer<Int32>
  let losses: UnsafeMutableBufferPointer<LossPart>
  let scratch = NormObserver.Scratch()

  /// Builds a network: infers and checks shapes, plans all memory, draws initial parameters.
  ///
  /// - Parameters:
  ///   - batch: samples of a training step.
  ///   - evaluationBatch: the most samples evaluated at once; `batch` when nil.
  ///   - training: nil builds a network without gradients.
  ///   - seed: initial parameters depend on it and their names alone.
  ///   - observes: whether training steps may watch the norms.
  /// - Throws: `usage` naming model, layer, shapes and the script's line.
  public convenience init(
    _ spec: ModelSpec, registry: NormRegistry, batch: Int, evaluationBatch: Int? = nil,
    training: TrainingSpec?, executor: Executor = .tiles, threads: Int = 1, seed: UInt64 = 0,
    observes: Bool = false
  ) throws(NormaError) {
    try self.init(
      spec, registry: registry, batch: batch, evaluationBatch: evaluationBatch,
      training: training, executor: executor, threads: threads, seed: seed,
      observes: observes, wantsInputGradient: false)
  }

  package init(
    _ spec: ModelSpec, registry: NormRegistry, batch: Int, evaluationBatch: Int? = nil,
    training: TrainingSpec?, executor: Executor = .tiles, threads: Int = 1, seed: UInt64 = 0,
    observes: Bool = false, wantsInputGradient: Bool, fusesNeighbours: Bool = true
  ) throws(NormaError) {
    let evaluationBatch = evaluationBatch ?? batch
    guard batch >= 1, evaluationBatch >= 1 else {
      throw NormaError(
        .usage,
        "model '\(spec.name)': the batch must be at least 1, got"
          + " \(min(batch, evaluationBatch))", place: spec.place)
    }
    guard threads >= 1 else {
      throw NormaError(.usage, "the number of threads must be at least 1, got \(threads)")
    }
    guard !spec.input.isEmpty, spec.input.allSatisfy({ $0 >= 1 }) else {
      throw NormaError(
        .usage, "model '\(spec.name)': the input's shape \(spec.input) is empty",
        place: spec.place, help: "give the shape of one sample, such as { 28, 28, 1 }")
    }
    if let vocabulary = spec.vocabulary {
      guard let size = vocabulary.size, (1...Vocabulary.most).contains(size) else {
        throw NormaError(
          .usage,
          vocabulary.size.map { "model '\(spec.name)': a vocabulary of \($0) symbols" }
            ?? "model '\(spec.name)': how many symbols there are is not known before there is data",
          place: spec.place,
          help: "write input = { tokens = 64, vocabulary = 256 } for a number from 1 to"
            + " \(Vocabulary.most), or train it on a text")
      }
    }
    try training?.check()
    ck_serial_libraries()

    let state = State()
    func plan(_ mode: Mode, _ batch: Int) throws(NormaError) -> (Plan, Value, Value) {
      let plan = Plan(
        model: spec, batch: batch, mode: mode, threads: threads, registry: registry,
        executor: executor, state: state, fusesNeighbours: fusesNeighbours)
      let input = plan.input(spec.input, wantsGradient: wantsInputGradient)
      let output = plan.settled(try plan.sequence(spec.layers, on: input))
      output.data.use(at: .turn)
      output.gradient?.use(at: .turn)
      return (plan, input, output)
    }
    let train = try training.map { _ throws(NormaError) in try plan(.train, batch) }
    let infer = try plan(.infer, evaluationBatch)
    let isApart = observes && training != nil && evaluationBatch != batch
    let watch = try isApart ? plan(.infer, batch) : nil
    executor.settle()
    if training != nil, state.parameters.isEmpty {
      throw NormaError(
        .usage, "model '\(spec.name)' has nothing to train", place: spec.place,
        help: "add a layer with parameters, such as nn.linear")
    }

    // Both programs use the same memory: nothing lives from one step to the next but the state.
    let bytes = [train, infer, watch].compactMap { $0.map { arrange($0.0.slots) } }.max() ?? 0
    arena = try Arena(bytes: bytes)
    memory = try StateMemory(
      state, training: training != nil, optimizerStates: training?.optimizer.stateCount ?? 0)
    memory.initialise(seed: seed)
    let places = Memory(arena: arena, state: memory, threads: threads)
    trainingProgram = try train.map { plan, input, output throws(NormaError) in
      try Program(plan, input: input, output: output, memory: places)
    }
    evaluationProgram = try Program(infer.0, input: infer.1, output: infer.2, memory: places)
    let watching = try watch.map { plan, input, output throws(NormaError) in
      try Program(plan, input: input, output: output, memory: places)
    }
    watchProgram = watching ?? (evaluationBatch == batch ? evaluationProgram : nil)
    optimizer = training.map { [memory] in Optimizer($0, memory) }
    outputShape = infer.2.shape
    let rows = max(batch, evaluationBatch) * outputShape.dropLast().reduce(1, *)
    labels = .allocate(capacity: rows)
    labels.initialize(repeating: 0)
    losses = .allocate(capacity: LossPart.count(rows: rows))
    losses.initialize(repeating: LossPart())
    self.spec = spec
    self.batch = batch
    self.evaluationBatch = evaluationBatch
    self.threads = threads
    self.seed = seed
    self.training = training
    norms = (train?.0 ?? infer.0).norms.map { $0() }
  }

  deinit {
    labels.deallocate()
    losses.deallocate()
  }

  /// How many classifications a sample has: one, or one a position. The last axis of the output is the
  /// classes.
  public var positions: Int { outputShape.dropLast().reduce(1, *) }

  /// The number of learned values.
  public var parameterCount: Int { memory.state.parameters.reduce(0) { $0 + $1.count } }
  /// Bytes of all planned memory: state, activations, gradients, workspaces.
  public var plannedBytes: Int { arena.bytes + memory.arena.bytes }

  /// The step that inference belongs to: the last one trained, or the end of all training.
  var lastStep = Int.max

  func run(step: Int, observer: NormObserver? = nil) -> Run {
    Run(threads: threads, step: step, seed: seed, observer: observer)
  }

  func update(_ run: Run) -> Double? { optimizer?.update(run) }

  package func gradientNorm(_ run: Int) -> Double {
    optimizer?.gradientNorm(self.run(step: run)) ?? 0
  }
}
