import NormaCore
import NormaData
import NormaNetwork
import NormaNorms

/// One cell being trained.
final class CellRun {
  let cell: Cell
  let network: Network
  let epochs: Int
  let stepsPerEpoch: Int
  let totalSteps: Int
  private let splits: DataSplits
  private let options: LabOptions
  private let tell: (RunEvent) -> Void
  private var sampler: BatchSampler
  private let input: UnsafeMutableBufferPointer<Float>
  private let labels: UnsafeMutableBufferPointer<Int32>
  private var times = StepTimes()
  private let training: TrainingSpec

  private var progress = RunProgress()
  private let plan: TrainPlan
  private let observations: ObservationPlan
  private let saves: (CellRun) throws(NormaError) -> Void
  private var start = ContinuousClock.now
  private var saved = ContinuousClock.now

  /// Steps done.
  var steps: Int { progress.steps }
  /// What was measured so far.
  var measures: [Measure: Double] {
    Dictionary(
      uniqueKeysWithValues: progress.measures.compactMap { name, value in
        Measure(rawValue: name).map { ($0, value) }
      })
  }
  /// Whether the plan's rule ended it before its last step.
  var stoppedEarly: Bool { progress.stop.isOver }

  /// Builds the network and the sampler; nothing trains yet.
  ///
  /// - Parameter saves: is told when a checkpoint is due.
  init(
    _ cell: Cell, of spec: ExperimentSpec, on given: DataSplits, _ options: LabOptions,
    registry: NormRegistry, saves: @escaping (CellRun) throws(NormaError) -> Void = { _ in },
    tell: @escaping (RunEvent) -> Void
  ) throws(NormaError) {
    let splits: DataSplits
    let model: ModelSpec
    do throws(NormaError) {
      splits = try given.windows(of: cell.model.input.first ?? 1)
      model = try cell.model.fitting(splits.train)
      sampler = try BatchSampler(over: splits.train, batchSize: cell.batch, seed: cell.seed)
    } catch {
      throw error.at(spec.place)
    }
    stepsPerEpoch = sampler.batchesPerEpoch
    let total = spec.train.steps(epochOf: stepsPerEpoch, limit: options.steps)
    totalSteps = total
    epochs = (total + stepsPerEpoch - 1) / stepsPerEpoch
    plan = spec.train
    observations = spec.observations
    self.saves = saves
    training = TrainingSpec(
      optimizer: cell.optimizer, schedule: spec.train.schedule, steps: total,
      clipNorm: spec.train.clip)
    do throws(NormaError) {
      network = try Network(
        model, registry: registry, batch: cell.batch,
        evaluationBatch: max(cell.batch, 128), training: training, executor: options.executor,
        threads: options.threads, seed: cell.seed, observes: spec.observations != .never)
    } catch {
      throw error.at(spec.place)
    }
    try network.checkOutput(splits.train)
    self.cell = cell
    self.splits = splits
    self.options = options
    self.tell = tell
    let samples = network.evaluationBatch
    input = .allocate(capacity: samples * splits.train.sampleSize)
    input.initialize(repeating: 0)
    labels = .allocate(capacity: samples * splits.train.labelCount)
    labels.initialize(repeating: 0)
    measure(.parameters, Double(network.parameterCount))
  }

  deinit {
    input.deallocate()
    labels.deallocate()
  }

  /// What was known of the data, for whoever applies the weights.
  var savedData: String? { SavedData(splits).text }

  /// Goes on where a checkpoint left off.
  ///
  /// - Throws: `data` when it is not one of this run.
  func restore(_ file: SafeTensors, from path: String) throws(NormaError) {
    guard let found = RunProgress(reading: file.metadata[RunProgress.key]),
      (0...totalSteps).contains(found.steps), (0...epochs).contains(found.epochs)
    else {
      throw NormaError(
        .data, "'\(path)' does not say where its run stood", help: "delete it to start the run anew"
      )
    }
    try network.restore(file, from: path, step: found.steps)
    sampler = try BatchSampler(
      over: splits.train, batchSize: cell.batch, seed: cell.seed,
      at: .init(epoch: found.steps / stepsPerEpoch, step: found.steps % stepsPerEpoch))
    progress = found
  }

  /// The metadata of a checkpoint.
  var checkpoint: [String: String] {
    var now = progress
    now.seconds += elapsed
    now.epochSeconds += elapsed
    return [RunProgress.key: now.text, "norma.step": "\(steps)"]
  }

  /// Seconds since training began or went on, or since the epoch did.
  private var elapsed: Double { (ContinuousClock.now - start) / .seconds(1) }

  private func measure(_ measure: Measure, _ value: Double) {
    progress.measures[measure.rawValue] = value
  }

  /// Trains to the end, or until stopped; then false.
  func train() throws(NormaError) -> Bool {
    start = .now
    saved = start
    defer { measure(.seconds, progress.seconds + elapsed) }
    while progress.epochs < epochs, !progress.stop.isOver {
      guard try trainEpoch(progress.epochs + 1) else { return false }
    }
    return true
  }

  /// Measures the test part; false when stopped.
  func measureTest() throws(NormaError) -> Bool {
    guard let report = try evaluate(try splits.test(), "test") else { return false }
    measure(.testAccuracy, report.accuracy)
    measure(.testLoss, report.loss)
    return true
  }

  /// Runs `count` steps and says how long one takes, in seconds; for dry runs.
  func timeSteps(_ count: Int) throws(NormaError) -> Double {
    for _ in 0..<count { _ = try step() }
    return times.least
  }

  private func trainEpoch(_ epoch: Int) throws(NormaError) -> Bool {
    let end = min(epoch * stepsPerEpoch, totalSteps)
    let first = (epoch - 1) * stepsPerEpoch
    let recordEvery = max(1, totalSteps / 1000)
    defer {
      if progress.whole.samples > 0 { noteTraining() }
    }
    while steps < end {
      if options.isInterrupted() { return false }
      let result = try step()
      progress.whole.add(result)
      progress.recent.add(result)
      let isRecorded = steps % recordEvery == 0 || steps == totalSteps
      tell(
        .step(
          StepReport(
            step: steps, epoch: epoch, loss: progress.recent.loss,
            accuracy: progress.recent.accuracy, rate: rate(at: steps - 1),
            gradientNorm: result.gradientNorm, isRecorded: isRecorded)))
      if isRecorded { progress.recent = .init() }
      if let seen = result.observation {
        tell(.norms(NormReport(step: steps, loss: result.loss, observation: seen)))
      }
      if isCheckpointDue { try save() }
    }
    var validation: EvaluationReport?
    if !splits.validate.isEmpty {
      guard let report = try evaluate(splits.validate, "validate") else { return false }
      measure(.validationAccuracy, report.accuracy)
      measure(.validationLoss, report.loss)
      validation = report
    }
    noteTraining()
    let seconds = progress.epochSeconds + elapsed
    tell(
      .epoch(
        EpochReport(
          epoch: epoch, epochs: epochs, step: steps, loss: progress.whole.loss,
          accuracy: progress.whole.accuracy, validation: validation, rate: rate(at: steps - 1),
          seconds: seconds, steps: steps - first)))
    if let rule = plan.stop, let value = progress.measures[rule.measure.rawValue] {
      rule.follow(value, &progress.stop)
    }
    progress.seconds += elapsed
    start = .now
    progress.epochSeconds = 0
    progress.epochs = epoch
    progress.whole = .init()
    return true
  }

  private func noteTraining() {
    measure(.trainLoss, progress.whole.loss)
    measure(.trainAccuracy, progress.whole.accuracy)
    // A run that goes on after its last step keeps what it had.
    if times.median > 0 { measure(.stepTime, times.median * 1000) }
  }

  private var isCheckpointDue: Bool {
    if let every = options.checkpointEvery { return steps % every == 0 }
    return saved.duration(to: .now) > Self.checkpointInterval
  }

  /// How often a checkpoint is written where no number of steps was asked for.
  private static let checkpointInterval = Duration.seconds(60)

  private func save() throws(NormaError) {
    try saves(self)
    saved = .now
  }

  private func rate(at step: Int) -> Double {
    training.optimizer.rate * training.schedule.factor(step: step, of: training.steps)
  }

  private func step() throws(NormaError) -> StepResult {
    guard let samples = input.baseAddress, let classes = labels.baseAddress else {
      throw NormaError(.internal, "a run without memory")
    }
    let start = ContinuousClock.now
    let count = sampler.fill(from: splits.train, into: samples, labels: classes)
    let result = try network.trainStep(
      input: UnsafeBufferPointer(start: samples, count: count * splits.train.sampleSize),
      labels: UnsafeBufferPointer(start: classes, count: count * splits.train.labelCount),
      step: steps, observing: observations.isDue(steps + 1, of: totalSteps))
    progress.steps += 1
    // A step that was watched is no measure, unless all are.
    if result.observation == nil || observations == .every(1) {
      times.add((ContinuousClock.now - start) / .seconds(1))
    }
    return result
  }

  /// Measures a whole part; nil when stopped.
  private func evaluate(
    _ part: DataSet, _ name: String
  ) throws(NormaError) -> EvaluationReport? {
    var total = EvaluationResult()
    let isWhole = try network.evaluate(part, input, labels, into: &total, options.isInterrupted)
    guard isWhole else { return nil }
    let report = EvaluationReport(
      part: name, step: steps, loss: total.loss, accuracy: total.accuracy)
    tell(.evaluation(report))
    return report
  }
}

/// The durations of the latest steps; its memory does not grow.
private struct StepTimes {
  private var seconds = [Double](repeating: 0, count: 1024)
  private var count = 0

  mutating func add(_ value: Double) {
    seconds[count % seconds.count] = value
    count += 1
  }

  /// The shortest but the first.
  var least: Double {
    seconds[(count > 1 ? 1 : 0)..<max(min(count, seconds.count), 1)].min() ?? 0
  }

  var median: Double {
    // The first step also pays for memory touched for the first time.
    let skipped = count > 1 && count <= seconds.count ? 1 : 0
    let sorted = seconds[skipped..<max(skipped, min(count, seconds.count))].sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
  }
}
