import Foundation
import NormaCompiler
import NormaConformance
import NormaCore
import NormaLua
import NormaNorms
import Testing

/// The norms of `Plugins/zoo`.
@Suite("The zoo")
struct ZooTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  private static let folder = root.appending(path: "Plugins/zoo").path
  static let names =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    .filter { $0.hasSuffix(".lua") }.map { String($0.dropLast(4)) }.sorted()

  private func registry() throws -> NormRegistry {
    let registry = NormRegistry.builtIn()
    try NormFolder.offer(Self.folder, to: registry)
    return registry
  }

  /// What `Tests/Golden/make_zoo.py` wrote: the same formulas by another hand, in float64.
  private struct Golden: Decodable {
    struct Input: Decodable {
      let shape: [Int]
      let axis: [Int]
      let x: [Double]
      let dy: [Double]
    }
    struct Case: Decodable {
      let norm: String
      let hyper: [String: Double]
      let input: Int
      let mode: String
      let inputs: [String: [Double]]
      let parameters: [String: [Double]]
      let buffers: [String: [Double]]
      let results: [String: [Double]]
    }
    let inputs: [Input]
    let cases: [Case]

    static func read() throws -> Golden {
      let file = ZooTests.root.appending(path: "Tests/Golden/zoo.json")
      return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
    }
  }

  private func meanSize(_ values: [Double]) -> Double {
    values.map(abs).reduce(0, +) / Double(values.count)
  }

  @Test("Outputs, gradients and buffers are those of another hand, in both layouts")
  func golden() throws {
    let registry = try registry()
    let golden = try Golden.read()
    #expect(Set(golden.cases.map(\.norm)) == Set(Self.names))
    for example in golden.cases {
      let input = golden.inputs[example.input]
      let title = "\(example.norm) \(input.shape) \(example.mode)"
      let layout = try TensorLayout(shape: input.shape, axis: input.axis)
      let layer = try NormLayer(
        NormSpec(
          example.norm,
          example.hyper.mapValues { value in Int(exactly: value).map(HyperValue.int) ?? .real(value)
          }), in: registry,
        channelShape: layout.channelShape)
      let harness = try KernelHarness(
        layer: layer, layout: layout, mode: try #require(Mode(rawValue: example.mode)))
      func floats(_ values: [Double]) -> [Float] { values.map { Float($0) } }
      harness.inputs = example.inputs.mapValues(floats)
      harness.x = floats(input.x)
      #expect(Set(harness.parameters.keys) == Set(example.parameters.keys), "\(title)")
      #expect(Set(harness.buffers.keys) == Set(example.buffers.keys), "\(title)")
      harness.parameters = example.parameters.mapValues(floats)
      harness.buffers = example.buffers.mapValues(floats)
      try harness.forward()
      try harness.backward(floats(input.dy))
      for (name, expected) in example.results {
        let found: [Float]
        if name == "y" {
          found = harness.y
        } else if name.hasPrefix("buffer:") {
          found = harness.buffers[String(name.dropFirst(7))] ?? []
        } else {
          found = harness.inputGradients[name] ?? harness.parameterGradients[name] ?? []
        }
        // The gradient of one number is a sum of many terms, of which little may be left.
        let terms = Double(input.x.count / max(expected.count, 1))
        let error = scaledError(
          found, floats(expected), bound: 1e-6,
          floor: expected.count == 1 ? terms.squareRoot() * meanSize(input.dy) : 0)
        #expect(error <= 1e-6, "\(title): '\(name)' is off by \(error)")
      }
    }
  }

  @Test("Each keeps the whole contract", arguments: names)
  func conforms(_ name: String) throws {
    var options = ConformanceOptions()
    options.gradientBound = 5e-7
    for result in checkNorm(NormSpec(name), in: try registry(), options: options) {
      #expect(result.passed, "\(name): \(result)")
    }
  }

  @Test("Graph norm's alpha gets its gradient where little of a large mean is left")
  func partOfMean() throws {
    let layout = try TensorLayout(shape: [3, 33, 37], axis: [1])
    let layer = try NormLayer(NormSpec("graph"), in: registry(), channelShape: [33])
    let random = { RandomSource(seed: 3, purpose: $0) }
    func gradient(_ executor: Executor) throws -> [Float] {
      let harness = try KernelHarness(
        layer: layer, layout: layout, mode: .train, executor: executor)
      var (x, alpha, dy) = (random("x"), random("alpha"), random("dy"))
      harness.x = harness.x.map { _ in Float(1e6 + x.normal()) }
      harness.parameters["alpha"] = (0..<33).map { _ in Float(alpha.uniform(0.6, 1.4)) }
      try harness.forward()
      try harness.backward(harness.x.map { _ in Float(dy.normal()) })
      return try #require(harness.parameterGradients["alpha"])
    }
    let expected = try gradient(.reference)
    let session = NativeSession(
      environment: ProcessInfo.processInfo.environment, cores: 1, wait: .seconds(120))
    for executor in [Executor.tiles, .native(session)] {
      // The terms of its sums are a million times as large.
      let error = scaledError(try gradient(executor), expected, bound: 1e-5)
      #expect(error <= 1e-5, "\(executor)")
    }
  }

  @Test("Each file says in a line what it is, and whose")
  func described() throws {
    let registry = try registry()
    for name in Self.names {
      let schema = try registry.entry(name).schema
      #expect(schema.summary.count > 20 && !schema.paper.isEmpty, "\(name)")
      #expect(schema.hyper.allSatisfy { !$0.doc.isEmpty || $0.name == "groups" }, "\(name)")
    }
  }
}
