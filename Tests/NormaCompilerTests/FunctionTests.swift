import Foundation
import NormaCompiler
import NormaCore
import NormaGraph
import Testing

private let everything = ProcessInfo.processInfo.environment["NORMA_TEST_ALL"] != nil

/// A function, what is asked of it in units in the last place, and what tells its worst argument.
struct FunctionCase: CustomTestStringConvertible, Sendable {
  let operation: Elementwise
  let bound: Double
  let executor: String
  var testDescription: String { "\(operation.name), \(executor)" }

  static let unary: [FunctionCase] = ["tiles", "native"].flatMap { executor in
    [Elementwise.exp, .log, .tanh, .sigmoid, .erf].map {
      FunctionCase(operation: $0, bound: 2, executor: executor)
    } + [FunctionCase(operation: .sqrt, bound: 0.5, executor: executor)]
  }
  static let powers = ["tiles", "native"].map {
    FunctionCase(operation: .pow, bound: 1, executor: $0)
  }
  /// Roots and products may stand for a power of one exponent.
  static let powersOfOne = ["tiles", "native"].flatMap { executor in
    [false, true].map {
      FunctionCase(operation: .pow, bound: 3.25, executor: executor, isHyper: $0)
    }
  }
  /// Whether the exponent is known only when the kernel runs.
  var isHyper = false

  func leaf(_ exponent: Double) -> Expr { isHyper ? .hyper("e") : .constant(exponent) }
}

private let session = NativeSession(
  environment: ProcessInfo.processInfo.environment, cores: 2, wait: .seconds(60))

/// Zeros, infinities, NaN and the edges of ranges.
private let special: [Float] = {
  let limits: [Float] = [
    .infinity, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude,
    88.72284, 87.33655, 103.97208, 0.92773438, 1, 4, 10,
  ]
  let exponents: [Float] = [
    0, 2, 3, 0.5, 0.33333334, 2.5, 33, 127, 128, 149, 150, 4_194_303.5, 4_194_304.5, 8_388_607,
    8_388_608, 8_388_609, 16_777_215, 16_777_216,
  ]
  let positive = exponents + limits.flatMap { x in [x.nextDown, x, x.nextUp] }
  return positive + positive.map { x in -x } + [Float.nan]
}()

/// A kernel that maps one element-wise operation over rows of 37: whole vectors and a rest.
private final class Map {
  static let width = 37
  let kernel: TilesKernel
  let layout: TensorLayout
  private let arity: Int
  private let hyper: [Double]
  private let workspace: UnsafeMutableRawPointer
  private let saved: UnsafeMutableRawPointer

  /// - Parameter exponent: stands for the second operand.
  init(_ test: FunctionCase, count: Int, exponent: Double? = nil) throws {
    arity = exponent == nil ? test.operation.arity : 1
    hyper = [exponent ?? 0]
    let operands = ["x", "e"].prefix(arity)
    layout = try TensorLayout(
      shape: [(count + Map.width - 1) / Map.width, Map.width], axis: [-1])
    let program = try NormProgram(
      inputs: operands.map { ($0, .all) }, parameters: [], buffers: [], hyper: ["e"],
      output: Expr.apply(
        test.operation, operands.map { .input($0) } + (exponent.map(test.leaf).map { [$0] } ?? [])),
      updates: [], gradient: false)
    kernel = try TilesKernel(
      program: program, layout: layout, native: test.executor == "native" ? session : nil)
    session.settle()
    let memory = kernel.memory(threads: 1)
    workspace = .allocate(byteCount: max(memory.workspaceBytes, 64), alignment: 64)
    saved = .allocate(byteCount: max(memory.savedBytes, 64), alignment: 64)
  }
  deinit {
    workspace.deallocate()
    saved.deallocate()
  }

  func callAsFunction(_ operands: [[Float]]) throws -> [Float] {
    let padded = operands.map {
      $0 + [Float](repeating: 1, count: layout.count - $0.count)
    }
    var result = [Float](repeating: 0, count: layout.count)
    var call = KernelCall()
    call.threads = 1
    call.hyper = hyper
    call.workspace = workspace
    call.saved = saved
    try padded[0].withUnsafeBufferPointer { a in
      try padded[arity - 1].withUnsafeBufferPointer { b in
        try result.withUnsafeMutableBufferPointer { z in
          call.inputs = [a.baseAddress, b.baseAddress].compactMap { $0 }.prefix(arity).map { $0 }
          call.output = z.baseAddress
          try kernel.forward(call)
        }
      }
    }
    return Array(result.prefix(operands[0].count))
  }
}

/// The distance from the exact result in units in the last place of float; infinite where a special
/// result (NaN, an infinity, a zero's sign) is wrong.
private func distance(_ value: Float, _ exact: Double) -> Double {
  if value.isNaN || exact.isNaN { return value.isNaN == exact.isNaN ? 0 : .infinity }
  if exact.isInfinite || exact == 0 {
    return Double(value) == exact && value.sign == exact.sign ? 0 : .infinity
  }
  if value.sign != exact.sign { return .infinity }
  // Past the largest float, infinity counts as the next float there would be.
  let reach = value.isInfinite ? 0x1p128 * (value < 0 ? -1 : 1) : Double(value)
  if value.isInfinite && Float(exact).isInfinite { return 0 }
  let exponent = max(-126, min(127, exact.exponent))
  return abs(reach - exact) * Double(sign: .plus, exponent: 23 - Int(exponent), significand: 1)
}

private func check(
  _ test: FunctionCase, _ map: Map, _ operands: [[Float]], exponent: Double? = nil
) throws -> Double {
  let results = try map(operands)
  var worst = 0.0
  var place = 0
  for i in results.indices {
    let d = distance(
      results[i],
      test.operation.evaluate(
        Double(operands[0][i]), exponent ?? Double(operands[operands.count - 1][i]), 0))
    if d > worst {
      worst = d
      place = i
    }
  }
  let arguments = operands.map { $0[place] }
  #expect(
    worst <= test.bound,
    "\(test.operation.name)\(arguments) = \(results[place]) is off by \(worst) units")
  // Nor does it matter where in a vector, or in the rest after the last, a number stands.
  let turned = try map(operands.map { Array($0[5...]) + $0[..<5] })
  let same = zip(results, Array(turned[(turned.count - 5)...]) + turned[..<(turned.count - 5)])
  #expect(same.allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) })
  return worst
}

@Test("Functions of one number are right within 2 units", arguments: FunctionCase.unary)
func functionsArePrecise(_ test: FunctionCase) throws {
  let step = everything ? 61 : 4099
  let map = try Map(test, count: 1 << 20)
  #expect(map.kernel.executor == test.executor, "\(session.notes)")
  var worst = try check(test, map, [special])
  for start in stride(from: 0, to: 1 << 32, by: step << 20) {
    let end = min(start + step << 20, 1 << 32)
    let patterns = stride(from: start, to: end, by: step)
    worst = max(worst, try check(test, map, [patterns.map { Float(bitPattern: UInt32($0)) }]))
  }
  if everything { print("\(test.testDescription): \(worst) units") }
}

@Test("Powers are those of C's pow", arguments: FunctionCase.powers)
func powersArePrecise(_ test: FunctionCase) throws {
  let map = try Map(test, count: 1 << 17)
  #expect(map.kernel.executor == test.executor, "\(session.notes)")
  let bases = special.flatMap { x in special.map { _ in x } }
  var worst = try check(test, map, [bases, special.flatMap { _ in special }])
  var random = RandomSource(seed: 3)
  for _ in 0..<(everything ? 100 : 2) {
    var operands: [[Float]] = [[], []]
    for i in 0..<(1 << 17) {
      let bits = UInt32(truncatingIfNeeded: random.next())
      // Any base; exponents that are whole, or such that the result is a finite float.
      let base = i % 3 == 0 ? Float(random.normal()) : Float(bitPattern: bits)
      let reach = 150 / max(abs(Foundation.log2(abs(Double(base)))), 1e-9)
      operands[0].append(base)
      operands[1].append(
        i % 2 == 0 ? Float((random.normal() * 5).rounded()) : Float(random.normal() * reach / 2))
    }
    worst = max(worst, try check(test, map, operands))
  }
  if everything { print("\(test.testDescription): \(worst) units") }
}

@Test("Powers of one exponent are those of C's pow", arguments: FunctionCase.powersOfOne)
func powersOfOneArePrecise(_ test: FunctionCase) throws {
  var random = RandomSource(seed: 5)
  let bases =
    special
    + (0..<20_000).map { i in
      i % 2 == 0
        ? Float(random.normal()) : Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
    }
  // Whole powers, quarters, and others.
  let exponents =
    (-4...4).map(Double.init) + [-1.25, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1.25, 1.75]
  for exponent in exponents {
    // The graph itself makes roots of constant halves, of which C's are another at minus infinity.
    if !test.isHyper, abs(exponent) == 0.5 { continue }
    let map = try Map(test, count: bases.count, exponent: exponent)
    _ = try check(test, map, [bases], exponent: exponent)
  }
  let map = try Map(test, count: bases.count, exponent: 0.3)
  _ = try check(test, map, [bases], exponent: Double(Float(0.3)))
}

/// Rows are longer than where vectors go across the ends of rows, and end within a vector.
@Test("Each row of a channel has the channel's own exponent", arguments: ["tiles", "native"])
func exponentsOfChannelsAreTheirOwn(_ executor: String) throws {
  let layout = try TensorLayout(shape: [4, 6, 17, 17], axis: [1])
  let exponent: Expr = 0.5 + 0.8 * (Expr.parameter("p", per: .channel).sign() + 1)
  let program = try NormProgram(
    inputs: [("x", .all)], parameters: [("p", .channel)], buffers: [], hyper: [],
    output: (Expr.input("x").abs() + 0.5).pow(exponent), updates: [], gradient: false)
  try expectAgreement(program, layout, executor: executor)
}
