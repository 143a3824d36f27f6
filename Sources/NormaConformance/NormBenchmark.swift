import NormaCompiler
public import NormaCore
public import NormaNorms

/// How long a norm takes on a tensor, beside a copy of the same tensor.
public struct NormBenchmark: Sendable, Codable {
  /// The norm and its settings.
  public let norm: String
  /// The tensor's shape.
  public let shape: [Int]
  /// The channel axes.
  public let axis: [Int]
  /// How many threads were allowed.
  public let threads: Int
  /// Who ran it.
  public let executor: String
  /// A copy of the tensor; this and all below are medians in microseconds.
  public let copyMicroseconds: Double
  /// Forward in training.
  public let forwardMicroseconds: Double
  /// Forward in inference.
  public let inferMicroseconds: Double
  /// Forward in training and backward.
  public let forwardBackwardMicroseconds: Double

  enum CodingKeys: String, CodingKey {
    case norm, shape, axis, threads, executor
    case copyMicroseconds = "copy_us"
    case forwardMicroseconds = "forward_us"
    case inferMicroseconds = "infer_us"
    case forwardBackwardMicroseconds = "forward_backward_us"
  }

  /// Measures; copy and norm take turns, so that both see the same moments of a shared machine.
  ///
  /// - Parameter seconds: how long to measure, at least seven rounds.
  /// - Throws: what building the layer throws.
  public init(
    _ spec: NormSpec, in registry: NormRegistry, layout: TensorLayout, executor: ExecutorChoice,
    threads: Int, seconds: Double = 1
  ) throws(NormaError) {
    let layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
    func harness(_ mode: Mode) throws(NormaError) -> KernelHarness {
      let harness = try KernelHarness(
        layer: layer, layout: layout, mode: mode, executor: executor, threads: threads)
      var random = RandomSource(seed: 1)
      harness.x = (0..<layout.count).map { _ in Float(random.uniform(-1, 1)) }
      try harness.forward()
      return harness
    }
    let train = try harness(.train)
    try train.backward(train.x)
    let infer = try harness(.infer)
    let training = train.call()
    let inference = infer.call()
    guard let source = training.inputs.first, let target = training.output else {
      throw NormaError(.internal, "a benchmark without tensors")
    }
    var times: [[Double]] = [[], [], [], []]
    let clock = ContinuousClock()
    func measure(_ column: Int, _ body: () throws(NormaError) -> Void) throws(NormaError) {
      let start = clock.now
      try body()
      times[column].append((clock.now - start) / .microseconds(1))
    }
    let end = clock.now + .seconds(seconds)
    while times[0].count < 7 || clock.now < end {
      try measure(0) { () throws(NormaError) in
        ThreadedCopy.run(from: source, to: target, count: layout.count, threads: threads)
      }
      try measure(1) { () throws(NormaError) in try train.kernel.forward(training) }
      try measure(2) { () throws(NormaError) in try infer.kernel.forward(inference) }
      try measure(3) { () throws(NormaError) in
        try train.kernel.forward(training)
        try train.kernel.backward(training)
      }
    }
    let medians = times.map { $0.sorted()[$0.count / 2] }
    norm = spec.label
    shape = layout.shape
    axis = layout.channelAxes
    self.threads = threads
    self.executor = train.kernel.executor
    copyMicroseconds = medians[0]
    forwardMicroseconds = medians[1]
    inferMicroseconds = medians[2]
    forwardBackwardMicroseconds = medians[3]
    withExtendedLifetime((train, infer)) {}
  }
}
