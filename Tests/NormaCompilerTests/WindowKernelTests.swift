import Foundation
import NormaCompiler
import NormaCore
import NormaGraph
import Testing

/// A norm with windows, of an input `w` along some roles, parameters of channels and a buffer.
struct WindowCase: CustomStringConvertible, Sendable {
  let description: String
  var input = RoleSet.all
  var fusion = Fusion()
  /// Whether samples do not depend on one another, and windows are of the tensor.
  var isInParts = false
  /// A buffer follows this.
  var tracked: (@Sendable (_ x: Expr) -> Expr)?
  let formula: @Sendable (_ x: Expr, _ w: Expr, _ p: Expr, _ b: Expr) -> Expr

  private static let space: RoleSet = .space
  private static let rows: RoleSet = [.batch, .space]

  static let all: [WindowCase] = [
    WindowCase(
      description: "of the tensor, over channels", isInParts: true,
      formula: { x, w, p, _ in
        x * (1 + (x * w).square().window(.channel, 3)).rsqrt() * p
      }),
    WindowCase(
      description: "of windows", isInParts: true,
      formula: { x, w, p, _ in
        let near = (x - x.mean([.space, .channel])).window(.channel, 2).window(.space, 3)
        return (near * p + w).tanh()
      }),
    WindowCase(
      description: "of statistics of positions", input: [.batch, .channel],
      formula: { x, w, p, _ in
        let c = x - x.mean(.channel).window(.space, 3) / Expr.constant(1).window(.space, 3)
        return c * (1 + c.meanSquare(.channel).window(.space, 2)).rsqrt() * p + w
      }),
    WindowCase(
      description: "of statistics of channels", input: .channel,
      formula: { x, w, p, _ in
        let size = x.norm(2, space).window(.channel, 3)
        return x / (size + 1) * p + w * x.mean(rows).window(.channel, 2)
      }),
    WindowCase(
      description: "of a map of the batch, which varies along space and channels",
      formula: { x, w, p, _ in (x - x.mean(.batch).window(.space, 3)) * w * p }),
    WindowCase(
      description: "of groups",
      formula: { x, w, p, _ in
        let grouped = x.group(3)
        return (grouped - grouped.mean([.space, .member]).window(.channel, 3)) * w * p
      }),
    WindowCase(
      description: "beside a buffer",
      tracked: { x in x.mean(rows) },
      formula: { x, w, p, b in
        (x - b) * (1 + x.square().window(.space, 3)).rsqrt() * p + w
      }),
    WindowCase(
      description: "with neighbours",
      fusion: Fusion(
        addsResidual: true, keepsSum: true, addsSkipGradient: true, activation: .relu),
      isInParts: true,
      formula: { x, w, p, _ in
        x * (1 + x.square().window(.channel, 3)).rsqrt() * p
          + w * x.mean(.channel).window(.space, 3)
      }),
  ]

  static let shapes: [(shape: [Int], axis: Int)] = [
    ([4, 5, 7, 6], 3), ([4, 6, 5, 7], 1), ([5, 6], 1), ([3, 4, 6], 2), ([6, 3, 4], 0),
    ([1, 2, 9], 2),
    // Two parts of six samples each, and one part where samples depend on one another.
    ([12, 90, 63], 2), ([12, 63, 90], 1),
  ]

  /// Machine code for images in both orders, and for samples in two parts.
  static let cases = all.flatMap { test in
    shapes.enumerated().flatMap { number, shape in
      (number % 6 < 2 ? ["tiles", "native"] : ["tiles"]).map { (test, shape.shape, shape.axis, $0) }
    }
  }
}

private let session = NativeSession(
  environment: ProcessInfo.processInfo.environment, cores: 2, wait: .seconds(60))

@Test("Windows agree with Reference", arguments: WindowCase.cases)
func windowsAgree(
  _ test: WindowCase, _ shape: [Int], _ axis: Int, _ executor: String
) throws {
  let layout = try TensorLayout(shape: shape, axis: [axis])
  let buffer = Expr.buffer("b", per: .channel)
  let x = Expr.input("x")
  let program = try NormProgram(
    inputs: [("x", .all), ("w", test.input)], parameters: [("p", .channel)],
    buffers: [("b", .channel)], hyper: [],
    output: test.formula(
      x, .input("w", domain: test.input), .parameter("p", per: .channel), buffer),
    updates: test.tracked.map { [("b", buffer * 0.9 + $0(x) * 0.1)] } ?? [], gradient: true,
    fusion: test.fusion)
  #expect(try WindowKernel.isNeeded(program, layout))
  let kernel = try WindowKernel(
    program: program, layout: layout, native: executor == "native" ? session : nil)
  session.settle()
  #expect(kernel.executor == executor, "\(session.notes)")
  if test.isInParts, layout.batchCount == 12 {
    #expect(kernel.planDescription?.contains("samples     2 times 6") == true)
  }
  let exact = try kernelResults(
    try ReferenceKernel(program: program, layout: layout), program, layout, threads: 1)
  let found = try kernelResults(kernel, program, layout, threads: 1)
  expectClose(found, exact)
  let onTwo = try kernelResults(kernel, program, layout, threads: 2)
  #expect(onTwo == found, "two threads, or what was in the workspace, make other bits")
}

@Test("A few samples go through all steps together, but not where they depend on one another")
func windowsInParts() throws {
  let layout = try TensorLayout(shape: [12, 90, 63], axis: [2])
  func plan(_ formula: (Expr) -> Expr) throws -> String {
    let program = try NormProgram(
      inputs: [("x", .all)], parameters: [], buffers: [], hyper: [], output: formula(.input("x")),
      updates: [], gradient: true)
    return try WindowKernel(program: program, layout: layout).planDescription ?? ""
  }
  #expect(try plan { $0 - $0.window(.channel, 3) }.contains("samples     2 times 6"))
  #expect(try !plan { $0.window(.channel, 3) - $0.mean(.batch) }.contains("samples"))
  #expect(try !plan { $0.chunk(4).window(.channel, 3) }.contains("samples"))
  #expect(try !plan { $0 - $0.mean(.channel).window(.space, 3) }.contains("samples"))
}
