import Foundation
import NormaCompiler
import NormaConformance
import NormaCore
import NormaNorms
import Testing

/// Output and gradients of the norms against two-pass float64 on the exact inputs: every norm, built-in
/// and written plainly, on both executors.
///
/// `NORMA_ACCURACY_TABLE=1` prints the errors of each case.
@Suite("Accuracy")
struct AccuracyTests {
  static let norms = ["batch", "layer", "group", "rms"]
  static let plain = NormRegistry(PlainForms.definitions.map { NormEntry($0, source: .builtIn) })
  static let prints = ProcessInfo.processInfo.environment["NORMA_ACCURACY_TABLE"] != nil

  /// A session that has everything compiled: all cores at once rather than one kernel after another.
  static let session: NativeSession = {
    let session = NativeSession(
      environment: ProcessInfo.processInfo.environment, cores: 2, wait: .seconds(120))
    for input in [HardInput.normal, .long] {
      for norm in norms {
        for (shape, axis) in input.shapes(norm) {
          for registry in registries(input, shape, norm) {
            guard let layout = try? TensorLayout(shape: shape, axis: axis),
              let layer = try? layer(norm, registry, layout)
            else { continue }
            _ = try? layer.kernel(for: layout, mode: .train, executor: .native(session))
          }
        }
      }
    }
    session.settle()
    return session
  }()

  /// The built-in norm, and the plain one on one layout: each kernel costs a compilation.
  static func registries(_ input: HardInput, _ shape: [Int], _ norm: String) -> [NormRegistry] {
    [.builtIn()] + (shape == input.shapes(norm).first?.shape ? [plain] : [])
  }

  static func layer(
    _ norm: String, _ registry: NormRegistry, _ layout: TensorLayout
  ) throws -> NormLayer {
    let spec = NormSpec(norm, norm == "group" ? ["groups": .int(2)] : [:])
    return try NormLayer(spec, in: registry, channelShape: layout.channelShape)
  }

  @Test("is that of two-pass float64", arguments: HardInput.allCases)
  func accurate(_ input: HardInput) throws {
    for norm in Self.norms {
      for (shape, axis) in input.shapes(norm) {
        let layout = try TensorLayout(shape: shape, axis: axis)
        for epsilon in input.epsilons {
          let expected = Expected(norm, input, layout, epsilon)
          for registry in Self.registries(input, shape, norm) {
            try compare(expected, registry, .tiles)
            try compare(expected, registry, .native(Self.session))
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
          let mode = norm == "batch" ? Mode.infer : .train
          try compare(Expected(norm, input, layout, epsilon, mode), .builtIn(), .tiles)
        }
      }
    }
  }

  @Test(
    "of statistics over few values, in few rows",
    arguments: [HardInput.normal, .mean1e6, .outlier, .firstOutlier])
  func few(_ input: HardInput) throws {
    for (norm, shape, axis) in [
      ("batch", [3, 42], -1), ("batch", [5, 42], -1), ("batch", [2, 3, 3], 1),
      ("layer", [6, 3], -1), ("layer", [6, 4], -1), ("layer", [6, 5], -1),
    ] {
      let layout = try TensorLayout(shape: shape, axis: [axis])
      let expected = Expected(norm, input, layout, nil)
      // Gradients through so few values are what is left of terms that nearly cancel.
      try compare(expected, .builtIn(), .tiles, bound: 1e-6)
      try compare(expected, .builtIn(), .native(Self.session), bound: 1e-6)
    }
  }

  @Test(
    "of sums to which many short rows add",
    arguments: [HardInput.normal, .mean1e4, .constant, .relu])
  func shortRows(_ input: HardInput) throws {
    for (norm, shape) in [("batch", [64, 3, 1024]), ("group", [64, 4, 1024])] {
      let layout = try TensorLayout(shape: shape, axis: [1])
      let expected = Expected(norm, input, layout, nil)
      try compare(expected, .builtIn(), .tiles)
      try compare(expected, .builtIn(), .native(Self.session))
    }
  }

  @Test(
    "of sums of columns of which several are made, also where they overflow in float",
    arguments: [
      HardInput.normal, .mean1e4, .huge, .outlier,
    ])
  func sharedSums(_ input: HardInput) throws {
    for norm in ["instance", "group"] {
      let layout = try TensorLayout(shape: [2, 96, 8], axis: [2])
      let expected = Expected(norm, input, layout, nil)
      try compare(expected, .builtIn(), .tiles)
      try compare(expected, .builtIn(), .native(Self.session))
    }
  }

  @Test(
    "of long rows, some at a time, and of sums of their columns",
    arguments: [HardInput.normal, .mean1e4, .huge, .outlier])
  func longRows(_ input: HardInput) throws {
    // Forward or backward in runs of 4 rows, of 2 and of 1; last slices with fewer rows than a run.
    for shape in [[7, 400], [13, 771], [9, 771], [3, 771], [18, 1030], [9, 4099]] {
      for norm in ["layer", "rms"] {
        let layout = try TensorLayout(shape: shape, axis: [1])
        let expected = Expected(norm, input, layout, nil)
        try compare(expected, .builtIn(), .native(Self.session))
      }
    }
  }

  @Test("of rows whose results are written past the cache, one after the other")
  func manyRows() throws {
    let layout = try TensorLayout(shape: [4099, 1024], axis: [1])
    try compare(Expected("layer", .normal, layout, nil), .builtIn(), .native(Self.session))
  }

  @Test("of sums of columns that overflow in float while their rows go by")
  func overflowingColumns() throws {
    for shape in [[17, 771], [17, 200]] {
      for norm in ["layer", "rms"] {
        let layout = try TensorLayout(shape: shape, axis: [1])
        let expected = Expected(norm, .normal, layout, nil, overflows: true)
        try compare(expected, .builtIn(), .native(Self.session))
      }
    }
  }

  /// What goes in and what must come out.
  struct Expected {
    let norm: String
    let input: HardInput
    let layout: TensorLayout
    let epsilon: Double
    let mode: Mode
    let x: [Float]
    let dy: [Float]
    let gamma: [Float]
    let beta: [Float]
    var running: (mean: [Float], variance: [Float])?
    let results: TwoPassNorm.Results
    /// Which elements share statistics.
    let sets: [Int]

    /// `overflows`: gradients of the first 8 rows add up to more than a float holds, and the next 8 rows
    /// are the same with gradients of opposite sign.
    init(
      _ norm: String, _ input: HardInput, _ layout: TensorLayout, _ epsilon: Double?,
      _ mode: Mode = .train, overflows: Bool = false
    ) {
      var random = RandomSource(seed: 7, purpose: "rest")
      func draw(_ around: Double) -> [Float] {
        (0..<layout.channelCount).map { _ in Float(around + 0.5 * random.uniform()) }
      }
      (self.norm, self.input, self.layout, self.mode) = (norm, input, layout, mode)
      self.epsilon = epsilon ?? (norm == "rms" ? 1e-6 : 1e-5)
      var x = input.values(layout.count)
      gamma = draw(0.75)
      beta = norm == "rms" ? [] : draw(0.1)
      if mode == .infer { running = (draw(Double(x[0])), draw(0.5)) }
      let scale = input.gradientScale(epsilon)
      var dy = (0..<layout.count).map { _ in Float(scale * random.normal()) }
      if overflows {
        let eight = 8 * layout.channelCount
        dy = dy.map { _ in Float(6e37 * (0.75 + 0.5 * random.uniform())) }
        for i in 0..<eight { (x[eight + i], dy[eight + i]) = (x[i], -dy[i]) }
      }
      (self.x, self.dy) = (x, dy)
      let exact = TwoPassNorm(
        norm: norm, layout: layout, groups: norm == "group" ? 2 : 1, epsilon: self.epsilon,
        gamma: gamma, beta: beta)
      results = exact.results(x, dy, running: running)
      sets = exact.places().set
    }
  }

  /// Holds a norm to what is expected, within `bound` of each tensor's scale.
  func compare(
    _ expected: Expected, _ registry: NormRegistry, _ executor: Executor, bound: Double = 2e-7
  ) throws {
    let layer = try Self.layer(expected.norm, registry, expected.layout)
    let harness = try KernelHarness(
      layer: layer, layout: expected.layout, mode: expected.mode, executor: executor)
    if Self.session.toolchain != nil { #expect(harness.kernel.executor == executor.name) }
    harness.x = expected.x
    harness.hyper[0] = expected.epsilon
    harness.parameters["gamma"] = expected.gamma
    if !expected.beta.isEmpty { harness.parameters["beta"] = expected.beta }
    if let running = expected.running {
      harness.buffers = ["mean": running.mean, "variance": running.variance]
    }
    try harness.forward()
    try harness.backward(expected.dy)

    let exact = expected.results
    var errors = [
      ("y", error(harness.y, exact.y)), ("dx", error(harness.inputGradient, exact.x)),
      ("dgamma", error(harness.parameterGradients["gamma"] ?? [], exact.gamma)),
    ]
    if !expected.beta.isEmpty {
      errors.append(("dbeta", error(harness.parameterGradients["beta"] ?? [], exact.beta)))
    }
    if let outlier = expected.input.outlier(expected.layout.count) {
      let beside = expected.sets.indices.filter {
        $0 != outlier && expected.sets[$0] == expected.sets[outlier]
      }
      func picked<T>(_ values: [T]) -> [T] { beside.map { values[$0] } }
      errors += [
        ("y-beside", error(picked(harness.y), picked(exact.y))),
        (
          "dx-beside",
          error(picked(harness.inputGradient), picked(exact.x), terms: picked(exact.direct))
        ),
      ]
    }
    let title =
      "\(expected.input.rawValue) | \(executor.name) | \(expected.norm),"
      + " \(layer.entry.schema.summary), \(expected.layout.shape) \(expected.layout.channelAxes),"
      + " \(expected.mode), epsilon \(expected.epsilon)"
    for (name, error) in errors {
      #expect(error <= bound, "\(title): \(name)")
    }
    #expect(harness.violations == [])
    #expect(harness.buffers.values.allSatisfy { $0.allSatisfy(\.isFinite) })
    if Self.prints {
      let list = errors.map { "\($0) \(String(format: "%.1e", $1))" }.joined(separator: " ")
      print("accuracy | \(title) | \(list)")
    }
  }

  /// The largest difference relative to the largest exact value; what float32 cannot hold is left out.
  ///
  /// `terms` are what the values are differences of, where those may come near zero all together.
  private func error(_ found: [Float], _ exact: [Double], terms: [Double] = []) -> Double {
    guard found.count == exact.count else { return .infinity }
    var error = 0.0
    var scale = terms.reduce(0) { max($0, abs($1)) }
    for (f, e) in zip(found, exact) where Float(e).isFinite {
      guard f.isFinite else { return .infinity }
      error = max(error, abs(Double(f) - e))
      scale = max(scale, abs(e))
    }
    // All zero: so must be what was found.
    return scale > 0 ? error / scale : error == 0 ? 0 : .infinity
  }
}
