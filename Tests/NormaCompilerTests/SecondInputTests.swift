import Foundation
import NormaCompiler
import NormaCore
import NormaGraph
import Testing

/// A norm with a second input along some roles, and a parameter along some.
struct SecondInputCase: CustomStringConvertible, Sendable {
  let description: String
  let input: RoleSet
  let parameter: RoleSet
  let formula: @Sendable (_ x: Expr, _ w: Expr, _ p: Expr) -> Expr

  private static let roles: RoleSet = [.batch, .space]

  static let all = [
    SecondInputCase(
      description: "gain of a sample's channels", input: [.batch, .channel], parameter: .channel,
      formula: { x, w, p in x * w + p }),
    SecondInputCase(
      description: "gain of a sample's channels, made small", input: [.batch, .channel],
      parameter: .channel,
      formula: { x, w, p in (x - x.mean(roles)) * w.square().mean(.channel) * p }),
    SecondInputCase(
      description: "weighed batch", input: [.batch, .space], parameter: .channel,
      formula: { x, w, p in
        let total: Expr = w.square().sum(roles) + 1
        return (x - (x * w.square()).sum(roles) / total) * p
      }),
    SecondInputCase(
      description: "gain of a position", input: .channel, parameter: .space,
      formula: { x, w, p in
        let r: Expr = (x.variance(roles) + 0.01).rsqrt()
        return (x - x.mean(roles)) * r * p + w
      }),
  ]

  static let shapes: [(shape: [Int], axis: Int)] = [
    // Vectors, also with channels first, which are packed, and axes of size 1; then blocks of columns.
    ([6, 5], 1), ([6, 5], 0), ([6, 5, 1], 1), ([6, 1, 5], 2), ([1, 1, 5], 2), ([37, 112], 1),
    ([11, 3, 112], 2), ([5, 6, 7], 1),
  ]

  static let cases = all.flatMap { test in
    shapes.flatMap { shape in ["tiles", "native"].map { (test, shape.shape, shape.axis, $0) } }
  }
}

private let session = NativeSession(
  environment: ProcessInfo.processInfo.environment, cores: 2, wait: .seconds(60))

@Test("Second inputs agree with Reference", arguments: SecondInputCase.cases)
func secondInputsAgree(
  _ test: SecondInputCase, _ shape: [Int], _ axis: Int, _ executor: String
) throws {
  let layout = try TensorLayout(shape: shape, axis: [axis])
  let program = try NormProgram(
    inputs: [("x", .all), ("w", test.input)], parameters: [("p", test.parameter)], buffers: [],
    hyper: [],
    output: test.formula(
      .input("x"), .input("w", domain: test.input), .parameter("p", per: test.parameter)),
    updates: [], gradient: true)
  let kernel = try TilesKernel(
    program: program, layout: layout, native: executor == "native" ? session : nil)
  session.settle()
  #expect(kernel.executor == executor, "\(session.notes)")

  let extents = try program.splits.extents(
    batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
  var random = RandomSource(seed: 7)
  func draw(_ count: Int) -> [Float] { (0..<count).map { _ in Float(random.normal() + 0.2) } }
  var (x, w) = (draw(layout.count), draw(extents.count(test.input)))
  var (p, dy) = (draw(extents.count(test.parameter)), draw(layout.count))
  var (y, dx) = (x.map { _ in Float.nan }, x.map { _ in Float.nan })
  var (dw, dp) = (w.map { _ in Float.nan }, p.map { _ in Float.nan })
  let memory = kernel.memory(threads: 2)
  var (saved, workspace) = (
    [Double](repeating: .nan, count: memory.savedBytes / 8 + 1),
    [Double](repeating: .nan, count: memory.workspaceBytes / 8 + 9)
  )
  func start<T>(_ array: inout [T]) throws -> UnsafeMutablePointer<T> {
    try #require(array.withUnsafeMutableBufferPointer { $0.baseAddress })
  }
  // The arrays live and stay where they are until the calls are over.
  try withExtendedLifetime((x, w, p, dy, y, dx, dw, dp, saved, workspace)) {
    var call = KernelCall()
    call.threads = 2
    call.inputs = [UnsafePointer(try start(&x)), UnsafePointer(try start(&w))]
    call.parameters = [UnsafePointer(try start(&p))]
    call.outputGradient = UnsafePointer(try start(&dy))
    call.output = try start(&y)
    call.inputGradients = [try start(&dx), try start(&dw)]
    call.parameterGradients = [try start(&dp)]
    call.saved = UnsafeMutableRawPointer(try start(&saved))
    call.workspace = UnsafeMutableRawPointer(try start(&workspace))
    try kernel.forward(call)
    try kernel.backward(call)
  }
  let reference = try Reference(program: program, layout: layout)
  let values = Reference.Values(
    inputs: [x.map(Double.init), w.map(Double.init)], parameters: [p.map(Double.init)],
    outputGradient: dy.map(Double.init))
  let expected = reference.forward(values).merging(reference.backward(values)) { $1 }
  let found = ["y": y, "input:x": dx, "second:w": dw, "parameter:p": dp]
  for (name, values) in found {
    let exact = try #require(expected[name])
    let bound = 2e-6 * max(exact.map(abs).max() ?? 0, 1)
    let errors = zip(values, exact).map { abs(Double($0) - $1) }
    #expect(values.count == exact.count && errors.allSatisfy { $0 < bound }, "\(name)")
  }
}
