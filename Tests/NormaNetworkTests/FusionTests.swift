import Foundation
import NormaCompiler
import NormaCore
import NormaGraph
import NormaNetwork
import NormaNorms
import Testing

/// A model with the neighbours its norms are expected to take in.
struct FusedModel: CustomStringConvertible, Sendable {
  let description: String
  let input: [Int]
  let layers: [LayerSpec]
  let fused: [[String]]

  static let all: [FusedModel] = [
    FusedModel(
      description: "activations after norms", input: [7],
      layers: [
        .linear(6), .norm(), .relu, .linear(5), .norm(), .gelu, .linear(5), .norm(), .silu,
        .linear(5), .norm(), .dropout(0.3), .relu, .linear(4), .sequence([.norm()]), .tanh,
      ], fused: [["relu"], [], [], [], []]),
    FusedModel(
      description: "norms before", input: [6],
      layers: [
        .linear(6), .residual([.norm(), .linear(9), .gelu, .linear(6)]),
        .residual([.norm(), .relu, .linear(6), .dropout(0.2)]),
        .residual([.norm(), .linear(6), .norm(), .relu]), .norm(),
      ],
      fused: [
        ["skip"], ["residual", "skip", "relu"], ["residual", "skip"], ["relu"], ["residual"],
      ]),
    FusedModel(
      description: "norms after", input: [6],
      layers: [
        .residual([.linear(6)]), .norm(), .relu, .residual([.linear(6), .tanh]), .norm(),
        .residual([.sigmoid]), .norm(), .gelu, .linear(4),
      ], fused: [["residual", "relu"], ["residual"], ["residual"]]),
    FusedModel(
      description: "blocks of images", input: [4, 5, 2],
      layers: [
        .conv(6, kernel: 3), .norm(), .relu,
        .residual([.conv(6, kernel: 3), .norm(), .relu, .conv(6, kernel: 3), .norm()]), .relu,
        .residual([.norm(), .relu, .conv(6, kernel: 3)]), .norm(), .globalAveragePool,
      ], fused: [["relu"], ["relu"], [], ["skip", "relu"], ["residual"]]),
    FusedModel(
      description: "residuals in residuals", input: [6],
      layers: [
        .residual([.residual([.norm(), .linear(6)]), .norm(), .relu]),
        .residual([.norm(), .residual([.norm(), .linear(6)])]),
        .residual([.residual([.residual([.norm()])])]), .residual([]), .linear(6),
        .residual([.norm(NormSpec("none")), .norm(), .linear(6)]), .norm(NormSpec("none")), .norm(),
        .norm(), .relu, .relu,
      ],
      fused: [
        ["skip"], ["residual", "relu"], ["residual", "skip"], ["skip"], ["skip"], ["skip"],
        ["residual"], ["relu"],
      ]),
  ]
}

private func build(
  _ model: FusedModel, _ norm: NormSpec, fuses: Bool, batch: Int = 4, threads: Int = 1,
  executor: Executor = .tiles, registry: NormRegistry = .builtIn()
) throws -> Network {
  try Network(
    ModelSpec(
      "fused", input: model.input, norm: norm, layers: model.layers + [.flatten, .linear(3)]),
    registry: registry, batch: batch,
    training: TrainingSpec(optimizer: .sgd(rate: 0.05, momentum: 0.9), steps: 20),
    executor: executor, threads: threads, seed: 3, wantsInputGradient: true, fusesNeighbours: fuses)
}

/// Hands on a definition's kernels but says nothing of neighbours, as compiled plugins do.
private struct Plain: NormProvider {
  let wrapped: any NormProvider
  var schema: NormSchema { wrapped.schema }
  var definition: NormDefinition? { wrapped.definition }
  func splits(_ hyper: [String: HyperValue], channels: Int) throws(NormaError) -> Splits {
    try wrapped.splits(hyper, channels: channels)
  }
  func makeKernel(_ request: KernelRequest) throws(NormaError) -> any NormKernel {
    #expect(request.fusion.isEmpty)
    return try wrapped.makeKernel(request)
  }
}

private let specs = [NormSpec("layer"), NormSpec("batch"), NormSpec("rms")]

@Suite("Norms in networks", .serialized) struct FusionTests {
  @Test("take in their neighbours, and no layer changes its name", arguments: FusedModel.all)
  func found(_ model: FusedModel) throws {
    let (fused, plain) = (
      try build(model, specs[0], fuses: true), try build(model, specs[0], fuses: false)
    )
    #expect(fused.norms.map(\.fused) == model.fused)
    #expect(plain.norms.allSatisfy { $0.fusion.isEmpty })
    #expect(fused.norms.map(\.layer) == plain.norms.map(\.layer))
    #expect(fused.tensors == plain.tensors)
  }

  @Test("take in every activation where nothing is learned")
  func inference() throws {
    let model = FusedModel.all[0]
    let net = try network(
      model.layers, input: model.input, batch: 2, norm: specs[0], training: nil)
    #expect(net.norms.map(\.fused) == [["relu"], ["gelu"], ["silu"], [], ["tanh"]])
  }

  @Test("give the same as with operations apart", arguments: FusedModel.all, specs)
  func agrees(_ model: FusedModel, _ norm: NormSpec) throws {
    let networks = try [true, false].map { try build(model, norm, fuses: $0) }
    let count = 4 * model.input.reduce(1, *)
    let (x, weights) = (normal(count, seed: 21), normal(12, seed: 22))
    let probes = try networks.map { try $0.probe(input: x, outputGradient: weights) }
    func close(_ a: [Float], _ b: [Float], _ what: String, _ bound: Double = 1e-5) {
      let error = relativeError(a, b.map(Double.init), scale: max(1, Double(b.map(abs).max() ?? 0)))
      #expect(error < bound, "\(what)")
    }
    close(probes[0].output, probes[1].output, "output")
    close(probes[0].inputGradient, probes[1].inputGradient, "input gradient")
    for tensor in networks[0].tensors where tensor.isParameter {
      close(
        try networks[0].gradient(tensor.name), try networks[1].gradient(tensor.name), tensor.name)
    }
    for step in 0..<6 {
      let (x, y) = (normal(count, seed: UInt64(step)), labels(4, classes: 3, seed: UInt64(step)))
      let losses = try networks.map { try $0.trainStep(input: x, labels: y, step: step).loss }
      #expect(abs(losses[0] - losses[1]) < 1e-5 * max(1, losses[1]), "step \(step)")
    }
    close(try networks[0].outputs(for: x), try networks[1].outputs(for: x), "inference", 1e-4)
  }

  @Test("agree with the formula in Double", arguments: FusedModel.all)
  func reference(_ model: FusedModel) throws {
    let tiles = try build(model, specs[0], fuses: true)
    let reference = try build(model, specs[0], fuses: true, executor: .reference)
    let count = 4 * model.input.reduce(1, *)
    let (x, weights) = (normal(count, seed: 21), normal(12, seed: 22))
    let (a, b) = (
      try tiles.probe(input: x, outputGradient: weights),
      try reference.probe(input: x, outputGradient: weights)
    )
    #expect(relativeError(a.output, b.output.map(Double.init)) < 1e-5)
    #expect(relativeError(a.inputGradient, b.inputGradient.map(Double.init), scale: 1) < 1e-5)
  }

  @Test("have the gradients of finite differences")
  func gradients() throws {
    try checkGradients(
      [
        .conv(6, kernel: 3), .residual([.norm(), .conv(6, kernel: 3)]),
        .residual([.norm(), .gelu, .conv(6, kernel: 3)]), .norm(), .tanh,
      ], input: [3, 5, 2], batch: 4, x: normal(120, seed: 8), norm: NormSpec("layer"), step: 0.004,
      tolerance: 5e-3)
    try checkGradients(
      [.conv(6, kernel: 3), .residual([.conv(6, kernel: 3), .tanh]), .norm(), .silu],
      input: [3, 5, 2], batch: 4, x: normal(120, seed: 8), norm: NormSpec("batch"), step: 0.004,
      tolerance: 5e-3)
  }

  @Test("stay apart where kernels were compiled before")
  func plugins() throws {
    let registry = NormRegistry(
      try specs.map {
        let provider = try NormRegistry.builtIn().entry($0.name).provider
        return NormEntry(Plain(wrapped: provider), source: .builtIn)
      })
    for model in FusedModel.all {
      let (plugin, apart) = (
        try build(model, specs[0], fuses: true, registry: registry),
        try build(model, specs[0], fuses: false)
      )
      #expect(plugin.norms.allSatisfy { $0.fusion.isEmpty })
      let count = 4 * model.input.reduce(1, *)
      let (x, y) = (normal(count, seed: 1), labels(4, classes: 3))
      for step in 0..<2 {
        let losses = try [plugin, apart].map {
          try $0.trainStep(input: x, labels: y, step: step).loss
        }
        #expect(losses[0] == losses[1])
      }
    }
  }

  @Test("read files that were written with operations apart")
  func files() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("m.safetensors").path
    for model in FusedModel.all {
      let old = try build(model, specs[1], fuses: false)
      let count = 4 * model.input.reduce(1, *)
      let x = normal(count, seed: 1)
      _ = try old.trainStep(input: x, labels: labels(4, classes: 3), step: 0)
      try old.save(to: path)
      let new = try build(model, specs[1], fuses: true)
      try new.load(from: path)
      let expected = try old.outputs(for: x).map(Double.init)
      #expect(relativeError(try new.outputs(for: x), expected) < 1e-5, "\(model)")
    }
  }

  @Test("give the same bits on any number of threads")
  func threads() throws {
    let model = FusedModel(
      description: "wide", input: [300],
      layers: [
        .linear(256), .norm(), .relu, .residual([.norm(), .linear(256)]),
        .residual([.norm(), .linear(256), .dropout(0.1)]), .norm(), .gelu,
      ], fused: [])
    for norm in specs {
      let bits = try [1, 2].map { threads in
        let net = try build(model, norm, fuses: true, batch: 96, threads: threads)
        for step in 0..<3 {
          _ = try net.trainStep(
            input: normal(96 * 300, seed: UInt64(step)), labels: labels(96, classes: 3), step: step)
        }
        return try stateBits(net)
      }
      #expect(bits[0] == bits[1])
    }
  }
}
