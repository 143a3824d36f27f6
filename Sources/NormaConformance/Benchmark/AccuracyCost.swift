import CKernels
public import NormaCore
public import NormaNorms

/// What accuracy costs: layer norm beside the same written plainly in float32.
///
/// The input has mean 1e4 and spread 1, where a float32 sum has lost the digits that the deviations
/// need. An error is the largest difference from two passes in float64, divided by the largest value.
public struct AccuracyCost: Sendable, Codable {
  /// The norm, without gain and shift.
  public let norm: String
  /// The tensor's shape.
  public let shape: [Int]
  /// How many threads were allowed.
  public let threads: Int
  /// Who ran the norm.
  public let executor: String
  /// The mean of the input.
  public let mean: Double
  /// Forward as a plain loop; times are medians in microseconds.
  public let plainMicroseconds: Double
  /// Forward of the norm.
  public let forwardMicroseconds: Double
  /// The plain loop's worst error.
  public let plainError: Double
  /// The norm's worst error.
  public let error: Double

  enum CodingKeys: String, CodingKey {
    case norm, shape, threads, executor, mean, error
    case plainMicroseconds = "plain_us"
    case forwardMicroseconds = "forward_us"
    case plainError = "plain_error"
  }

  /// Measures both in turn on the same memory.
  ///
  /// - Throws: `usage` for a shape that is empty, too large or not rows; what building the norm throws.
  public init(
    shape: [Int] = [4096, 1024], in registry: NormRegistry, executor: ExecutorChoice, threads: Int,
    seconds: Double = 1
  ) throws(NormaError) {
    let layout = try TensorLayout(shape: shape)
    try NormBenchmark.requireMemory(layout)
    let epsilon = 1e-5
    let spec = NormSpec(
      "layer", ["scale": .bool(false), "center": .bool(false), "epsilon": .real(epsilon)])
    let layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
    let harness = try KernelHarness(
      layer: layer, layout: layout, mode: .infer, executor: executor, threads: threads,
      gradient: false)
    let mean = 1e4
    var random = RandomSource(seed: 1)
    harness.x = (0..<layout.count).map { _ in Float(mean + random.normal()) }
    try harness.forward()
    let call = harness.call()
    guard let x = call.inputs.first, let y = call.output else {
      throw NormaError(.internal, "a benchmark without tensors")
    }
    let (inner, count) = (layout.channelCount, layout.count)
    let plain: TurnTimer.Work = {
      ck_plain_layer(x, y, Int64(count / inner), Int64(inner), Float(epsilon), Int32(threads))
    }
    let kernel = harness.kernel
    let norm: TurnTimer.Work = { () throws(NormaError) in try kernel.forward(call) }
    func error() -> Double {
      AccuracyCost.error(
        UnsafeBufferPointer(start: y, count: count), of: harness.x, inner: inner, epsilon: epsilon)
    }
    try plain()
    plainError = error()
    try norm()
    self.error = error()
    let timings = try TurnTimer(elements: count, seconds: seconds).measure([plain, norm])
    self.norm = spec.name
    self.shape = shape
    self.threads = threads
    self.executor = kernel.executor
    self.mean = mean
    plainMicroseconds = timings[0].median
    forwardMicroseconds = timings[1].median
    withExtendedLifetime(harness) {}
  }

  private static func error(
    _ y: UnsafeBufferPointer<Float>, of x: [Float], inner: Int, epsilon: Double
  ) -> Double {
    var (worst, largest) = (0.0, 0.0)
    for start in stride(from: 0, to: x.count, by: inner) {
      let row = x[start..<start + inner]
      let mean = row.reduce(0) { $0 + Double($1) } / Double(inner)
      let squares = row.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
      let scale = 1 / (squares / Double(inner) + epsilon).squareRoot()
      for (index, value) in row.enumerated() {
        let expected = (Double(value) - mean) * scale
        largest = max(largest, abs(expected))
        worst = max(worst, abs(Double(y[start + index]) - expected))
      }
    }
    return worst / largest
  }
}
