public import NormaCore
public import NormaData
public import NormaNetwork

extension ModelSpec {
  /// The model, once it is known that the samples fit it; images may enter as vectors.
  func fitting(_ data: DataSet) throws(NormaError) -> ModelSpec {
    let fits =
      input == data.sampleShape || (input.count == 1 && input[0] == data.sampleSize)
    guard fits else {
      throw NormaError(
        .usage,
        "model '\(name)' takes samples of shape \(input), the data has \(data.sampleShape)",
        place: place,
        help: "write input = { \(data.sampleShape.map(String.init).joined(separator: ", ")) }")
    }
    return self
  }
}

extension Network {
  /// Throws `usage` unless there is one output for each class of the data, at least.
  func checkOutput(_ data: DataSet) throws(NormaError) {
    guard outputShape.count == 1, outputShape[0] >= data.classCount else {
      throw NormaError(
        .usage,
        "model '\(spec.name)' ends in shape \(outputShape), the data has \(data.classCount) classes",
        place: spec.layers.last?.place ?? spec.place,
        help: "end it with nn.linear { \(data.classCount) }")
    }
  }

  /// Adds up losses and right answers of a part of the data; false when stopped before its end.
  func evaluate(
    _ part: DataSet, _ input: UnsafeMutableBufferPointer<Float>,
    _ labels: UnsafeMutableBufferPointer<Int32>, into total: inout EvaluationResult,
    _ isInterrupted: () -> Bool
  ) throws(NormaError) -> Bool {
    guard let samples = input.baseAddress, let classes = labels.baseAddress else { return true }
    var start = 0
    while start < part.count {
      if isInterrupted() { return false }
      let range = start..<min(start + evaluationBatch, part.count)
      part.fill(range, into: samples, labels: classes)
      total.add(
        try evaluate(
          input: UnsafeBufferPointer(start: samples, count: range.count * part.sampleSize),
          labels: UnsafeBufferPointer(start: classes, count: range.count)))
      start = range.upperBound
    }
    return true
  }

  /// The mean loss and accuracy on a part of a data set.
  ///
  /// - Throws: `usage` when samples or classes do not fit the model; `interrupted` when told to stop.
  public func evaluate(
    on part: DataSet, isInterrupted: () -> Bool = { false }
  ) throws(NormaError) -> EvaluationResult {
    _ = try spec.fitting(part)
    try checkOutput(part)
    let input = UnsafeMutableBufferPointer<Float>.allocate(
      capacity: evaluationBatch * part.sampleSize)
    let labels = UnsafeMutableBufferPointer<Int32>.allocate(capacity: evaluationBatch)
    defer {
      input.deallocate()
      labels.deallocate()
    }
    input.initialize(repeating: 0)
    labels.initialize(repeating: 0)
    var total = EvaluationResult()
    guard try evaluate(part, input, labels, into: &total, isInterrupted) else {
      throw NormaError(.interrupted, "interrupted after \(total.count) samples")
    }
    return total
  }
}
