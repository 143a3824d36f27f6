import NormaConformance
import NormaCore
import NormaNorms
import Testing

@Suite("Inputs on which float32 frameworks are wrong")
struct HardInputTests {
  /// How the values of the input are made.
  enum Input: String, CaseIterable, Sendable {
    case normal, largeMean, constant, outlier, huge, longRows

    func values(_ count: Int) -> [Float] {
      var random = RandomSource(seed: 7, purpose: rawValue)
      var values = (0..<count).map { _ in
        let n = random.normal()
        return switch self {
        case .normal, .outlier: Float(n)
        case .largeMean: Float(1e6 + n)
        case .constant: Float(12345.678)
        case .huge: Float(1e18 * n)
        case .longRows: Float(1e4 + n)
        }
      }
      if self == .outlier { values[count / 2] = 1e10 }
      return values
    }
  }

  static let norms = ["batch", "layer", "group", "instance", "rms"]

  /// Shapes and channel axes; long rows put 65536 values into every statistic.
  func shapes(_ norm: String, _ input: Input) -> [(shape: [Int], axis: [Int])] {
    guard input == .longRows else {
      return [([7, 5, 3, 42], [-1]), ([5, 6, 7, 3], [1]), ([3, 2, 5, 7, 6], [-1])]
    }
    switch norm {
    case "layer", "rms": return [([2, 65536], [-1])]
    case "group": return [([2, 4, 32768], [1]), ([2, 32768, 4], [-1])]
    case "instance": return [([2, 3, 65536], [1]), ([2, 65536, 3], [-1])]
    default: return [([2, 3, 32768], [1]), ([2, 32768, 3], [-1])]
    }
  }

  @Test("give finite values within 1e-6 of the scale", arguments: norms, Input.allCases)
  func hard(_ norm: String, _ input: Input) throws {
    for (shape, axis) in shapes(norm, input) {
      let layout = try TensorLayout(shape: shape, axis: axis)
      try compare(norm, input, layout, .train)
      if norm == "batch" { try compare(norm, input, layout, .infer) }
    }
  }

  func compare(_ norm: String, _ input: Input, _ layout: TensorLayout, _ mode: Mode) throws {
    let spec = NormSpec(norm, norm == "group" ? ["groups": .int(2)] : [:])
    let layer = try NormLayer(spec, in: .builtIn(), channelShape: layout.channelShape)
    let harness = try KernelHarness(layer: layer, layout: layout, mode: mode)
    harness.x = input.values(layout.count)
    var random = RandomSource(seed: 7, purpose: "rest")
    let dy = (0..<layout.count).map { _ in Float(random.normal()) }
    func draw(_ around: Double) -> [Float] {
      (0..<layout.channelCount).map { _ in Float(around + 0.5 * random.uniform()) }
    }
    let (gamma, beta) = (draw(0.75), draw(0.1))
    harness.parameters["gamma"] = gamma
    if norm != "rms" { harness.parameters["beta"] = beta }
    var running: (mean: [Float], variance: [Float])?
    if norm == "batch" {
      let statistics = (mean: draw(input == .largeMean ? 1e6 : 0.2), variance: draw(0.5))
      harness.buffers = ["mean": statistics.mean, "variance": statistics.variance]
      if mode == .infer { running = statistics }
    }
    try harness.forward()
    try harness.backward(dy)

    let expected = TwoPassNorm(
      norm: norm, layout: layout, groups: norm == "group" ? 2 : 1,
      epsilon: norm == "rms" ? 1e-6 : 1e-5, gamma: gamma, beta: norm == "rms" ? [] : beta
    ).results(harness.x, dy, running: running)
    func expectClose(_ name: String, _ found: [Float]?, _ expected: [Float]) {
      let found = found ?? []
      let title = "\(norm), \(input), \(layout.shape), \(mode): \(name)"
      #expect(found.allSatisfy { $0.isFinite }, "\(title) is not finite")
      let error = scaledError(found, expected, bound: 1e-6)
      #expect(error <= 1e-6, "\(title)")
    }
    expectClose("y", harness.y, expected.y)
    expectClose("gradient of x", harness.inputGradient, expected.x)
    expectClose("gradient of gamma", harness.parameterGradients["gamma"], expected.gamma)
    if norm != "rms" {
      expectClose("gradient of beta", harness.parameterGradients["beta"], expected.beta)
    }
    #expect(harness.buffers.values.allSatisfy { $0.allSatisfy(\.isFinite) })
  }
}
