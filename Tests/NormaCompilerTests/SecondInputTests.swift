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
  let (x, w) = (draw(layout.count), draw(extents.count(test.input)))
  let (p, dy) = (draw(extents.count(test.parameter)), draw(layout.count))
  let request = kernel.memory(threads: 2)
  var owned: [UnsafeMutableRawPointer] = []
  defer { for memory in owned { memory.deallocate() } }
  func bytes(_ count: Int) -> UnsafeMutableRawPointer {
    owned.append(.allocate(byteCount: max(count, 64), alignment: 64))
    return owned[owned.count - 1]
  }
  func floats(_ values: [Float]) -> UnsafeMutablePointer<Float> {
    let memory = bytes(4 * values.count).assumingMemoryBound(to: Float.self)
    memory.update(from: values, count: values.count)
    return memory
  }
  func unwritten(like values: [Float]) -> UnsafeMutablePointer<Float> {
    floats(values.map { _ in .nan })
  }
  func read(_ memory: UnsafeMutablePointer<Float>, like values: [Float]) -> [Float] {
    Array(UnsafeBufferPointer(start: memory, count: values.count))
  }
  let (y, dx) = (unwritten(like: x), unwritten(like: x))
  let (dw, dp) = (unwritten(like: w), unwritten(like: p))
  var call = KernelCall()
  call.threads = 2
  call.inputs = [UnsafePointer(floats(x)), UnsafePointer(floats(w))]
  call.parameters = [UnsafePointer(floats(p))]
  call.outputGradient = UnsafePointer(floats(dy))
  call.output = y
  call.inputGradients = [dx, dw]
  call.parameterGradients = [dp]
  call.saved = bytes(request.savedBytes)
  call.workspace = bytes(request.workspaceBytes)
  try kernel.forward(call)
  try kernel.backward(call)
  let reference = try Reference(program: program, layout: layout)
  let values = Reference.Values(
    inputs: [x.map(Double.init), w.map(Double.init)], parameters: [p.map(Double.init)],
    outputGradient: dy.map(Double.init))
  let expected = reference.forward(values).merging(reference.backward(values)) { $1 }
  let found = [
    "y": read(y, like: x), "input:x": read(dx, like: x), "second:w": read(dw, like: w),
    "parameter:p": read(dp, like: p),
  ]
  for (name, values) in found {
    let exact = try #require(expected[name])
    let bound = 2e-6 * max(exact.map(abs).max() ?? 0, 1)
    let errors = zip(values, exact).map { abs(Double($0) - $1) }
    #expect(values.count == exact.count && errors.allSatisfy { $0 < bound }, "\(name)")
  }
}
