import NormaCore
import NormaGraph
import NormaNetwork
import NormaNorms
import Testing

/// Norms with second inputs, norms of weights, hyper-parameters that move.
@Suite(.serialized) struct ConnectionTests {
  /// x / rms(x) · (1 + gain) + shift, with a gain for each sample and channel and a shift for each element.
  private static let film = NormDefinition("film", summary: "a conditioned norm") { n in
    let gain = n.input("gain", per: [.batch, .channel])
    let shift = n.input("shift")
    return { x, _ in
      let scale = (x.meanSquare(.channel) + 0.1).rsqrt()
      return x * scale * (1 + gain) + shift
    }
  }
  private static let moving = NormDefinition("moving", summary: "x times a number") { n in
    let factor: Expr = n.real("factor", default: 1)
    return { (x: Expr, _) in x * factor }
  }
  private static let boxed = NormDefinition("boxed", summary: "over a box of neighbours") { _ in
    { (x: Expr, _) in x * (1 + x.square().window(.space, 3)).rsqrt() }
  }
  private let registry: NormRegistry

  init() throws {
    registry = .builtIn()
    for norm in [Self.film, Self.moving, Self.boxed] {
      try registry.register(NormEntry(norm, source: .builtIn))
    }
  }

  private func norm(_ gain: String, _ shift: String) -> LayerSpec {
    LayerSpec("norm", norm: NormSpec("film"), connections: ["gain": gain, "shift": shift])
  }

  @Test func branchesGiveTheirGradientBack() throws {
    let layers: [LayerSpec] = [
      .linear(7), .branch("gain", [.linear(6), .tanh]), .linear(6), .tanh,
      .branch("shift", [.linear(6)]), norm("gain", "shift"), .tanh, .linear(6),
      // Both once more, and what goes on from a branch's beginning.
      norm("gain", "shift"), .sigmoid,
    ]
    try checkGradients(
      layers, input: [5], batch: 3, x: normal(15, seed: 3), step: 0.004, tolerance: 5e-3,
      registry: registry)
  }

  @Test func branchesOfImagesAndInsideResiduals() throws {
    let layers: [LayerSpec] = [
      .conv(4, kernel: 3), .branch("gain", [.globalAveragePool, .linear(4)]),
      .branch("same", [.norm(NormSpec("rms"))]),
      .residual([norm("gain", "same"), .tanh]), .flatten,
    ]
    try checkGradients(
      layers, input: [3, 4, 2], batch: 2, x: normal(48, seed: 4), step: 0.002, tolerance: 1e-2,
      registry: registry)
    // A branch that nobody takes has no gradient to give.
    try checkGradients(
      [.linear(4), .branch("idle", [.linear(3)]), .tanh], input: [5], batch: 3,
      x: normal(15, seed: 5), step: 0.004, tolerance: 5e-3, registry: registry)
  }

  @Test func branchesThatDoNotFitAreRefused() throws {
    func refusal(_ layers: [LayerSpec]) throws -> String {
      do {
        _ = try network(layers, input: [5], batch: 2, registry: registry)
        return "accepted"
      } catch let error as NormaError {
        return error.message
      }
    }
    #expect(
      try refusal([.linear(6), .norm(NormSpec("film"))])
        == "nn.norm: norm.film needs an input 'gain'")
    let branches: [LayerSpec] = [
      .linear(6), .branch("gain", [.linear(6)]), .branch("shift", [.linear(4)]),
    ]
    #expect(
      try refusal(branches + [norm("gian", "shift")])
        == "nn.norm: no branch 'gian' before it; did you mean 'gain'?   (there are: gain, shift)")
    #expect(
      try refusal(branches + [norm("gain", "shift")])
        == "nn.norm: the input 'shift' of norm.film needs shape [6], but the branch 'shift' has [4]"
    )
    #expect(
      try refusal([.branch("a", []), .branch("a", []), .linear(2)])
        == "nn.branch: two branches are called 'a'")
    #expect(
      try refusal([LayerSpec("norm", norm: NormSpec("rms"), connections: ["gain": "a"])])
        == "nn.norm: norm.rms has no input 'gain'")
  }

  @Test func aModelWithBranchesSurvivesJSON() throws {
    let spec = ModelSpec(
      "m", input: [5],
      layers: [
        .linear(6), .branch("gain", [.linear(6)]), .branch("shift", []), norm("gain", "shift"),
      ])
    #expect(try ModelSpec(json: spec.json()) == spec)
  }

  @Test func weightsAreNormalizedInEveryStep() throws {
    let instance = NormSpec("instance", ["scale": .bool(false), "center": .bool(false)])
    let linear = LayerSpec(
      "linear", ["units": .number(4), "bias": .bool(false)], norm: instance)
    let net = try network([linear], input: [6], batch: 2, registry: registry)
    let weight = try net.values("1.linear.weight")
    let x = normal(12, seed: 6)
    let output = try net.probe(input: x, outputGradient: normal(8, seed: 7)).output
    for unit in 0..<4 {
      let row = weight[6 * unit..<6 * unit + 6].map(Double.init)
      let mean = row.reduce(0, +) / 6
      let variance = row.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 6
      let normed = row.map { ($0 - mean) / (variance + 1e-5).squareRoot() }
      for sample in 0..<2 {
        let expected = zip(normed, x[6 * sample..<6 * sample + 6]).map { $0 * Double($1) }
          .reduce(0, +)
        #expect(abs(Double(output[4 * sample + unit]) - expected) < 1e-5)
      }
    }
  }

  @Test func gradientsOfNormalizedWeights() throws {
    try checkGradients(
      [LayerSpec("linear", ["units": .number(7)], norm: NormSpec("layer")), .tanh], input: [5],
      batch: 3, x: normal(15, seed: 8), step: 0.005, tolerance: 5e-3)
    try checkGradients(
      [
        LayerSpec(
          "conv", ["channels": .number(4), "kernel": .number(3)], norm: NormSpec("instance")),
        .tanh, .flatten,
      ], input: [4, 3, 2], batch: 2, x: normal(48, seed: 9), step: 0.005, tolerance: 5e-3)
  }

  @Test func aRampMovesWithTheStep() throws {
    let ramp = Ramp(1, 3, start: 2, end: 6)
    #expect([0, 2, 4, 6, 9].map(ramp.value) == [1, 1, 2, 3, 3])
    #expect(Ramp("\(ramp)") == ramp && Ramp("1..3") == nil && Ramp("1..x@2..6") == nil)
    let spec = NormSpec("moving", ["factor": .ramp(ramp)])
    let net = try network([.norm(spec), .linear(2)], input: [3], batch: 2, registry: registry)
    let x: [Float] = [1, 2, 3, 4, 5, 6]
    func factor(_ step: Int) throws -> Float {
      let weight = try net.values("2.linear.weight")
      let bias = try net.values("2.linear.bias")
      let output = try net.outputs(for: x)
      let plain = zip(weight[0..<3], x[0..<3]).map { $0 * $1 }.reduce(0, +)
      return (output[0] - bias[0]) / plain
    }
    // Before any training, inference is that of a trained network.
    #expect(abs(try factor(0) - 3) < 1e-5)
    _ = try net.trainStep(input: x, labels: [0, 1], step: 4)
    #expect(abs(try factor(4) - 2) < 1e-5)
    let model = ModelSpec("m", input: [3], layers: [.norm(spec), .linear(2)])
    let read = try ModelSpec(json: model.json())
    let again = try Network(read, registry: registry, batch: 2, training: plainSGD)
    #expect(again.norms.first?.hyper["factor"] == .ramp(ramp))
  }

  @Test func aNormWithWindowsFusesLikeOthers() throws {
    let spec = ModelSpec(
      "m", input: [5, 4, 2],
      layers: [
        .conv(3, kernel: 3), .residual([.conv(3, kernel: 3), .tanh]), .norm(NormSpec("boxed")),
        .relu,
        .residual([.norm(NormSpec("boxed")), .conv(3, kernel: 3)]), .flatten, .linear(3),
      ])
    let x = normal(2 * 40, seed: 21)
    let dy = normal(6, seed: 22)
    var results: [(output: [Float], gradient: [Float])] = []
    for fuses in [true, false] {
      let net = try Network(
        spec, registry: registry, batch: 2, training: plainSGD, seed: 5, wantsInputGradient: true,
        fusesNeighbours: fuses)
      let found = try net.probe(input: x, outputGradient: dy)
      results.append((found.output, found.inputGradient))
      #expect(net.norms.map(\.fused.isEmpty) == [!fuses, !fuses])
    }
    #expect(relativeError(results[0].output, results[1].output.map(Double.init)) < 1e-6)
    #expect(relativeError(results[0].gradient, results[1].gradient.map(Double.init)) < 1e-6)
  }
}
