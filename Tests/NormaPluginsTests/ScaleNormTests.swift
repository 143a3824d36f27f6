import Foundation
import NormaConformance
import NormaCore
import NormaNorms
import NormaPlugins
import Testing

/// example/scale, written from its paper in Double: y = g x / max(||x||, epsilon) over the channels.
private func scaleNorm(_ x: [Double], g: Double, epsilon: Double, _ layout: TensorLayout)
  -> [Double]
{
  var y = [Double](repeating: .nan, count: x.count)
  for vector in layout.vectors {
    let norm = vector.map { x[$0] * x[$0] }.reduce(0, +).squareRoot()
    for i in vector { y[i] = g * x[i] / max(norm, epsilon) }
  }
  return y
}

@Suite("example/scale, a plugin in C")
struct ScaleNormTests {
  let registry = NormRegistry()

  /// Built once for all tests; the workshop is kept, since its end removes the library.
  static let built = Result {
    let workshop = try Workshop()
    return (workshop, library: try workshop.scale())
  }

  init() throws {
    try PluginLoader().load(try Self.built.get().library, into: registry)
  }

  static let layouts: [TensorLayout] = [
    try? TensorLayout(shape: [7, 5]),
    try? TensorLayout(shape: [1, 5]),
    try? TensorLayout(shape: [3, 1]),
    try? TensorLayout(shape: [5]),
    try? TensorLayout(shape: [7, 5, 3]),
    try? TensorLayout(shape: [7, 5, 3], axis: [1]),
    try? TensorLayout(shape: [7, 5, 3, 2]),
    try? TensorLayout(shape: [7, 5, 3, 2], axis: [1]),
    try? TensorLayout(shape: [7, 5, 3, 2], axis: [1, 2, 3]),
    try? TensorLayout(shape: [7, 5, 3, 2], axis: [0]),
    try? TensorLayout(shape: [7, 5, 3, 2], axis: [1, 3]),
    try? TensorLayout(shape: [1, 5, 3, 2], axis: [1]),
    try? TensorLayout(shape: [131, 3, 2]),
    try? TensorLayout(shape: [7, 5, 3], strides: [17, 3, 1]),
    try? TensorLayout(shape: [7, 5, 3], axis: [1], strides: [1, 21, 7]),
    try? TensorLayout(shape: [7, 5, 3], strides: [40, 8, 2]),
  ].compactMap { $0 }

  private func gradient(_ layout: TensorLayout) -> [Float] {
    var random = RandomSource(seed: 9)
    return (0..<Bench.span(layout)).map { _ in Float(random.normal()) }
  }

  @Test("forward and gradients agree with the formula", arguments: layouts)
  func agrees(_ layout: TensorLayout) throws {
    let bench = try Bench(NormSpec("example/scale"), layout, in: registry)
    let g = Double(bench.parameters[0][0])
    #expect(abs(g - Double(layout.channelCount).squareRoot()) < 1e-6)
    let dy = gradient(layout)
    let result = try bench.run(dy)
    let x = bench.x.map(Double.init)
    let offsets = layout.vectors.flatMap { $0 }
    let y = scaleNorm(x, g: g, epsilon: 1e-5, layout)
    #expect(error(result.y, y, at: offsets) <= 5e-7)
    func loss(_ x: [Double], _ g: Double) -> Double {
      let y = scaleNorm(x, g: g, epsilon: 1e-5, layout)
      return offsets.map { y[$0] * Double(dy[$0]) }.reduce(0, +)
    }
    let h = 1e-5
    var dx = [Double](repeating: 0, count: x.count)
    for i in offsets {
      var up = x
      var down = x
      up[i] += h
      down[i] -= h
      dx[i] = (loss(up, g) - loss(down, g)) / (2 * h)
    }
    // Of the terms' scale: with one channel dx is 0 by cancellation.
    let scale = layout.channelCount == 1 ? 1.0 : offsets.map { abs(dx[$0]) }.max() ?? 1
    for i in offsets { #expect(abs(Double(result.inputGradients[0][i]) - dx[i]) <= 1e-6 * scale) }
    let dg = (loss(x, g + h) - loss(x, g - h)) / (2 * h)
    #expect(abs(Double(result.parameterGradients[0][0]) - dg) <= 1e-6 * max(abs(dg), 1))
    #expect(result.sentinelsHold)
  }

  @Test("elements between strides are left alone")
  func gapsStay() throws {
    let layout = try TensorLayout(shape: [7, 5, 3], strides: [40, 8, 2])
    let result = try Bench(NormSpec("example/scale"), layout, in: registry).run(gradient(layout))
    let used = Set(layout.vectors.flatMap { $0 })
    for i in result.y.indices where !used.contains(i) {
      #expect(result.y[i].isNaN && result.inputGradients[0][i].isNaN)
    }
  }

  @Test("values far from one keep their digits", arguments: [(1e6, 1.0), (0, 1e18), (1e4, 1e-12)])
  func extremes(_ mean: Double, _ scale: Double) throws {
    let layout = try TensorLayout(shape: [3, 257])
    let bench = try Bench(NormSpec("example/scale"), layout, in: registry, mean: mean, scale: scale)
    let offsets = layout.vectors.flatMap { $0 }
    let y = scaleNorm(
      bench.x.map(Double.init), g: Double(bench.parameters[0][0]), epsilon: 1e-5, layout)
    #expect(error(try bench.run().y, y, at: offsets) <= 5e-7)
  }

  @Test("below epsilon the norm is linear, and its gradient with it")
  func clamped() throws {
    let layout = try TensorLayout(shape: [3, 5])
    var bench = try Bench(NormSpec("example/scale", ["epsilon": .real(0.5)]), layout, in: registry)
    bench.x = (0..<15).map { $0 < 5 ? 0 : 0.01 * Float($0) }
    let dy = gradient(layout)
    let result = try bench.run(dy)
    let g = bench.parameters[0][0]
    for i in 0..<10 {
      #expect(abs(result.y[i] - g * bench.x[i] / 0.5) <= 1e-6)
      #expect(abs(result.inputGradients[0][i] - g * dy[i] / 0.5) <= 1e-5)
    }
  }

  @Test("a real hyper-parameter may change from call to call")
  func schedule() throws {
    let layout = try TensorLayout(shape: [3, 5])
    var bench = try Bench(NormSpec("example/scale"), layout, in: registry, scale: 0.001)
    let first = try bench.run().y
    bench.hyper = [10]
    let second = try bench.run().y
    #expect(first != second)
    #expect(abs(second[0] - bench.parameters[0][0] * bench.x[0] / 10) < 1e-9)
  }

  @Test("accumulating adds to what is there")
  func accumulates() throws {
    let layout = try TensorLayout(shape: [7, 5])
    let bench = try Bench(NormSpec("example/scale"), layout, in: registry)
    let plain = try bench.run(gradient(layout)).parameterGradients[0][0]
    let added = try bench.run(gradient(layout), accumulateFrom: 100).parameterGradients[0][0]
    #expect(abs(added - (plain + 100)) <= 1e-5)
  }

  @Test("an empty batch gives an empty output and no gradient")
  func empty() throws {
    let layout = try TensorLayout(shape: [0, 5])
    let bench = try Bench(NormSpec("example/scale"), layout, in: registry)
    let result = try bench.run([])
    #expect(result.y.isEmpty)
    #expect(result.parameterGradients == [[0]])
    #expect(try bench.run([], accumulateFrom: 3).parameterGradients == [[3]])
  }

  @Test("NaN stays in its vector and is not hidden")
  func nan() throws {
    let layout = try TensorLayout(shape: [2, 3])
    var bench = try Bench(NormSpec("example/scale"), layout, in: registry)
    bench.x = [1, .nan, 2, 1, 2, 2]
    let y = try bench.run().y
    #expect(y[0..<3].allSatisfy { $0.isNaN })
    #expect(y[3..<6].allSatisfy { $0.isFinite })
  }

  @Test("the same bits however the work is spread")
  func threads() throws {
    let services = HostServices(parallelFor: { threads, count, _, body in
      // The hardest order that the contract allows: single items, backwards, workers alternating.
      for item in (0..<count).reversed() { body(item, item + 1, item % threads) }
    })
    let scattered = NormRegistry()
    try PluginLoader(services: services).load(
      try Self.built.get().library, into: scattered)
    let layout = try TensorLayout(shape: [131, 5, 3], axis: [1])
    let dy = gradient(layout)
    let one = try Bench(NormSpec("example/scale"), layout, in: registry).run(dy)
    for threads in [1, 2, 3] {
      var bench = try Bench(NormSpec("example/scale"), layout, in: scattered)
      bench.threads = threads
      #expect(try bench.run(dy) == one)
    }
  }

  @Test("wrong settings name the norm, the value and what is accepted")
  func wrongSettings() throws {
    let layout = try TensorLayout(shape: [3, 5])
    func message(_ hyper: [String: HyperValue]) -> String {
      do {
        _ = try Bench(NormSpec("example/scale", hyper), layout, in: registry)
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      message(["epsilon": .real(0)]).contains("norm.example/scale: 'epsilon' must be > 0, got 0"))
    #expect(message(["epsilom": .real(1)]).contains("did you mean 'epsilon'?"))
  }

  @Test("asked for the reference, it says that it has no formula")
  func reference() throws {
    let layout = try TensorLayout(shape: [3, 5])
    let layer = try NormLayer(NormSpec("example/scale"), in: registry, channelShape: [5])
    #expect {
      _ = try layer.kernel(for: layout, mode: .infer, executor: .reference)
    } throws: {
      "\($0)".contains("has no formula")
    }
  }

  @Test(
    "Wrong variants are caught by the check that should catch them",
    arguments: [
      // Strides are taken for 1 where the result is written.
      ("y[at + i * v.stride] =", "y[at + i] =", "only its own memory is written"),
      // The gradient of g depends on how many threads work.
      (
        "*dg = (float)sum;", "*dg = (float)(sum * (1 + 1e-4 * call->threads));",
        "any number of threads gives the same bits"
      ),
    ])
  func wrongVariants(_ right: String, _ wrong: String, _ clause: String) throws {
    let source = try String(
      contentsOfFile: Workshop.root + "/Plugins/example-scale/scale.c", encoding: .utf8)
    #expect(source.contains(right))
    let workshop = try Workshop()
    let library = try workshop.library(
      "wrong", source.replacingOccurrences(of: right, with: wrong),
      ["-lm", "-D_GNU_SOURCE", "-I" + Workshop.root + "/Plugins/example-scale"])
    let registry = NormRegistry()
    try PluginLoader().load(library, into: registry)
    let failures = checkNorm(NormSpec("example/scale"), in: registry).filter { !$0.passed }
    #expect(failures.contains { $0.name == clause }, "\(failures)")
  }
}
