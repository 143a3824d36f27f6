import Foundation
import NormaCompiler
import NormaConformance
import NormaCore
import NormaNorms
import Testing

@Suite("Built-in norms")
struct BuiltInConformanceTests {
  static let specs = [
    NormSpec("batch"), NormSpec("layer"), NormSpec("instance"), NormSpec("rms"),
    NormSpec("group", ["groups": .int(3)]),
    NormSpec("batch", ["momentum": .real(0.3), "epsilon": .real(1e-3), "correction": .int(0)]),
    NormSpec("layer", ["scale": .bool(false)]), NormSpec("rms", ["scale": .bool(false)]),
    NormSpec("group"),
  ]

  @Test("keep the whole contract", arguments: specs)
  func conforms(_ spec: NormSpec) {
    for result in checkNorm(spec, in: .builtIn(), options: .builtIn) {
      #expect(result.passed, "\(spec.label): \(result)")
    }
  }

  @Test(
    "of other forms keep the whole contract", arguments: OtherForms.definitions.map(\.schema.name))
  func otherForms(_ name: String) {
    let registry = NormRegistry(
      OtherForms.definitions.map { NormEntry($0, source: .builtIn) })
    for result in checkNorm(NormSpec(name), in: registry, options: .builtIn) {
      #expect(result.passed, "\(name): \(result)")
    }
  }

  /// `stopped` subtracts a mean without a variance beside it.
  @Test("keep the whole contract as native code", arguments: ["layer", "batch", "stopped"])
  func nativeConforms(_ name: String) {
    var options = ConformanceOptions.builtIn
    // Compiled once a shape: the differences were held to the same formula already.
    options.differences = false
    options.executor = .native(
      NativeSession(
        environment: ProcessInfo.processInfo.environment, cores: 2, wait: .seconds(60)))
    let registry =
      name == "stopped"
      ? NormRegistry([NormEntry(OtherForms.stopped, source: .builtIn)]) : .builtIn()
    for result in checkNorm(NormSpec(name), in: registry, options: options) {
      #expect(result.passed, "\(name): \(result)")
    }
  }

  @Test("Two moments of the rows of one sample become native code")
  func twoMoments() throws {
    let executor = Executor.native(
      NativeSession(
        environment: ProcessInfo.processInfo.environment, cores: 2, wait: .seconds(60)))
    let registry = NormRegistry([NormEntry(OtherForms.twoMoments, source: .builtIn)])
    let layer = try NormLayer(NormSpec("two_moments"), in: registry, channelShape: [9])
    let layout = try TensorLayout(shape: [1, 9, 5], axis: [1])
    let native = try KernelHarness(
      layer: layer, layout: layout, mode: .train, executor: executor)
    let reference = try KernelHarness(
      layer: layer, layout: layout, mode: .train, executor: .reference)
    for harness in [native, reference] {
      harness.x = (0..<45).map { Float($0 % 7) - 2.5 }
      try harness.forward()
    }
    #expect(native.kernel.executor == "native")
    #expect(scaledError(native.y, reference.y, bound: 1e-6) < 1e-6)
  }

  @Test("keep the whole contract in the reference executor", arguments: specs.prefix(5))
  func referenceConforms(_ spec: NormSpec) {
    var options = ConformanceOptions.builtIn
    options.executor = .reference
    options.threads = [1]
    for result in checkNorm(spec, in: .builtIn(), options: options) {
      #expect(result.passed, "\(spec.label): \(result)")
    }
  }
}

extension ConformanceOptions {
  /// What Norma's own norms are held to.
  static var builtIn: ConformanceOptions {
    var options = ConformanceOptions()
    options.gradientBound = 5e-7
    return options
  }
}
