import Foundation
import NormaCompiler
import NormaCore
import NormaNorms
import Testing

/// A norm between neighbours on one shape.
struct FusionCase: CustomStringConvertible, Sendable {
  let spec: NormSpec
  let shape: [Int]
  let axis: [Int]
  let residual: Bool
  let skip: Bool
  let activation: Activation?
  var mode = Mode.train

  var description: String {
    "\(spec.label) + \(words.joined(separator: ", ")) on \(shape) axis \(axis), \(mode)"
  }
  var words: [String] {
    (residual ? ["residual"] : []) + (skip ? ["skip"] : [])
      + (activation.map { [$0.rawValue] } ?? [])
  }
  var fusion: Fusion {
    get throws { try Fusion(words: words, mode: .train) }
  }

  static let specs = [
    NormSpec("batch"), NormSpec("layer"), NormSpec("instance"), NormSpec("rms"),
    NormSpec("group", ["groups": .int(3)]),
  ]
  /// Rows, samples, the whole tensor in several tiles, packed axes, one position, batch 1.
  static let shapes: [([Int], [Int])] = [
    ([5, 7, 6], [-1]), ([4, 6, 5, 7], [1]), ([1, 6, 5], [1]), ([2, 40, 50, 6], [3]),
    ([2, 6, 40, 50], [1]), ([3, 3000], [-1]), ([2, 3, 4, 5, 6], [1, 4]), ([9, 1, 12], [-1]),
  ]

  static func cases(
    _ shapes: [([Int], [Int])], _ activations: [Activation?]
  ) -> [FusionCase] {
    var cases: [FusionCase] = []
    for spec in specs {
      for (shape, axis) in shapes {
        // One value has no variance.
        let positions = (try? TensorLayout(shape: shape, axis: axis))?.spaceCount
        if spec.name == "instance", positions == 1 { continue }
        for (residual, skip) in [(true, false), (false, true), (true, true), (false, false)] {
          for activation in activations where residual || skip || activation != nil {
            cases.append(
              FusionCase(
                spec: spec, shape: shape, axis: axis, residual: residual, skip: skip,
                activation: activation))
          }
        }
      }
    }
    return cases
  }
}

/// A fused kernel on memory of its own, and what the operations one by one give in Double.
private struct FusionBench {
  let test: FusionCase
  let layout: TensorLayout
  let layer: NormLayer
  let kernel: any NormKernel
  let x, residual, dy, dsum, gamma, beta: [Float]

  init(_ test: FusionCase, _ executor: Executor) throws {
    self.test = test
    layout = try TensorLayout(shape: test.shape, axis: test.axis)
    layer = try NormLayer(test.spec, in: .builtIn(), channelShape: layout.channelShape)
    kernel = try layer.kernel(
      for: layout, mode: test.mode, executor: executor, fusion: try test.fusion)
    var random = RandomSource(seed: 17)
    func draw(_ n: Int, _ middle: Double) -> [Float] {
      (0..<n).map { _ in Float(random.normal() + middle) }
    }
    x = draw(layout.count, 0.3)
    residual = draw(layout.count, -0.1)
    dy = draw(layout.count, 0)
    dsum = draw(layout.count, 0)
    gamma = draw(layout.channelCount, 1)
    beta = draw(layout.channelCount, 0)
  }

  private var parameters: [[Float]] {
    layer.parameters.map { $0.spec.name == "gamma" ? gamma : beta }
  }
  private var buffers: [[Float]] {
    layer.buffers.map { [Float](repeating: Float($0.initialValue), count: $0.count) }
  }

  /// `y`, `sum`, `dx` and the gradients of the parameters, NaN where nothing was written.
  func results(threads: Int = 1) throws -> [String: [Float]] {
    var owned: [UnsafeMutableRawPointer] = []
    defer { for p in owned { p.deallocate() } }
    func bytes(_ count: Int) -> UnsafeMutableRawPointer {
      let p = UnsafeMutableRawPointer.allocate(byteCount: max(count, 64), alignment: 64)
      p.initializeMemory(as: UInt8.self, repeating: 0xff, count: max(count, 64))
      owned.append(p)
      return p
    }
    func floats(_ values: [Float]) -> UnsafeMutablePointer<Float> {
      let p = bytes(values.count * 4).assumingMemoryBound(to: Float.self)
      p.update(from: values, count: values.count)
      return p
    }
    func read(_ p: UnsafeMutablePointer<Float>?, _ n: Int) -> [Float] {
      p.map { Array(UnsafeBufferPointer(start: $0, count: n)) } ?? []
    }
    let nothing = x.map { _ in Float.nan }
    var call = KernelCall()
    call.hyper = layer.realHyper
    call.threads = threads
    call.inputs = [UnsafePointer(floats(x))]
    call.residual = UnsafePointer(floats(residual))
    call.sum = floats(nothing)
    call.output = floats(nothing)
    call.outputGradient = UnsafePointer(floats(dy))
    call.sumGradient = UnsafePointer(floats(dsum))
    call.inputGradients = [floats(nothing)]
    call.parameters = parameters.map { UnsafePointer(floats($0)) }
    call.parameterGradients = parameters.map { floats($0.map { _ in .nan }) }
    call.buffers = buffers.map(floats)
    let memory = kernel.memory(threads: threads)
    call.saved = bytes(memory.savedBytes)
    call.workspace = bytes(memory.workspaceBytes)
    try kernel.forward(call)
    if test.residual, let sum = call.sum { call.inputs = [UnsafePointer(sum)] }
    call.workspace?.initializeMemory(as: UInt8.self, repeating: 0xff, count: memory.workspaceBytes)
    try kernel.backward(call)
    var results = [
      "y": read(call.output, x.count), "sum": read(call.sum, x.count),
      "dx": read(call.inputGradients[0], x.count),
    ]
    for (parameter, pointer) in zip(layer.parameters, call.parameterGradients) {
      results[parameter.spec.name] = read(pointer, parameter.count)
    }
    for (buffer, pointer) in zip(layer.buffers, call.buffers) {
      results[buffer.spec.name] = read(pointer, buffer.count)
    }
    return results
  }

  /// The same, each operation on its own: addition, norm, activation; then their gradients.
  func expected() throws -> [String: [Double]] {
    let definition = try #require(layer.entry.provider.definition)
    let program = try definition.program(
      hyper: layer.hyper, channels: layout.channelCount, mode: test.mode, gradient: true)
    let reference = try Reference(program: program, layout: layout)
    let sum = test.residual ? zip(x, residual).map(+) : x
    var values = Reference.Values(
      inputs: [sum.map(Double.init)], parameters: parameters.map { $0.map(Double.init) },
      buffers: buffers.map { $0.map(Double.init) }, hyper: layer.realHyper)
    let forward = reference.forward(values)
    let normalized = try #require(forward["y"])
    values.outputGradient = zip(dy, normalized).map { Double($0) * slope($1) }
    let backward = reference.backward(values)
    var expected = [
      "y": normalized.map(value),
      "dx": zip(try #require(backward["input:x"]), dsum).map {
        $0 + (test.skip ? Double($1) : 0)
      },
    ]
    if test.residual { expected["sum"] = sum.map(Double.init) }
    for parameter in layer.parameters {
      expected[parameter.spec.name] = backward["parameter:" + parameter.spec.name]
    }
    for buffer in layer.buffers where test.mode == .train {
      expected[buffer.spec.name] = forward["buffer:" + buffer.spec.name]
    }
    return expected
  }

  private func value(_ x: Double) -> Double {
    switch test.activation {
    case nil: x
    case .relu: x > 0 ? x : 0
    case .gelu: x * 0.5 * erfc(-x / 2.0.squareRoot())
    case .silu: x / (1 + exp(-x))
    case .tanh: Foundation.tanh(x)
    case .sigmoid: 1 / (1 + exp(-x))
    }
  }

  private func slope(_ x: Double) -> Double {
    let s = 1 / (1 + exp(-x))
    switch test.activation {
    case nil: return 1
    case .relu: return x > 0 ? 1 : 0
    case .gelu:
      let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
      return 0.5 * erfc(-x / 2.0.squareRoot()) + x * density
    case .silu: return s * (1 + x * (1 - s))
    case .tanh: return 1 - Foundation.tanh(x) * Foundation.tanh(x)
    case .sigmoid: return s * (1 - s)
    }
  }

  func check() throws {
    let results = try results()
    for (name, expected) in try expected() {
      let got = try #require(results[name])
      // Gradients of parameters are sums in which terms of both signs cancel.
      let scale = max(expected.map(abs).max() ?? 0, ["gamma", "beta"].contains(name) ? 1 : 1e-3)
      let error = zip(got, expected).map { abs(Double($0) - $1) / scale }
        .reduce(0) { $1.isNaN ? .infinity : max($0, $1) }
      #expect(got.count == expected.count)
      #expect(error < (name == "y" || name == "sum" ? 1e-6 : 3e-6), "\(name) of \(test)")
    }
    #expect(test.residual || results["sum"]?.allSatisfy(\.isNaN) == true)
  }
}

private let session = NativeSession(
  environment: ProcessInfo.processInfo.environment, cores: 2, wait: .seconds(100))

@Suite("A norm between neighbours")
struct FusionTests {
  @Test(
    "gives what the operations give one by one: tiles",
    arguments: FusionCase.cases(FusionCase.shapes, [nil, .relu, .gelu]))
  func tiles(_ test: FusionCase) throws { try FusionBench(test, .tiles).check() }

  @Test(
    "gives what the operations give one by one: other activations",
    arguments: FusionCase.cases([([5, 7, 6], [-1])], [.silu, .tanh, .sigmoid]))
  func activations(_ test: FusionCase) throws {
    for executor in [Executor.tiles, .reference] { try FusionBench(test, executor).check() }
  }

  @Test(
    "gives what the operations give one by one: reference",
    arguments: FusionCase.cases(
      [([5, 7, 6], [-1]), ([4, 6, 5, 7], [1]), ([1, 6, 5], [1])], [nil, .relu, .gelu]))
  func reference(_ test: FusionCase) throws { try FusionBench(test, .reference).check() }

  /// Compiling takes its time: both layouts with all neighbours, or everything with NORMA_TEST_ALL set.
  @Test("gives what the operations give one by one: native code")
  func native() throws {
    let all = ProcessInfo.processInfo.environment["NORMA_TEST_ALL"] != nil
    let tests = FusionCase.cases(
      (all ? FusionCase.shapes : [([2, 40, 50, 6], [3]), ([4, 6, 5, 7], [1])]) + [
        ([11, 96], [-1])
      ],
      [nil, .relu, .gelu]
    ).filter { all || $0.residual && $0.skip && $0.activation != .gelu || $0.words == ["gelu"] }
    let benches = try tests.map { try FusionBench($0, .native(session)) }
    session.settle()
    for bench in benches {
      #expect(bench.kernel.executor == "native", "\(session.notes)")
      try bench.check()
    }
  }

  @Test("infers likewise, with a sum that nobody keeps")
  func infers() throws {
    for spec in FusionCase.specs {
      var test = FusionCase(
        spec: spec, shape: [5, 7, 6], axis: [-1], residual: true, skip: false, activation: .relu)
      test.mode = .infer
      try FusionBench(test, .tiles).check()
      let fusion = try Fusion(words: ["residual"], mode: .infer)
      #expect(fusion.addsResidual && !fusion.keepsSum)
      let layout = try TensorLayout(shape: [5, 7, 6], axis: [-1])
      let layer = try NormLayer(spec, in: .builtIn(), channelShape: [6])
      let kernel = try layer.kernel(
        for: layout, mode: .infer, gradient: false, fusion: fusion)
      // Without the tensors of its neighbours a kernel refuses to run.
      var call = KernelCall()
      call.workspace = .allocate(byteCount: kernel.memory(threads: 1).workspaceBytes, alignment: 64)
      defer { call.workspace?.deallocate() }
      #expect(throws: NormaError.self) { try kernel.forward(call) }
    }
  }

  @Test("gives the same bits on any number of threads")
  func threads() throws {
    for spec in FusionCase.specs {
      for (shape, axis) in [([33, 40, 48], [-1]), ([8, 12, 30, 30], [1])] {
        let bench = try FusionBench(
          FusionCase(
            spec: spec, shape: shape, axis: axis, residual: true, skip: true, activation: .gelu),
          .tiles)
        let bits = try [1, 2].map {
          try bench.results(threads: $0).mapValues { $0.map(\.bitPattern) }
        }
        #expect(bits[0] == bits[1], "\(spec.label)")
      }
    }
  }

  @Test("is refused by kernels that are not made of a formula")
  func refused() throws {
    let registry = NormRegistry([NormEntry(HandNorm(fault: nil), source: .builtIn)])
    let layout = try TensorLayout(shape: [4, 6], axis: [-1])
    let layer = try NormLayer(NormSpec("hand"), in: registry, channelShape: [6])
    let error = #expect(throws: NormaError.self) {
      try layer.kernel(for: layout, mode: .train, fusion: Fusion(activation: .relu))
    }
    #expect(error?.message.contains("relu after") == true && error?.help != nil)
  }

  @Test("is named in words")
  func words() throws {
    let fusion = try Fusion(words: ["relu", "residual", "skip"], mode: .train)
    #expect(fusion.keepsSum && fusion.words == ["residual", "skip", "relu"])
    #expect("\(fusion)" == "residual before, skip's gradient, relu after")
    for wrong in [["rleu"], ["relu", "gelu"], ["skip", "skip"], [""]] {
      #expect(throws: NormaError.self) { try Fusion(words: wrong, mode: .train) }
    }
  }
}
