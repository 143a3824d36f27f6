import NormaConformance
import NormaCore
import NormaNorms
import Testing

@Suite("The conformance kit")
struct ConformanceKitTests {
  func check(_ fault: HandNorm.Fault?) -> [CheckResult] {
    let registry = NormRegistry([NormEntry(HandNorm(fault: fault), source: .builtIn)])
    return checkNorm(NormSpec("hand"), in: registry)
  }

  @Test("passes a norm without a formula that is right")
  func rightNorm() {
    let results = check(nil)
    for result in results { #expect(result.passed, "\(result)") }
    #expect(results.count > 10)
  }

  @Test("catches each mistake and says which clause it breaks", arguments: HandNorm.Fault.allCases)
  func wrongNorm(_ fault: HandNorm.Fault) throws {
    let failures = check(fault).filter { !$0.passed }
    let clause =
      switch fault {
      case .wrongInputGradient: "gradient of 'x' matches differences"
      case .wrongParameterGradient: "gradient of 'gamma' matches differences"
      case .overrun, .underrun, .gapOverrun, .bufferWrittenInInference, .writesInput,
        .overrunsWorkspace:
        "only its own memory is written"
      case .bufferWrittenOnEmptyBatch: "an empty batch leaves buffers alone"
      case .ignoresAccumulate: "accumulated gradients are added"
      case .readsWorkspace, .forgetsLastRow: "every result is written and finite"
      case .threadDependent: "any number of threads gives the same bits"
      case .assumesDense: "'y' matches the dense tensor's"
      case .unwantedGradientWritten: "a gradient nobody wants may be left out"
      case .throwsWhenRun: "an accepted shape runs"
      case .refusesEverything: "some shape is accepted"
      }
    let found = failures.first { $0.name == clause }
    #expect(found != nil, "found instead: \(failures)")
    #expect(found?.input.isEmpty == false)
  }

  @Test("an unknown norm is a failed result, not a trap")
  func unknownNorm() {
    let results = checkNorm(NormSpec("hnad"), in: NormRegistry())
    #expect(results.contains { !$0.passed && $0.message.contains("hnad") })
  }

  @Test("a harness says which array has the wrong size")
  func wrongSizes() throws {
    let registry = NormRegistry([NormEntry(HandNorm(fault: nil), source: .builtIn)])
    let layer = try NormLayer(NormSpec("hand"), in: registry, channelShape: [3])
    let harness = try KernelHarness(
      layer: layer, layout: TensorLayout(shape: [2, 3]), mode: .train)
    harness.x = [1, 2, 3]
    do throws(NormaError) {
      try harness.forward()
      Issue.record("a short input was accepted")
    } catch {
      #expect(error.message == "input 'x' needs 6 values, got 3")
    }
  }
}
