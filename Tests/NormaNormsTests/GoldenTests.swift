import NormaConformance
import NormaCore
import NormaNorms
import Testing

@Suite("Golden values of PyTorch")
struct GoldenTests {
  static let bound = 5e-7

  @Test(
    "outputs, gradients and buffers agree to 5e-7 of the scale",
    arguments: ["batch", "layer", "group", "instance", "rms"], [Executor.tiles, .reference])
  func golden(_ norm: String, _ executor: Executor) throws {
    let golden = try GoldenFile()
    let cases = golden.cases.filter { $0.norm == norm }
    #expect(cases.count >= 14)
    for example in cases {
      for mode in example.modes.compactMap(Mode.init(rawValue:)) {
        try compare(example, mode, executor, golden)
      }
    }
  }

  func compare(
    _ example: GoldenFile.Case, _ mode: Mode, _ executor: Executor, _ golden: GoldenFile
  ) throws {
    let layout = try TensorLayout(shape: example.shape, axis: example.axis)
    let layer = try NormLayer(
      example.spec, in: .builtIn(), channelShape: layout.channelShape)
    let harness = try KernelHarness(layer: layer, layout: layout, mode: mode, executor: executor)
    harness.x = try golden.tensor(example.x)
    for (name, tensor) in example.parameters {
      harness.parameters[name] = try golden.tensor(tensor)
    }
    for (name, tensor) in example.buffers { harness.buffers[name] = try golden.tensor(tensor) }
    #expect(Set(harness.parameters.keys) == Set(example.parameters.keys), "\(example.title)")
    try harness.forward()
    try harness.backward(golden.tensor(example.dy))
    #expect(harness.violations.isEmpty, "\(example.title): \(harness.violations)")

    var found = ["y": harness.y, "gradient:x": harness.inputGradient]
    for (name, values) in harness.parameterGradients { found["gradient:" + name] = values }
    for (name, values) in harness.buffers { found["buffer:" + name] = values }
    for (name, result) in example.results {
      let values = try #require(found[name], "\(example.title) gives no \(name)")
      let exact = try golden.tensor(result.exact)
      let torch = try golden.tensor(result.torch)
      let error = scaledError(values, exact, bound: Self.bound)
      #expect(error <= Self.bound, "\(example.title), \(mode), \(name) against float64")
      // PyTorch's own float32 error is not Norma's to make good.
      let allowed = Self.bound + scaledError(torch, exact, bound: Self.bound)
      #expect(
        scaledError(values, torch, bound: Self.bound) <= allowed,
        "\(example.title), \(mode), \(name) against PyTorch")
    }
  }
}
