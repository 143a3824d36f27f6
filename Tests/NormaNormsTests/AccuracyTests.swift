import Foundation
import NormaCompiler
import NormaConformance
import NormaCore
import NormaNorms
import Testing

/// Output and gradients of the norms against two-pass float64 on the exact inputs: every norm, built-in
/// and written plainly, on both executors.
///
/// `NORMA_ACCURACY_TABLE=1` prints the largest error of each case.
@Suite("Accuracy")
struct AccuracyTests {
  /// The error allowed, relative to the scale of the tensor: about two units in float32's last place.
  static let bound = 2e-7
  static let norms = ["batch", "layer", "group", "rms"]
  static let plain = NormRegistry(PlainForms.definitions.map { NormEntry($0, source: .builtIn) })
  static let prints = ProcessInfo.processInfo.environment["NORMA_ACCURACY_TABLE"] != nil

  /// A session that has everything compiled: two compilers at a time rather than one kernel after another.
  static let session: NativeSession = {
    let session = NativeSession(
      environment: ProcessInfo.processInfo.environment, cores: 2, wait: .seconds(120))
    for input in [HardInput.normal, .long] {
      for norm in norms {
        for (shape, axis) in input.shapes(norm) {
          for registry in [NormRegistry.builtIn(), plain] {
            guard let layout = try? TensorLayout(shape: shape, axis: axis),
              let layer = try? Self.layer(norm, registry, layout)
            else { continue }
            _ = try? layer.kernel(for: layout, mode: .train, executor: .native(session))
          }
        }
      }
    }
    session.settle()
    return session
  }()

  static func layer(
    _ norm: String, _ registry: NormRegistry, _ layout: TensorLayout
  ) throws -> NormLayer {
    let spec = NormSpec(norm, norm == "group" ? ["groups": .int(2)] : [:])
    return try NormLayer(spec, in: registry, channelShape: layout.channelShape)
  }

  @Test("is that of two-pass float64", arguments: HardInput.allCases, ["tiles", "native"])
  func accurate(_ input: HardInput, _ executor: String) throws {
    for norm in Self.norms {
      for (shape, axis) in input.shapes(norm) {
        let layout = try TensorLayout(shape: shape, axis: axis)
        for epsilon in input.epsilons {
          for (form, registry) in [("built-in", NormRegistry.builtIn()), ("plain", Self.plain)] {
            try compare(norm, form, registry, input, layout, epsilon, executor: executor)
          }
        }
      }
    }
  }

  @Test("of instance norm and of running statistics", arguments: HardInput.allCases)
  func others(_ input: HardInput) throws {
    for norm in ["instance", "batch"] {
      for (shape, axis) in input.shapes("batch") {
        let layout = try TensorLayout(shape: shape, axis: axis)
        for epsilon in input.epsilons {
          try compare(
            norm, "built-in", .builtIn(), input, layout, epsilon, executor: "tiles",
            mode: norm == "batch" ? .infer : .train)
        }
      }
    }
  }

  func compare(
    _ norm: String, _ form: String, _ registry: NormRegistry, _ input: HardInput,
    _ layout: TensorLayout, _ epsilon: Double?, executor: String, mode: Mode = .train
  ) throws {
    let layer = try Self.layer(norm, registry, layout)
    let harness = try KernelHarness(
      layer: layer, layout: layout, mode: mode,
      executor: executor == "native" ? .native(Self.session) : .tiles)
    if Self.session.toolchain != nil { #expect(harness.kernel.executor == executor) }
    harness.x = input.values(layout.count)
    if let epsilon { harness.hyper[0] = epsilon }
    var random = RandomSource(seed: 7, purpose: "rest")
    let dy = (0..<layout.count).map { _ in Float(input.gradientScale * random.normal()) }
    func draw(_ around: Double) -> [Float] {
      (0..<layout.channelCount).map { _ in Float(around + 0.5 * random.uniform()) }
    }
    let (gamma, beta) = (draw(0.75), draw(0.1))
    harness.parameters["gamma"] = gamma
    if norm != "rms" { harness.parameters["beta"] = beta }
    var running: (mean: [Float], variance: [Float])?
    if mode == .infer {
      let statistics = (mean: draw(Double(harness.x[0])), variance: draw(0.5))
      harness.buffers = ["mean": statistics.mean, "variance": statistics.variance]
      running = statistics
    }
    try harness.forward()
    try harness.backward(dy)

    let exact = TwoPassNorm(
      norm: norm, layout: layout, groups: norm == "group" ? 2 : 1, epsilon: harness.hyper[0],
      gamma: gamma, beta: norm == "rms" ? [] : beta)
    let expected = exact.results(harness.x, dy, running: running)
    let outlier = input.outlier(layout.count)
    func perElement(_ found: [Float], _ expected: [Float], _ terms: [Float]) -> Double {
      guard let outlier else { return 0 }
      return errorBeside(outlier, found, expected, terms, sets: exact.places().set)
    }
    var results = [
      (
        "y",
        max(
          scaledError(harness.y, expected.y), perElement(harness.y, expected.y, expected.y))
      ),
      (
        "dx",
        max(
          scaledError(harness.inputGradient, expected.x),
          perElement(harness.inputGradient, expected.x, expected.direct))
      ),
      ("dgamma", scaledError(harness.parameterGradients["gamma"] ?? [], expected.gamma)),
    ]
    if norm != "rms" {
      results.append(
        ("dbeta", scaledError(harness.parameterGradients["beta"] ?? [], expected.beta)))
    }
    let title =
      "\(input.rawValue), \(executor), \(norm), \(form), \(layout.shape) \(layout.channelAxes), \(mode)"
      + (epsilon.map { ", epsilon \($0)" } ?? "")
    for (name, error) in results { #expect(error <= Self.bound, "\(title): \(name)") }
    #expect(harness.violations == [])
    #expect(harness.buffers.values.allSatisfy { $0.allSatisfy(\.isFinite) })
    if Self.prints {
      let errors = results.map { "\($0) \(String(format: "%.1e", $1))" }
      print("accuracy | \(title) | \(errors.joined(separator: " "))")
    }
  }

  /// The largest difference relative to the largest exact value; what float32 cannot hold is left out.
  private func scaledError(_ found: [Float], _ exact: [Float]) -> Double {
    guard found.count == exact.count else { return .infinity }
    var (error, scale) = (0.0, 0.0)
    for (f, e) in zip(found, exact) where e.isFinite {
      guard f.isFinite else { return .infinity }
      error = max(error, abs(Double(f) - Double(e)))
      scale = max(scale, abs(Double(e)))
    }
    // All zero: so must be what was found.
    return scale > 0 ? error / scale : error == 0 ? 0 : .infinity
  }

  /// The largest error of an element other than the outlier, relative to the largest of the others that
  /// share its statistics, not to the outlier or to other rows.
  ///
  /// `terms` gives the size of an element: y itself; for a gradient, which is a difference and may be
  /// zero, what it would be with the statistics held.
  private func errorBeside(
    _ outlier: Int, _ found: [Float], _ exact: [Float], _ terms: [Float], sets: [Int]
  ) -> Double {
    guard found.count == exact.count, found.allSatisfy(\.isFinite) else { return .infinity }
    var scales: [Int: Double] = [:]
    for (i, set) in sets.enumerated() where i != outlier {
      scales[set] = max(scales[set] ?? 0, abs(Double(terms[i])), abs(Double(exact[i])))
    }
    var error = 0.0
    for (i, set) in sets.enumerated() where i != outlier {
      error = max(error, abs(Double(found[i]) - Double(exact[i])) / (scales[set] ?? 0))
    }
    return error
  }
}
