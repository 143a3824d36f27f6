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

  private(set) var steps = 0
  private(set) var measures: [Measure: Double] = [:]

  /// Builds the network and the sampler; nothing trains yet.
  init(
    _ cell: Cell, of spec: ExperimentSpec, on given: DataSplits, _ options: LabOptions,
    registry: NormRegistry, tell: @escaping (RunEvent) -> Void
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
    var total =
      switch spec.train.length {
      case .epochs(let count): count * stepsPerEpoch
      case .steps(let count): count
      }
    if let limit = options.steps { total = min(total, limit) }
    totalSteps = total
    epochs = (total + stepsPerEpoch - 1) / stepsPerEpoch
    training = TrainingSpec(
      optimizer: cell.optimizer, schedule: spec.train.schedule, steps: total,
      clipNorm: spec.train.clip)
    do throws(NormaError) {
      network = try Network(
        model, registry: registry, batch: cell.batch,
        evaluationBatch: max(cell.batch, 128), training: training, executor: options.executor,
        threads: options.threads, seed: cell.seed)
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
    measures[.parameters] = Double(network.parameterCount)
  }

  deinit {
    input.deallocate()
    labels.deallocate()
  }

  /// What was known of the data, for whoever applies the weights.
  var savedData: String? { SavedData(splits).text }

  /// Trains to the end, or until stopped; then false.
  func train() throws(NormaError) -> Bool {
    let start = ContinuousClock.now
    defer { measures[.seconds] = (ContinuousClock.now - start) / .seconds(1) }
    for epoch in 1...max(epochs, 1) {
      guard try trainEpoch(epoch) else { return false }
    }
    return true
  }

  /// Measures the test part; false when stopped.
  func measureTest() throws(NormaError) -> Bool {
    guard let report = try evaluate(try splits.test(), "test") else { return false }
    measures[.testAccuracy] = report.accuracy
    measures[.testLoss] = report.loss
    return true
  }

  /// Runs `count` steps and says how long one takes, in seconds; for dry runs.
  func timeSteps(_ count: Int) throws(NormaError) -> Double {
    for _ in 0..<count { _ = try step() }
    return times.median
  }

  private func trainEpoch(_ epoch: Int) throws(NormaError) -> Bool {
    let start = ContinuousClock.now
    let end = min(epoch * stepsPerEpoch, totalSteps)
    let first = steps
    let recordEvery = max(1, totalSteps / 1000)
    var whole = Sum()
    var recent = Sum()
    defer {
      if whole.samples > 0 {
        measures[.trainLoss] = whole.loss
        measures[.trainAccuracy] = whole.accuracy
        measures[.stepTime] = times.median * 1000
      }
    }
    while steps < end {
      if options.isInterrupted() { return false }
      let result = try step()
      whole.add(result)
      recent.add(result)
      let isRecorded = steps % recordEvery == 0 || steps == totalSteps
      tell(
        .step(
          StepReport(
            step: steps, epoch: epoch, loss: recent.loss, accuracy: recent.accuracy,
            rate: rate(at: steps - 1), gradientNorm: result.gradientNorm, isRecorded: isRecorded)))
      if isRecorded { recent = Sum() }
    }
    var validation: EvaluationReport?
    if !splits.validate.isEmpty {
      guard let report = try evaluate(splits.validate, "validate") else { return false }
      measures[.validationAccuracy] = report.accuracy
      measures[.validationLoss] = report.loss
      validation = report
    }
    tell(
      .epoch(
        EpochReport(
          epoch: epoch, epochs: epochs, step: steps, loss: whole.loss, accuracy: whole.accuracy,
          validation: validation, rate: rate(at: steps - 1),
          seconds: (ContinuousClock.now - start) / .seconds(1), steps: steps - first)))
    return true
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
      step: steps)
    steps += 1
    times.add((ContinuousClock.now - start) / .seconds(1))
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

  /// Losses and right answers of several steps.
  private struct Sum {
    private var lossSum = 0.0
    private var correct = 0
    private var steps = 0
    private(set) var samples = 0
    var loss: Double { lossSum / Double(max(steps, 1)) }
    var accuracy: Double { Double(correct) / Double(max(samples, 1)) }

    mutating func add(_ result: StepResult) {
      lossSum += result.loss
      correct += result.correct
      steps += 1
      samples += result.count
    }
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

  var median: Double {
    // The first step also pays for memory touched for the first time.
    let skipped = count > 1 && count <= seconds.count ? 1 : 0
    let sorted = seconds[skipped..<max(skipped, min(count, seconds.count))].sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
  }
}
