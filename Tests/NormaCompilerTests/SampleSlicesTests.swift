import Foundation
import NormaCompiler
import NormaCore
import NormaGraph
import Testing

/// A norm whose statistics belong to samples, or to chunks of them, and a running one made of all of them.
struct SampleSlicesCase: CustomStringConvertible, Sendable {
  let description: String
  let shape: [Int]
  var axis = -1
  /// Whether a slice at a time goes through both passes of forward.
  let isSliced: Bool
  var chunk: Int?

  static let all = [
    SampleSlicesCase(
      description: "chunks of vectors", shape: [24, 37], isSliced: true, chunk: 4),
    SampleSlicesCase(
      description: "chunks of images, channels last", shape: [24, 3, 2, 37], isSliced: true,
      chunk: 4),
    SampleSlicesCase(
      description: "chunks of images, channels first", shape: [24, 7, 5, 3], axis: 1,
      isSliced: false,
      chunk: 4),
    SampleSlicesCase(
      description: "chunks of many rows", shape: [24, 20, 3, 17], isSliced: false, chunk: 8),
    SampleSlicesCase(description: "samples, channels last", shape: [6, 5, 4, 37], isSliced: true),
    SampleSlicesCase(
      description: "samples, channels first", shape: [6, 37, 5, 4], axis: 1, isSliced: true),
  ]

  func normalized(_ x: Expr) -> (y: Expr, running: Expr) {
    let (x, roles) = chunk.map { (x.chunk($0), RoleSet([.sample, .space])) } ?? (x, .space)
    let outer: RoleSet = chunk == nil ? .batch : .chunk
    let (mean, variance) = (x.mean(roles), x.variance(roles, correction: 1))
    return ((x - mean) * (variance + 0.1).rsqrt(), mean.mean(outer) + 2 * variance.mean(outer))
  }
}

@Test(
  "Running statistics leave samples and chunks slices of their own, and agree with Reference",
  arguments: SampleSlicesCase.all, ["tiles", "native"])
func sampleSlicesAgree(_ test: SampleSlicesCase, _ executor: String) throws {
  let layout = try TensorLayout(shape: test.shape, axis: [test.axis])
  let (y, running) = test.normalized(.input("x"))
  let buffer = Expr.buffer("b", per: .channel)
  let program = try NormProgram(
    inputs: [("x", .all)], parameters: [("p", .channel)], buffers: [("b", .channel)], hyper: [],
    output: y * .parameter("p", per: .channel), updates: [("b", buffer * 0.9 + running * 0.1)],
    gradient: true)
  let kernel = try expectAgreement(program, layout, executor: executor)
  let forward = (kernel.planDescription ?? "").components(separatedBy: "backward")[0]
  #expect(forward.contains("one sample at a time") == test.isSliced, "\(forward)")
}
