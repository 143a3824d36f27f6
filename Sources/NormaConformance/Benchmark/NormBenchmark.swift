public import NormaCore
public import NormaNorms

/// How long a norm takes on a tensor, beside what moving the same bytes takes.
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
  /// A copy of the tensor; this and all times below are medians in microseconds.
  public let copyMicroseconds: Double
  /// A loop over forward's tensors that reads them as often and does no arithmetic.
  public let floorForwardMicroseconds: Double
  /// The same for forward, then backward.
  public let floorForwardBackwardMicroseconds: Double
  /// Forward in training.
  public let forwardMicroseconds: Double
  /// Forward in inference.
  public let inferMicroseconds: Double
  /// Forward in training, then backward.
  public let forwardBackwardMicroseconds: Double
  /// Forward in inference, then backward.
  public let inferBackwardMicroseconds: Double
  /// Tracing the formula, differentiating it and planning both directions, before any machine code.
  public let planMicroseconds: Double
  /// The largest distance of a time's quartiles, divided by its median.
  public let spread: Double
  /// Bytes that forward must move to and from memory.
  public let forwardBytes: Int
  /// Bytes that forward and backward must move.
  public let forwardBackwardBytes: Int
  /// The fastest way to copy, which was taken: stores and threads.
  public let copyWay: String
  /// The fastest way to run the floor of forward and backward.
  public let floorWay: String

  enum CodingKeys: String, CodingKey {
    case norm, shape, axis, threads, executor, spread
    case copyMicroseconds = "copy_us"
    case floorForwardMicroseconds = "floor_forward_us"
    case floorForwardBackwardMicroseconds = "floor_forward_backward_us"
    case forwardMicroseconds = "forward_us"
    case inferMicroseconds = "infer_us"
    case forwardBackwardMicroseconds = "forward_backward_us"
    case inferBackwardMicroseconds = "infer_forward_backward_us"
    case planMicroseconds = "plan_us"
    case forwardBytes = "forward_bytes"
    case forwardBackwardBytes = "forward_backward_bytes"
    case copyWay = "copy_by"
    case floorWay = "floor_by"
  }

  /// Measures on memory that all share: the loops run over the very tensors of the kernel.
  ///
  /// - Parameter seconds: how long to measure, at least seven rounds.
  /// - Throws: `usage` for an empty tensor or one larger than memory; what building the layer throws.
  public init(
    _ spec: NormSpec, in registry: NormRegistry, layout: TensorLayout, executor: Executor,
    threads: Int, seconds: Double = 1
  ) throws(NormaError) {
    try NormBenchmark.requireMemory(layout)
    let bench = try BenchmarkBody(
      spec, in: registry, layout: layout, executor: executor, threads: threads)
    let calibration = TurnTimer(elements: layout.count, seconds: seconds / 10)
    let traffic = bench.traffic
    let passes = bench.kernel.tensorPasses ?? TensorPasses()
    let copy = try traffic.fastest(
      of: [.memcpy, .stores, .streaming], threads: threads, timer: calibration
    ) { traffic.copy($0) }
    // One reading and one writing is a copy.
    let forwardFloor =
      passes.forward == 1
      ? copy
      : try traffic.fastest(
        of: [.memcpy, .stores, .streaming], threads: threads, timer: calibration
      ) { traffic.forward(passes: passes.forward, $0) }
    let floor = try traffic.fastest(
      of: [.stores, .streaming], threads: threads, timer: calibration
    ) { traffic.forwardBackward(passes, $0) }

    let copying: TurnTimer.Work = { traffic.copy(copy) }
    let flooring: TurnTimer.Work = { traffic.forward(passes: passes.forward, forwardFloor) }
    let flooringBoth: TurnTimer.Work = { traffic.forwardBackward(passes, floor) }
    let timings = try TurnTimer(elements: layout.count, seconds: seconds).measure(
      [copying, flooring, flooringBoth] + bench.works)
    let medians = timings.map { ($0.median * 1000).rounded() / 1000 }
    norm = spec.label
    shape = layout.shape
    axis = layout.channelAxes
    self.threads = threads
    self.executor = bench.kernel.executor
    copyMicroseconds = medians[0]
    floorForwardMicroseconds = medians[1]
    floorForwardBackwardMicroseconds = medians[2]
    forwardMicroseconds = medians[3]
    inferMicroseconds = medians[4]
    forwardBackwardMicroseconds = medians[5]
    inferBackwardMicroseconds = medians[6]
    planMicroseconds = try NormBenchmark.planning(spec, in: registry, layout: layout)
    spread = ((timings.map(\.spread).max() ?? 0) * 1000).rounded() / 1000
    let tensor = 4 * layout.count
    forwardBytes = (passes.forward + 1) * tensor
    forwardBackwardBytes = forwardBytes + (2 * passes.backward + 1) * tensor
    copyWay = copy.text
    floorWay = floor.text
  }

  /// How long it takes to make a plan of a norm's formula: the median of several times, in microseconds.
  private static func planning(
    _ spec: NormSpec, in registry: NormRegistry, layout: TensorLayout
  ) throws(NormaError) -> Double {
    var times: [Duration] = []
    for _ in 0..<9 {
      let start = ContinuousClock.now
      let layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
      _ = try layer.kernel(for: layout, mode: .train, executor: .tiles)
      times.append(start.duration(to: .now))
    }
    return (times.sorted()[4] / .microseconds(1)).rounded()
  }
}
