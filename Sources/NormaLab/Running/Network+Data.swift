public import NormaCore
public import NormaData
public import NormaNetwork

extension ModelSpec {
  /// The model, once it is known that the samples fit it, its vocabulary settled by the data; images may
  /// enter as vectors.
  func fitting(_ data: DataSet) throws(NormaError) -> ModelSpec {
    guard data.isText == (vocabulary != nil) else {
      throw NormaError(
        .usage,
        "model '\(name)' takes \(vocabulary == nil ? "numbers" : "symbols"), the data is"
          + (data.isText ? " a text" : " of shape \(data.sampleShape)"),
        place: place,
        help: data.isText
          ? "write input = { tokens = 64, vocabulary = \"data\" }"
          : "write input = { \(data.sampleShape.map(String.init).joined(separator: ", ")) }")
    }
    let fits =
      input == data.sampleShape
      || (!data.isText && input.count == 1 && input[0] == data.sampleSize)
    guard fits else {
      throw NormaError(
        .usage,
        "model '\(name)' takes samples of shape \(input), the data has \(data.sampleShape)",
        place: place,
        help: "write input = { \(data.sampleShape.map(String.init).joined(separator: ", ")) }")
    }
    var model = self
    if vocabulary == .data { model.vocabulary = .symbols(data.classCount) }
    if let size = model.vocabulary?.size, size < data.classCount {
      throw NormaError(
        .usage,
        "model '\(name)' knows \(size) symbols, the text has \(data.classCount)", place: place,
        help: "write vocabulary = \"data\", or a number from \(data.classCount) on")
    }
    return model
  }
}

extension Network {
  /// Throws `usage` unless there is one output for each class of the data, at least.
  func checkOutput(_ data: DataSet) throws(NormaError) {
    let shape = data.isText ? data.sampleShape : []
    guard let outputs = outputShape.last, outputs >= data.classCount,
      Array(outputShape.dropLast()) == shape
    else {
      let last = data.isText ? "\"vocabulary\"" : "\(data.classCount)"
      throw NormaError(
        .usage,
        "model '\(spec.name)' ends in shape \(outputShape), the data has \(data.classCount)"
          + (data.isText ? " symbols at each of \(data.labelCount) positions" : " classes"),
        place: spec.layers.last?.place ?? spec.place, help: "end it with nn.linear { \(last) }")
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
          labels: UnsafeBufferPointer(start: classes, count: range.count * part.labelCount)))
      start = range.upperBound
    }
    return true
  }

  /// The mean loss and accuracy on a part of a data set.
  ///
  /// - Throws: `usage` when samples or classes do not fit the model; `interrupted` when told to stop.
  public func evaluate(
    on given: DataSet, isInterrupted: () -> Bool = { false }
  ) throws(NormaError) -> EvaluationResult {
    let part = try given.windows(of: spec.input.first ?? 1)
    _ = try spec.fitting(part)
    try checkOutput(part)
    let input = UnsafeMutableBufferPointer<Float>.allocate(
      capacity: evaluationBatch * part.sampleSize)
    let labels = UnsafeMutableBufferPointer<Int32>.allocate(
      capacity: evaluationBatch * part.labelCount)
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
