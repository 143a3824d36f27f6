import NormaConformance
import NormaCore
import NormaGraph
import NormaNorms
import Testing

/// A definition whose formula nobody sees, as of a compiled plugin that carries none.
struct HiddenFormula: NormProvider {
  let norm: NormDefinition
  var givesGradients = true

  var definition: NormDefinition? { nil }
  var schema: NormSchema { norm.schema }

  func splits(_ hyper: [String: HyperValue], channels: Int) throws(NormaError) -> Splits {
    try norm.splits(hyper, channels: channels)
  }

  func makeKernel(_ request: KernelRequest) throws(NormaError) -> any NormKernel {
    if !givesGradients, request.gradient {
      throw NormaError(.usage, "hidden: no gradients")
    }
    return try norm.makeKernel(request)
  }
}

@Suite("Norms without a formula")
struct HiddenFormulaTests {
  /// Half of its inputs are on one side of the kink, some right at it.
  static let rectified = NormDefinition("rectified", summary: "scaled, then cut off at zero") { n in
    let gamma = n.parameter("gamma", per: .channel, initial: 1, role: .gain)
    return { x, _ in (x * ((x * x).mean(.channel) + 1e-5).rsqrt() * gamma).max(0) }
  }
  /// The slope of its cut is not that of its output.
  static let wrong = NormDefinition("wrong", summary: "the same with a gradient that is not its") {
    n in
    let gamma = n.parameter("gamma", per: .channel, initial: 1, role: .gain)
    return { x, _ in
      (x * ((x * x).mean(.channel) + 1e-5).stopGradient().rsqrt() * gamma).max(0)
    }
  }

  private func check(_ norm: NormDefinition, givesGradients: Bool = true) -> [CheckResult] {
    let hidden = HiddenFormula(norm: norm, givesGradients: givesGradients)
    return checkNorm(
      NormSpec(norm.schema.name), in: NormRegistry([NormEntry(hidden, source: .builtIn)]))
  }

  @Test("differences pass over kinks, and are taken everywhere else")
  func kinks() {
    let results = check(Self.rectified)
    for result in results { #expect(result.passed, "\(result)") }
    #expect(
      results.contains { $0.name == "gradient of 'x' matches differences" && $0.measured != nil })
    #expect(
      check(Self.wrong).contains { $0.name == "gradient of 'x' matches differences" && !$0.passed })
  }

  @Test("one without a backward pass is held to everything else")
  func inferenceOnly() {
    let results = check(Self.rectified, givesGradients: false)
    for result in results { #expect(result.passed, "\(result)") }
    #expect(results.contains { $0.name == "any number of threads gives the same bits" })
    #expect(!results.contains { $0.name.hasPrefix("gradient of") })
  }
}
