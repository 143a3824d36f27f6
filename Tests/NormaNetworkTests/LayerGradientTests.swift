import NormaCore
import NormaNetwork
import NormaNorms
import Testing

/// Every layer's gradients against central differences, on odd and distinct sizes.
@Suite(.serialized) struct LayerGradientTests {
  @Test func linear() throws {
    try checkGradients([.linear(7)], input: [5], batch: 3, step: 0.25)
    try checkGradients([.linear(6, bias: false)], input: [4, 5], batch: 2, step: 0.25)
    // Wide enough to be cut into several blocks.
    try checkGradients(
      [.linear(131)], input: [149], batch: 67, x: normal(149 * 67, seed: 6), step: 0.25)
  }

  @Test(arguments: [(1, 3, 1, 1), (3, 5, 2, 2), (5, 3, 1, 0), (17, 1, 1, 0), (16, 3, 3, 1)])
  func convolution(inputs: Int, kernel: Int, stride: Int, padding: Int) throws {
    try checkGradients(
      [.conv(7, kernel: kernel, stride: stride, padding: padding)], input: [9, 8, inputs],
      batch: 3, step: 0.25)
  }

  @Test func convolutionOfSameSizeWithoutBiasAndWithARest() throws {
    try checkGradients([.conv(5, kernel: 3, bias: false)], input: [6, 5, 2], batch: 2, step: 0.25)
    try checkGradients([.conv(5, kernel: 4)], input: [6, 5, 2], batch: 2, step: 0.25)
    // 19 samples make chunks of 2 and a rest of 1.
    try checkGradients([.conv(4, kernel: 3)], input: [5, 4, 3], batch: 19, step: 0.25)
    let uneven = LayerSpec(
      "conv",
      ["channels": .number(4), "kernel": .numbers([3, 1]), "stride": .numbers([1, 2])])
    try checkGradients([uneven], input: [5, 6, 3], batch: 2, step: 0.25)
  }

  @Test(arguments: [(2, 2, 0), (3, 2, 1), (2, 3, 0), (3, 1, 1)])
  func pooling(kernel: Int, stride: Int, padding: Int) throws {
    try checkGradients(
      [.maxPool(kernel, stride: stride, padding: padding)], input: [7, 6, 5], batch: 3)
    try checkGradients(
      [.averagePool(kernel, stride: stride, padding: padding)], input: [7, 6, 5], batch: 3)
  }

  @Test func poolingThatTilesExactly() throws {
    try checkGradients([.maxPool(2)], input: [6, 4, 3], batch: 2)
  }

  @Test func globalAveragePool() throws {
    try checkGradients([.globalAveragePool], input: [5, 3, 7], batch: 2)
  }

  @Test func activations() throws {
    for layer in [LayerSpec.relu, .silu, .tanh, .sigmoid] {
      let x = normal(3 * 5 * 7, seed: 2).map { abs($0) < 0.05 ? 0.3 : $0 }
      try checkGradients([layer], input: [5, 7], batch: 3, x: x)
      // After a layer whose output may be written over.
      try checkGradients(
        [.linear(6), layer, .linear(5)], input: [7], batch: 3, x: normal(21, seed: 4),
        step: 0.005)
    }
  }

  @Test func dropout() throws {
    try checkGradients([.dropout(0.3)], input: [5, 7], batch: 3)
    try checkGradients([.linear(9), .dropout(0.4)], input: [7], batch: 3, step: 0.25)
  }

  @Test func residual() throws {
    try checkGradients(
      [.linear(7), .tanh, .residual([.linear(7), .tanh]), .sigmoid], input: [5], batch: 3,
      x: normal(15, seed: 3))
    try checkGradients(
      [.linear(6), .residual([.tanh, .residual([.linear(6)]), .silu])], input: [5], batch: 2,
      x: normal(10, seed: 3))
    // At the very input, empty, and beginning with layers that work in place.
    try checkGradients([.residual([.linear(5)])], input: [5], batch: 2, step: 0.1)
    try checkGradients([.linear(4), .residual([])], input: [5], batch: 2, step: 0.1)
    try checkGradients(
      [.conv(3, kernel: 3), .residual([.relu, .conv(3, kernel: 3), .dropout(0.2)])],
      input: [4, 5, 2], batch: 2, x: normal(80, seed: 7), step: 0.005, tolerance: 5e-3)
  }

  @Test(arguments: ["batch", "layer", "group", "instance", "rms"])
  func norms(name: String) throws {
    let spec = NormSpec(name, name == "group" ? ["groups": .int(2)] : [:])
    try checkGradients(
      [.norm(), .flatten], input: [3, 5, 6], batch: 4, x: normal(360, seed: 8), norm: spec,
      step: 0.004, tolerance: 5e-3)
    try checkGradients(
      [.conv(6, kernel: 3), .norm(spec), .tanh, .residual([.norm(spec), .silu])],
      input: [3, 5, 2], batch: 4, x: normal(120, seed: 8), step: 0.004, tolerance: 5e-3)
  }
}
