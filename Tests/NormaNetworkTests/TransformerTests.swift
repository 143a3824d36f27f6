import Foundation
import NormaCore
import NormaNetwork
import NormaNorms
import Testing

private func gpt(
  tokens: Int = 9, symbols: Int = 11, width: Int = 8, depth: Int = 2, qkNorm: NormSpec? = nil
) -> ModelSpec {
  let layer: [LayerSpec] = [
    .residual([.norm(), .attention(heads: 2, qkNorm: qkNorm)]),
    .residual([.norm(), .linear(4 * width), .gelu, .linear(width)]),
  ]
  return ModelSpec(
    "gpt", input: [tokens], vocabulary: .symbols(symbols), norm: NormSpec("rms"),
    layers: [.embed(width, positions: true)] + (0..<depth).flatMap { _ in layer }
      + [.norm(), .linearToVocabulary])
}

private func symbols(_ count: Int, _ vocabulary: Int, seed: UInt64 = 3) -> [Float] {
  labels(count, classes: vocabulary, seed: seed).map { Float($0) }
}

private func build(_ spec: ModelSpec, batch: Int = 2, threads: Int = 1) throws -> Network {
  try Network(
    spec, registry: .builtIn(), batch: batch,
    training: TrainingSpec(optimizer: .adamW(rate: 3e-3), steps: 10), threads: threads, seed: 4)
}

@Suite(.serialized) struct TransformerTests {
  @Test(arguments: [nil, "rms", "layer"] as [String?])
  func attentionGradients(norm: String?) throws {
    let norm = norm.map { NormSpec($0) }
    for causal in [true, false] {
      try checkGradients(
        [.attention(heads: 2, causal: causal, qkNorm: norm)], input: [5, 6], batch: 2,
        x: normal(60, seed: 3), step: 0.01, tolerance: 5e-3)
    }
    // More queries than are taken together, and a width that fills no vector.
    try checkGradients(
      [.attention(heads: 3, qkNorm: norm)], input: [19, 9], batch: 1,
      x: normal(171, seed: 3), step: 0.01, tolerance: 5e-3)
  }

  @Test func geluGradientsAndValues() throws {
    try checkGradients([.gelu], input: [5, 7], batch: 3, x: normal(105, seed: 2), step: 0.01)
    try checkGradients(
      [.linear(6), .gelu, .linear(5)], input: [7], batch: 3, x: normal(21, seed: 4), step: 0.005)
    let x = stride(from: Float(-5), through: 12, by: 0.01).map { $0 } + [0, -1e-6, 1e-20, -40]
    let y = try network([.gelu], input: [x.count], batch: 1, training: nil).outputs(for: x)
    for (got, value) in zip(y, x.map { Double($0) }) {
      let expected = value * 0.5 * erfc(-value / 2.0.squareRoot())
      #expect(abs(Double(got) - expected) <= 2e-7 * abs(expected) + 1e-7, "gelu(\(value))")
    }
    let special = try network([.gelu], input: [1], batch: 1, training: nil).outputs(for: [.nan])
    #expect(special[0].isNaN)
  }

  /// One case of attention.json, made by make_attention.py.
  struct Golden: Decodable {
    let batch, tokens, heads, width: Int
    let causal: Bool
    let norm: String
    let x, dy: [Float]
    let y, dx: [Double]
    let values: [String: [Float]]
    let gradients: [String: [Double]]
  }

  @Test func attentionIsPyTorchs() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Golden/attention.json")
    let cases = try JSONDecoder().decode([Golden].self, from: Data(contentsOf: file))
    #expect(cases.count == 4)
    for golden in cases {
      let layer = LayerSpec.attention(
        heads: golden.heads, causal: golden.causal, qkNorm: NormSpec(golden.norm))
      let net = try network([layer], input: [golden.tokens, golden.width], batch: golden.batch)
      #expect(Set(net.tensors.map(\.name)) == Set(golden.values.keys.map { "1.attention." + $0 }))
      for (name, values) in golden.values { try net.set("1.attention." + name, to: values) }
      let got = try net.probe(input: golden.x, outputGradient: golden.dy)
      #expect(relativeError(got.output, golden.y) < 2e-6)
      #expect(relativeError(got.inputGradient, golden.dx) < 3e-6)
      // What shifts all keys alike has no influence: its gradient is rounding.
      for (name, gradient) in golden.gradients {
        let scale = max(gradient.map { abs($0) }.max() ?? 0, 1)
        let error = relativeError(
          try net.gradient("1.attention." + name), gradient, scale: scale)
        #expect(error < 3e-6, "\(name)")
      }
    }
  }

  @Test(arguments: [nil, "rms"] as [String?])
  func laterSymbolsChangeNoEarlierOutput(norm: String?) throws {
    let (tokens, classes) = (35, 11)
    let net = try build(gpt(tokens: tokens, symbols: classes, qkNorm: norm.map { NormSpec($0) }))
    let x = symbols(tokens, classes)
    let y = try net.outputs(for: x)
    for changed in [1, 15, 16, 34] {
      var other = x
      other[changed] = Float((Int(x[changed]) + 1) % classes)
      let z = try net.outputs(for: other)
      #expect(z[..<(changed * classes)] == y[..<(changed * classes)])
      #expect(z[(changed * classes)...] != y[(changed * classes)...])
    }
    let open = try network(
      [.attention(heads: 2, causal: false)], input: [5, 4], batch: 1, training: nil)
    var values = normal(20, seed: 1)
    let before = try open.outputs(for: values)
    values[19] += 1
    #expect(try open.outputs(for: values)[..<4] != before[..<4])
  }

  @Test func embeddingAddsVectorsAndScattersGradients() throws {
    let spec = ModelSpec(
      "e", input: [3], vocabulary: .symbols(4), layers: [.embed(2, positions: true)])
    let net = try build(spec)
    try net.set("1.embed.weight", to: [1, 2, 3, 4, 5, 6, 7, 8])
    try net.set("1.embed.positions", to: [0, 0, 10, 20, 30, 40])
    let got = try net.probe(
      input: [3, 0, 3, 1, 3, 0], outputGradient: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    #expect(got.output == [7, 8, 11, 22, 37, 48, 3, 4, 17, 28, 31, 42])
    #expect(try net.gradient("1.embed.weight") == [14, 16, 7, 8, 0, 0, 15, 18])
    #expect(try net.gradient("1.embed.positions") == [8, 10, 12, 14, 16, 18])
  }

  @Test func embeddingBeginsStandardNormal() throws {
    let spec = ModelSpec("e", input: [3], vocabulary: .symbols(200), layers: [.embed(50)])
    let values = try build(spec).values("1.embed.weight").map { Double($0) }
    let mean = values.reduce(0, +) / 10000
    let variance = values.map { $0 * $0 }.reduce(0, +) / 10000
    #expect(abs(mean) < 0.05 && abs(variance - 1) < 0.05)
  }

  @Test func bitsDoNotDependOnThreads() throws {
    var all: [[UInt32]] = []
    for threads in 1...3 {
      let net = try build(
        gpt(tokens: 64, symbols: 100, width: 64, depth: 1, qkNorm: NormSpec("rms")), batch: 16,
        threads: threads)
      for step in 0..<2 {
        _ = try net.trainStep(
          input: symbols(1024, 100), labels: labels(1024, classes: 100), step: step)
      }
      all.append(try stateBits(net))
    }
    #expect(all[0] == all[1] && all[0] == all[2])
  }

  @Test func lossIsTheMeanOverPositionsAndLearns() throws {
    let net = try build(gpt())
    let x = symbols(18, 11)
    let next = x.map { Int32($0) }
    let before = try net.evaluate(input: x, labels: next)
    #expect(before.count == 18)
    var losses: [Double] = []
    for step in 0..<200 {
      let result = try net.trainStep(input: x, labels: next, step: step)
      #expect(result.count == 18)
      losses.append(result.loss)
    }
    #expect(abs(losses[0] - before.loss) < 1e-5)
    let after = try net.evaluate(input: x, labels: next)
    #expect(after.accuracy == 1 && after.loss < 0.2)
  }

  @Test func savedAndLoaded() throws {
    let path = NSTemporaryDirectory() + "norma-gpt-\(UUID().uuidString).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let net = try build(gpt(qkNorm: NormSpec("layer", ["epsilon": .real(1e-4)])))
    try net.save(to: path)
    let spec = try ModelSpec(savedIn: path)
    #expect(spec == net.spec)
    let other = try Network(spec, registry: .builtIn(), batch: 2, training: nil, seed: 9)
    try other.load(from: path)
    let x = symbols(18, 11)
    #expect(try other.outputs(for: x) == net.outputs(for: x))
  }

  @Test func decayLeavesNormsAlone() throws {
    let net = try build(gpt())
    for tensor in net.tensors where tensor.name.contains("norm") {
      #expect(tensor.role == .gain)
    }
    let roles = Dictionary(uniqueKeysWithValues: net.tensors.map { ($0.name, $0.role) })
    #expect(roles["1.embed.weight"] == .weight)
    #expect(roles["2.residual.2.attention.output.bias"] == .shift)
  }

  private func message(_ body: () throws -> Void) throws -> String {
    try #require(throws: NormaError.self, performing: body).description
  }

  @Test func mistakesAreNamed() throws {
    func fails(_ layers: [LayerSpec], input: [Int], vocabulary: Vocabulary? = nil) throws -> String
    {
      let spec = ModelSpec("m", input: input, vocabulary: vocabulary, layers: layers)
      return try message { _ = try build(spec) }
    }
    #expect(
      try fails([.attention(heads: 4)], input: [5, 6])
        .contains("'heads' must divide the width 6, got 4"))
    #expect(try fails([.attention(heads: 2)], input: [6]).contains("needs [tokens, width]"))
    #expect(try fails([.embed(4)], input: [6]).contains("needs symbols"))
    #expect(
      try fails([.linear(4)], input: [6], vocabulary: .symbols(9)).contains(
        "cannot compute with symbols"))
    #expect(try fails([.linearToVocabulary], input: [6]).contains("no vocabulary"))
    #expect(try fails([.embed(4)], input: [6], vocabulary: .data).contains("how many symbols"))
    #expect(try fails([.embed(4)], input: [6], vocabulary: .symbols(0)).contains("0 symbols"))
    #expect(
      try fails([.attention(heads: 2, qkNorm: NormSpec("rsm"))], input: [5, 6])
        .contains("no norm named 'rsm'"))
    let net = try build(gpt())
    let good = symbols(18, 11)
    for bad in [Float(11), -1, 0.5, .nan] {
      var x = good
      x[7] = bad
      let text = try message {
        _ = try net.trainStep(input: x, labels: good.map { Int32($0) }, step: 0)
      }
      #expect(text.contains("no symbol of the 11"))
      #expect(try message { _ = try net.outputs(for: x) }.contains("no symbol"))
    }
    #expect(
      try message { _ = try net.trainStep(input: good, labels: [1, 2], step: 0) }
        .contains("18 labels"))
    #expect(
      try message { _ = try net.evaluate(input: good, labels: [1, 2, 3]) }.contains("3 labels"))
  }
}
