import Foundation
import NormaCore
import NormaNetwork
import NormaNorms
import Testing

/// Outputs against the definitions, written out in Double.
@Suite(.serialized) struct LayerValueTests {
  private func output(_ layers: [LayerSpec], _ x: [Float], input: [Int], batch: Int) throws
    -> [Float]
  {
    try network(layers, input: input, batch: batch, training: nil).outputs(for: x)
  }

  @Test(arguments: [(3, 1, 1), (3, 2, 0), (5, 2, 2), (2, 1, 0)])
  func convolution(kernel: Int, stride: Int, padding: Int) throws {
    let (batch, height, width, inputs, channels) = (3, 9, 7, 5, 6)
    let net = try network(
      [.conv(channels, kernel: kernel, stride: stride, padding: padding)],
      input: [height, width, inputs], batch: batch, training: nil)
    let x = normal(batch * height * width * inputs, seed: 1)
    let w = try net.values("1.conv.weight")
    let b = try net.values("1.conv.bias")
    let outHeight = (height + 2 * padding - kernel) / stride + 1
    let outWidth = (width + 2 * padding - kernel) / stride + 1
    #expect(net.outputShape == [outHeight, outWidth, channels])
    var expected: [Double] = []
    for n in 0..<batch {
      for oy in 0..<outHeight {
        for ox in 0..<outWidth {
          for c in 0..<channels {
            var sum = Double(b[c])
            for ky in 0..<kernel {
              for kx in 0..<kernel {
                let (y, x0) = (oy * stride + ky - padding, ox * stride + kx - padding)
                guard (0..<height).contains(y), (0..<width).contains(x0) else { continue }
                for i in 0..<inputs {
                  let value = Double(x[((n * height + y) * width + x0) * inputs + i])
                  sum += value * Double(w[((c * inputs + i) * kernel + ky) * kernel + kx])
                }
              }
            }
            expected.append(sum)
          }
        }
      }
    }
    #expect(relativeError(try net.outputs(for: x), expected) < 1e-6)
  }

  @Test func linearAppliesWeightAndBias() throws {
    let net = try network([.linear(2)], input: [3], batch: 2, training: nil)
    try net.set("1.linear.weight", to: [1, 2, 3, -1, 0, 5])
    try net.set("1.linear.bias", to: [10, 20])
    #expect(try net.outputs(for: [1, 1, 1, 2, 0, -1]) == [16, 24, 9, 13])
  }

  @Test func poolsIgnorePadding() throws {
    let x: [Float] = [-1, -2, -3, -4, -5, -6, -7, -8, -9]
    #expect(
      try output([.maxPool(2, stride: 2, padding: 1)], x, input: [3, 3, 1], batch: 1)
        == [-1, -2, -4, -5])
    #expect(
      try output([.averagePool(2, stride: 2, padding: 1)], x, input: [3, 3, 1], batch: 1)
        == [-1, -2.5, -5.5, -7])
    #expect(try output([.globalAveragePool], x, input: [3, 3, 1], batch: 1) == [-5])
  }

  @Test func activationsAreAccurateEverywhere() throws {
    let x: [Float] = [-200, -90, -20, -3, -1, -1e-4, 0, 1e-6, 0.3, 2, 15, 89, 200]
    let wide = x.map { Double($0) }
    func check(_ layer: LayerSpec, _ f: (Double) -> Double) throws {
      let y = try output([layer], x, input: [x.count], batch: 1)
      for (got, value) in zip(y, wide) {
        #expect(
          abs(Double(got) - f(value)) <= 4e-7 * abs(f(value)) + 1e-37, "\(layer.kind)(\(value))")
      }
    }
    try check(.relu) { max($0, 0) }
    try check(.tanh) { Foundation.tanh($0) }
    try check(.sigmoid) { 1 / (1 + exp(-max($0, -87))) }
    let silu = try output([.silu], x, input: [x.count], batch: 1)
    for (got, value) in zip(silu, wide) {
      #expect(abs(Double(got) - value / (1 + exp(-value))) <= 4e-7 * abs(value))
    }
  }

  @Test func activationsLetNaNThrough() throws {
    for layer in [LayerSpec.relu, .tanh, .sigmoid, .silu] {
      #expect(try output([layer], [.nan, 1], input: [2], batch: 1)[0].isNaN)
    }
    #expect(try output([.maxPool(2)], [1, .nan, 2, 3], input: [2, 2, 1], batch: 1)[0].isNaN)
  }

  @Test func dropoutDrawsByStepAndScales() throws {
    let count = 4 * 1000
    let net = try network([.dropout(0.25), .linear(1)], input: [1000], batch: 4)
    let ones = [Float](repeating: 1, count: count)
    func mask(_ step: Int) throws -> [Float] {
      try net.set("2.linear.weight", to: [Float](repeating: 1, count: 1000))
      return try net.probe(input: ones, outputGradient: [1, 1, 1, 1], step: step).inputGradient
    }
    let first = try mask(0)
    #expect(Set(first) == [0, Float(1 / 0.75)])
    let dropped = first.filter { $0 == 0 }.count
    #expect((850...1150).contains(dropped))
    #expect(try mask(0) == first)
    #expect(try mask(1) != first)
    // The words of the generator that everything else uses.
    let name = RandomSource(seed: 0, purpose: "dropout 1.dropout")
    var random = RandomSource(seed: 5, stream: name.stream)
    #expect(first.map { $0 == 0 } == (0..<count).map { _ in random.next32() < 1 << 30 })
  }

  @Test func dropoutAndNoneDoNothingInInference() throws {
    let x = normal(12, seed: 1)
    #expect(
      try output([.dropout(0.9), .norm(NormSpec("none"))], x, input: [4], batch: 3) == x)
  }

  @Test func initialValuesDependOnNameAndSeedAlone() throws {
    let small = try network([.linear(4), .relu, .linear(3)], input: [5], batch: 2)
    let large = try network([.linear(4), .relu, .linear(3), .linear(9)], input: [5], batch: 7)
    let other = try network([.linear(4), .relu, .linear(3)], input: [5], batch: 2, seed: 6)
    for name in ["1.linear.weight", "3.linear.weight", "3.linear.bias"] {
      #expect(try small.values(name) == large.values(name))
      #expect(try small.values(name) != other.values(name))
    }
    let weights = try network([.linear(300)], input: [100], batch: 1).values("1.linear.weight")
    let mean = weights.reduce(0, +) / Float(weights.count)
    let variance = weights.map { $0 * $0 }.reduce(0, +) / Float(weights.count)
    #expect(weights.allSatisfy { abs($0) <= 0.1 } && abs(mean) < 1e-3)
    #expect(abs(variance - 0.01 / 3) < 1e-4)
  }
}
