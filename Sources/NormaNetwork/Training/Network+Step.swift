import CKernels
public import NormaCore

/// What one training step found before it updated the parameters.
public struct StepResult: Sendable, Hashable {
  /// The mean loss over the batch, and over the positions of each sample where there are several.
  public let loss: Double
  /// How many were classified right.
  public let correct: Int
  /// How many were classified: samples, or their positions.
  public let count: Int
  /// The gradients' norm before clipping; nil without clipping.
  public let gradientNorm: Double?
  /// What the norms did; nil unless it was asked for.
  public let observation: StepObservation?
}

/// What evaluating some samples found.
public struct EvaluationResult: Sendable, Hashable {
  /// The sum of the losses.
  public var lossSum = 0.0
  /// How many were classified right.
  public var correct = 0
  /// How many were classified: samples, or their positions where each has several.
  public var count = 0

  /// The mean loss.
  public var loss: Double { lossSum / Double(max(count, 1)) }
  /// The share classified right.
  public var accuracy: Double { Double(correct) / Double(max(count, 1)) }

  /// No samples yet.
  public init() {}

  /// Adds another part of the data set.
  public mutating func add(_ other: EvaluationResult) {
    lossSum += other.lossSum
    correct += other.correct
    count += other.count
  }
}

extension Network {
  /// One step: forward, softmax cross-entropy, backward, update.
  ///
  /// - Parameters:
  ///   - input: `batch` samples, channels last.
  ///   - labels: the class of each sample, or of each of its `positions`.
  ///   - step: counted from 0; determines learning rate and dropout.
  ///   - observing: whether the norms are watched, which changes nothing and takes about as long as another
  ///     forward pass; the network has to be built for it.
  /// - Throws: `data` for input that does not fit the model; `diverged` when the loss is NaN or infinite,
  ///   with the step and the first layer whose output is not finite.
  public func trainStep(
    input: UnsafeBufferPointer<Float>, labels: UnsafeBufferPointer<Int32>, step: Int,
    observing: Bool = false
  ) throws(NormaError) -> StepResult {
    guard let program = trainingProgram else {
      throw NormaError(.usage, "model '\(spec.name)' was built without training")
    }
    guard labels.count == batch * positions else {
      throw NormaError(
        .data,
        "a training step of '\(spec.name)' takes \(batch * positions) labels, got"
          + " \(labels.count)")
    }
    try fill(program, input, labels)
    let watching = observing ? watchProgram : nil
    guard watching != nil || !observing else {
      throw NormaError(
        .usage, "model '\(spec.name)' was not built to be watched",
        help: "build the network with observes: true")
    }
    let observer = watching.map { _ in
      NormObserver(memory, scratch: scratch, threads: threads)
    }
    let run = run(step: step, observer: observer)
    lastStep = step
    ck_serial_libraries()
    try program.forward(run)
    let total = lossPass(program, count: labels.count, gradient: true, run)
    let loss = total.loss
    guard loss.isFinite else { throw divergence(program, loss: loss, run) }
    try program.backward(run)
    // Before the update, so that both modes are seen with the same parameters; the gradients are kept
    // apart from what a pass writes.
    var observation: StepObservation?
    if let observer, let watching {
      observer.isInference = true
      try fill(watching, input, labels)
      try watching.forward(run)
      let loss = lossPass(watching, count: labels.count, gradient: false, run).loss
      observation = StepObservation(norms: observer.observations, inferenceLoss: loss)
    }
    let norm = update(run)
    return StepResult(
      loss: loss, correct: total.correct, count: total.count, gradientNorm: norm,
      observation: observation)
  }

  /// One step on arrays; see the other form.
  public func trainStep(
    input: [Float], labels: [Int32], step: Int, observing: Bool = false
  ) throws(NormaError) -> StepResult {
    try withBuffers(input, labels) { input, labels throws(NormaError) in
      try trainStep(input: input, labels: labels, step: step, observing: observing)
    }
  }

  /// The losses and right answers of up to `evaluationBatch` samples, in inference mode.
  ///
  /// - Throws: `data` for input that does not fit the model.
  public func evaluate(
    input: UnsafeBufferPointer<Float>, labels: UnsafeBufferPointer<Int32>
  ) throws(NormaError) -> EvaluationResult {
    guard labels.count <= evaluationBatch * positions else {
      throw NormaError(
        .data,
        "'\(spec.name)' evaluates up to \(evaluationBatch) samples at once, got"
          + " \(labels.count / positions)")
    }
    try fill(evaluationProgram, input, labels)
    let run = run(step: lastStep)
    ck_serial_libraries()
    try evaluationProgram.forward(run)
    return lossPass(evaluationProgram, count: labels.count, gradient: false, run)
  }

  /// Evaluation of arrays; see the other form.
  public func evaluate(input: [Float], labels: [Int32]) throws(NormaError) -> EvaluationResult {
    try withBuffers(input, labels) { input, labels throws(NormaError) in
      try evaluate(input: input, labels: labels)
    }
  }

  /// The outputs for up to `evaluationBatch` samples, in inference mode.
  public func outputs(for input: [Float]) throws(NormaError) -> [Float] {
    let size = spec.input.reduce(1, *)
    let count = input.count / size
    guard count * size == input.count, count <= evaluationBatch else {
      throw NormaError(
        .data,
        "'\(spec.name)' takes up to \(evaluationBatch) samples of \(size) values, got"
          + " \(input.count) values")
    }
    try input.withUnsafeBufferPointer { input throws(NormaError) in
      try copy(input, to: evaluationProgram)
    }
    ck_serial_libraries()
    try evaluationProgram.forward(run(step: lastStep))
    let classes = outputShape.reduce(1, *)
    return Array(UnsafeBufferPointer(start: evaluationProgram.output, count: count * classes))
  }

  private func withBuffers<Result>(
    _ input: [Float], _ labels: [Int32],
    _ body: (UnsafeBufferPointer<Float>, UnsafeBufferPointer<Int32>) throws(NormaError) -> Result
  ) throws(NormaError) -> Result {
    try input.withUnsafeBufferPointer { input throws(NormaError) in
      try labels.withUnsafeBufferPointer { labels throws(NormaError) in
        try body(input, labels)
      }
    }
  }

  /// Copies samples and labels in, checked; the rest of the batch becomes zero.
  private func fill(
    _ program: Program, _ input: UnsafeBufferPointer<Float>, _ labels: UnsafeBufferPointer<Int32>
  ) throws(NormaError) {
    let size = spec.input.reduce(1, *)
    let samples = labels.count / positions
    guard labels.count == samples * positions, input.count == samples * size else {
      throw NormaError(
        .data,
        "\(labels.count) labels belong to \(samples) samples of shape \(spec.input),"
          + " \(samples * size) values; got \(input.count)")
    }
    guard let classes = outputShape.last else {
      throw NormaError(
        .usage, "model '\(spec.name)' ends in shape \(outputShape), not in one value per class",
        place: spec.place, help: "end it with nn.flatten and nn.linear { classes }")
    }
    for (index, label) in labels.enumerated() {
      guard label >= 0, label < classes else {
        throw NormaError(
          .data, "label \(label) of sample \(index / positions) is not in 0..<\(classes)",
          help: "the last layer must have as many units as the data has classes")
      }
      self.labels[index] = label
    }
    try copy(input, to: program)
  }

  private func copy(
    _ input: UnsafeBufferPointer<Float>, to program: Program
  ) throws(NormaError) {
    if let symbols = spec.vocabulary?.size,
      ck_net_all_symbols(input.count, symbols, input.baseAddress) == 0
    {
      let bad = input.first { !($0 >= 0 && $0 < Float(symbols) && $0 == $0.rounded()) }
      throw NormaError(
        .data, "\(bad ?? 0) is no symbol of the \(symbols) that model '\(spec.name)' knows",
        help: "symbols are whole numbers from 0 to \(symbols - 1)")
    }
    if let source = input.baseAddress { program.input.update(from: source, count: input.count) }
    (program.input + input.count).update(
      repeating: 0, count: program.batch * spec.input.reduce(1, *) - input.count)
  }
}
