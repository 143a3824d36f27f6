import NormaCore
import NormaNetwork
import NormaNorms
import Testing

/// Distinct values a tenth apart in random order, none within a twentieth of zero, so that no maximum
/// and no sign changes under a small difference.
func separated(_ count: Int, seed: UInt64) -> [Float] {
  var random = RandomSource(seed: seed)
  return random.permutation(count).map { (Float($0) - Float(count / 2) + 0.5) * 0.1 }
}

/// Values from the standard normal distribution.
func normal(_ count: Int, seed: UInt64) -> [Float] {
  var random = RandomSource(seed: seed)
  return (0..<count).map { _ in Float(random.normal()) }
}

func labels(_ count: Int, classes: Int, seed: UInt64 = 9) -> [Int32] {
  var random = RandomSource(seed: seed)
  return (0..<count).map { _ in Int32(random.index(below: classes)) }
}

let plainSGD = TrainingSpec(optimizer: .sgd(rate: 0.1), steps: 100)

/// A network that also gives the input's gradient.
func network(
  _ layers: [LayerSpec], input: [Int], batch: Int, norm: NormSpec? = nil,
  training: TrainingSpec? = plainSGD, threads: Int = 1, seed: UInt64 = 5,
  registry: NormRegistry = .builtIn(), evaluationBatch: Int? = nil
) throws -> Network {
  try Network(
    ModelSpec("test", input: input, norm: norm, layers: layers), registry: registry,
    batch: batch, evaluationBatch: evaluationBatch, training: training, threads: threads,
    seed: seed,
    observes: true, wantsInputGradient: true)
}

func dot(_ a: [Float], _ b: [Float]) -> Double {
  var sum = 0.0
  for (x, y) in zip(a, b) { sum += Double(x) * Double(y) }
  return sum
}

/// The largest difference relative to the largest value of `b`.
func relativeError(_ a: [Float], _ b: [Double], scale: Double? = nil) -> Double {
  guard a.count == b.count else { return .infinity }
  let scale = scale ?? max(b.map { abs($0) }.max() ?? 0, 1e-6)
  return zip(a, b).map { abs(Double($0) - $1) }.reduce(0) { max($0, $1.isNaN ? .infinity : $1) }
    / scale
}

/// Compares gradients of input and parameters with central differences of Σ w·y.
///
/// Elements whose differences up and down disagree lie at a kink and are left out; most must remain.
func checkGradients(
  _ layers: [LayerSpec], input: [Int], batch: Int, x: [Float]? = nil, norm: NormSpec? = nil,
  step: Float = 0.02, tolerance: Double = 2e-3, registry: NormRegistry = .builtIn()
) throws {
  let net = try network(
    layers + [.linear(3)], input: input, batch: batch, norm: norm, registry: registry)
  let count = batch * input.reduce(1, *)
  let x = x ?? separated(count, seed: 11)
  let weights = normal(batch * net.outputShape.reduce(1, *), seed: 12)
  let result = try net.probe(input: x, outputGradient: weights)
  func value(_ x: [Float]) throws -> Double {
    dot(try net.probe(input: x, outputGradient: weights).output, weights)
  }
  let names = net.tensors.filter(\.isParameter).map(\.name)
  var analytic: [String: [Float]] = [:]
  for name in names { analytic[name] = try net.gradient(name) }
  let middle = try value(x)

  func compare(
    _ what: String, _ start: [Float], _ gradient: [Float], _ at: ([Float]) throws -> Double
  ) throws {
    var random = RandomSource(seed: 13)
    let indices =
      start.count <= 40
      ? Array(start.indices) : (0..<40).map { _ in random.index(below: start.count) }
    // Gradients that are zero by nature (a bias before batch norm) are compared absolutely.
    let scale = max(Double(gradient.map { abs($0) }.max() ?? 0), 0.05)
    var got: [Float] = []
    var expected: [Double] = []
    for i in indices {
      var (up, down) = (start, start)
      up[i] += step
      down[i] -= step
      let (above, below) = (try at(up), try at(down))
      let rise = (above - middle) / Double(up[i] - start[i])
      let fall = (middle - below) / Double(start[i] - down[i])
      guard abs(rise - fall) < 2 * tolerance * scale else { continue }
      got.append(gradient[i])
      expected.append((above - below) / Double(up[i] - down[i]))
    }
    #expect(2 * got.count >= indices.count, "too many kinks in \(what)")
    #expect(
      relativeError(got, expected, scale: scale) < tolerance,
      "\(what) of \(layers.map(\.kind))")
  }
  try compare("input gradient", x, result.inputGradient, value)
  for name in names {
    let start = try net.values(name)
    try compare("gradient of \(name)", start, try #require(analytic[name])) { values in
      try net.set(name, to: values)
      defer { try? net.set(name, to: start) }
      return try value(x)
    }
  }
}

/// The hash of all parameters and buffers, bit for bit.
func stateBits(_ network: Network) throws -> [UInt32] {
  try network.tensors.flatMap { try network.values($0.name).map(\.bitPattern) }
}
