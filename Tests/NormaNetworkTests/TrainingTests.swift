import Foundation
import NormaCore
import NormaNetwork
import NormaNorms
import Testing

@Suite(.serialized) struct TrainingTests {
  private let mlp: [LayerSpec] = [
    .flatten, .linear(33), .norm(), .relu, .dropout(0.1), .linear(17), .norm(), .silu, .linear(5),
  ]
  private let cnn: [LayerSpec] = [
    .conv(6, kernel: 3), .norm(), .relu, .maxPool(2),
    .residual([.conv(6, kernel: 3), .norm(), .tanh]), .averagePool(3, stride: 2, padding: 1),
    .conv(9, kernel: 3, stride: 2), .relu, .flatten, .linear(5),
  ]

  private func trained(
    _ layers: [LayerSpec], threads: Int, norm: NormSpec, training: TrainingSpec, steps: Int
  ) throws -> Network {
    let input = [10, 9, 2]
    let net = try network(
      layers, input: input, batch: 19, norm: norm, training: training, threads: threads)
    let x = normal(19 * 180, seed: 1)
    let y = labels(19, classes: 5)
    for step in 0..<steps { _ = try net.trainStep(input: x, labels: y, step: step) }
    return net
  }

  @Test(arguments: ["none", "batch", "layer"])
  func sameBitsOnAnyNumberOfThreads(norm: String) throws {
    let training = TrainingSpec(
      optimizer: .sgd(rate: 0.02, momentum: 0.9), schedule: ScheduleSpec(.cosine(), warmUp: 10),
      steps: 200, clipNorm: 1)
    for layers in [mlp, cnn] {
      var bits: [[UInt32]] = []
      for threads in 1...3 {
        let net = try trained(
          layers, threads: threads, norm: NormSpec(norm), training: training, steps: 200)
        bits.append(try stateBits(net))
      }
      #expect(bits[0] == bits[1] && bits[0] == bits[2])
      #expect(bits[0].allSatisfy { Float(bitPattern: $0).isFinite })
    }
  }

  @Test func largeProductsHaveTheSameBits() throws {
    var bits: [[UInt32]] = []
    for threads in 1...3 {
      let net = try network(
        [.linear(300), .relu, .linear(200), .relu, .linear(10)], input: [400], batch: 128,
        threads: threads)
      let x = normal(128 * 400, seed: 2)
      for step in 0..<5 {
        _ = try net.trainStep(input: x, labels: labels(128, classes: 10), step: step)
      }
      bits.append(try stateBits(net))
    }
    #expect(bits[0] == bits[1] && bits[0] == bits[2])
  }

  @Test func learnsWithEveryOptimizer() throws {
    for optimizer in [
      OptimizerSpec.sgd(rate: 0.05), .sgd(rate: 0.05, momentum: 0.9, nesterov: true, decay: 1e-4),
      .adam(rate: 3e-3), .adamW(rate: 3e-3),
    ] {
      let training = TrainingSpec(optimizer: optimizer, steps: 150)
      let net = try trained(
        mlp, threads: 1, norm: NormSpec("batch"), training: training, steps: 150)
      let result = try net.evaluate(
        input: normal(19 * 180, seed: 1), labels: labels(19, classes: 5))
      #expect(result.correct == 19, "\(optimizer)")
    }
  }

  @Test func lossIsTheMeanCrossEntropy() throws {
    let net = try network([.linear(3)], input: [2], batch: 2)
    try net.set("1.linear.weight", to: [0, 0, 0, 0, 0, 0])
    try net.set("1.linear.bias", to: [1, 2, 1000])
    let result = try net.trainStep(input: [0, 0, 0, 0], labels: [2, 0], step: 0)
    #expect(abs(result.loss - 999.0 / 2) < 1e-6)
    #expect(result.correct == 1)
    let gradient = try net.gradient("1.linear.bias")
    #expect(relativeError(gradient, [-0.5, 0, 0.5]) < 1e-6)
  }

  @Test func evaluationTakesPartsOfABatch() throws {
    let net = try network([.linear(4)], input: [3], batch: 5)
    let x = normal(15, seed: 1)
    let y = labels(5, classes: 4)
    var parts = try net.evaluate(input: Array(x[..<6]), labels: Array(y[..<2]))
    parts.add(try net.evaluate(input: Array(x[6...]), labels: Array(y[2...])))
    let whole = try net.evaluate(input: x, labels: y)
    #expect(parts.correct == whole.correct && parts.count == 5)
    #expect(abs(parts.lossSum - whole.lossSum) < 1e-9)
    #expect(try net.evaluate(input: [], labels: []).count == 0)
  }

  @Test func inferenceUsesRunningStatistics() throws {
    let net = try network(
      [.norm(), .linear(2)], input: [3], batch: 4, norm: NormSpec("batch"))
    let x = normal(12, seed: 3).map { $0 + 4 }
    let before = try net.values("1.norm.mean")
    _ = try net.trainStep(input: x, labels: [0, 1, 0, 1], step: 0)
    let after = try net.values("1.norm.mean")
    #expect(before == [0, 0, 0] && after != before)
    _ = try net.evaluate(input: x, labels: [0, 1, 0, 1])
    #expect(try net.values("1.norm.mean") == after)
  }

  /// One update of each rule against the formula in Double.
  @Test func updatesFollowTheirFormulas() throws {
    func weights(_ optimizer: OptimizerSpec, steps: Int) throws -> ([Double], [Float]) {
      let net = try network(
        [.linear(2)], input: [3], batch: 2, training: TrainingSpec(optimizer: optimizer, steps: 9))
      var w = try net.values("1.linear.weight").map { Double($0) }
      var (m, v) = ([Double](repeating: 0, count: 6), [Double](repeating: 0, count: 6))
      for t in 1...steps {
        _ = try net.trainStep(input: normal(6, seed: UInt64(t)), labels: [0, 1], step: t - 1)
        let g = try net.gradient("1.linear.weight").map { Double($0) }
        for i in 0..<6 {
          switch optimizer {
          case .sgd(let rate, let momentum, let nesterov, let decay):
            let d = g[i] + decay * w[i]
            m[i] = momentum * m[i] + d
            w[i] -= rate * (nesterov ? d + momentum * m[i] : m[i])
          case .adam(let rate, let b1, let b2, let epsilon, let decay),
            .adamW(let rate, let b1, let b2, let epsilon, let decay):
            var d = g[i]
            if case .adam = optimizer { d += decay * w[i] } else { w[i] *= 1 - rate * decay }
            m[i] = b1 * m[i] + (1 - b1) * d
            v[i] = b2 * v[i] + (1 - b2) * d * d
            let hat = v[i] / (1 - pow(b2, Double(t)))
            w[i] -= rate * m[i] / (1 - pow(b1, Double(t))) / (hat.squareRoot() + epsilon)
          }
        }
      }
      return (w, try net.values("1.linear.weight"))
    }
    for optimizer in [
      OptimizerSpec.sgd(rate: 0.3), .sgd(rate: 0.3, momentum: 0.8, decay: 0.1),
      .sgd(rate: 0.3, momentum: 0.8, nesterov: true, decay: 0.1), .adam(rate: 0.01, decay: 0.1),
      .adamW(rate: 0.01, decay: 0.1),
    ] {
      let (expected, got) = try weights(optimizer, steps: 4)
      #expect(relativeError(got, expected) < 2e-6, "\(optimizer)")
    }
  }

  @Test func decayTouchesWeightsOnly() throws {
    let net = try network(
      [.linear(2), .norm()], input: [3], batch: 2, norm: NormSpec("layer"),
      training: TrainingSpec(optimizer: .sgd(rate: 1, decay: 0.5), steps: 1))
    try net.set("2.norm.gamma", to: [0, 0])
    try net.set("2.norm.beta", to: [30, 30])
    let weight = try net.values("1.linear.weight")
    let bias = try net.values("1.linear.bias")
    _ = try net.trainStep(input: normal(6, seed: 1), labels: [0, 1], step: 0)
    #expect(try net.values("1.linear.weight") == weight.map { $0 * 0.5 })
    #expect(try net.values("1.linear.bias") == bias)
    #expect(abs(try net.values("2.norm.beta")[0] - 30) < 0.3)
  }

  @Test func clippingScalesToTheNorm() throws {
    let clipped = TrainingSpec(optimizer: .sgd(rate: 1), steps: 1, clipNorm: 0.01)
    let net = try network([.linear(2)], input: [3], batch: 2, training: clipped)
    let before = try net.values("1.linear.weight") + net.values("1.linear.bias")
    let result = try net.trainStep(input: normal(6, seed: 1), labels: [0, 1], step: 0)
    let after = try net.values("1.linear.weight") + net.values("1.linear.bias")
    let change = zip(before, after).map { Double($0 - $1) * Double($0 - $1) }.reduce(0, +)
    #expect(abs(change.squareRoot() - 0.01) < 1e-5)
    #expect(try #require(result.gradientNorm) > 0.01)
  }

  @Test func schedules() {
    let warm = ScheduleSpec(.constant, warmUp: 4)
    #expect((0..<6).map { warm.factor(step: $0, of: 10) } == [0.25, 0.5, 0.75, 1, 1, 1])
    let cosine = ScheduleSpec(.cosine(floor: 0.1))
    #expect(cosine.factor(step: 0, of: 10) == 1)
    #expect(abs(cosine.factor(step: 5, of: 10) - 0.55) < 1e-12)
    #expect(abs(cosine.factor(step: 10, of: 10) - 0.1) < 1e-12)
    let step = ScheduleSpec(.step(every: 3, factor: 0.5), warmUp: 1)
    #expect((1..<8).map { step.factor(step: $0, of: 9) } == [1, 1, 1, 0.5, 0.5, 0.5, 0.25])
  }

  /// In a process of its own, where no other test takes memory.
  @Test func memoryStaysTheSame() async {
    await #expect(processExitsWith: .success) {
      func resident() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return (Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0) * 4096
      }
      let net = try network(
        [.flatten, .linear(33), .norm(), .relu, .dropout(0.1), .linear(17), .norm(), .linear(5)],
        input: [10, 9, 2], batch: 19, norm: NormSpec("batch"),
        training: TrainingSpec(optimizer: .adam(rate: 1e-3), steps: 3000))
      let x = normal(19 * 180, seed: 1)
      let y = labels(19, classes: 5)
      for step in 0..<50 { _ = try net.trainStep(input: x, labels: y, step: step) }
      let before = resident()
      for step in 50..<3000 { _ = try net.trainStep(input: x, labels: y, step: step) }
      // A leak of one activation a step would come to 7 MB.
      #expect(resident() - before < 2 << 20)
    }
  }

  @Test func halvesLieWhereAWholeWas() {
    func slot(_ kilobytes: Int, _ moments: ClosedRange<Int>) -> Slot {
      let slot = Slot(bytes: kilobytes << 10, at: .forward(moments.lowerBound))
      slot.use(at: .forward(moments.upperBound))
      return slot
    }
    let slots = [slot(1024, 0...2), slot(1024, 0...9), slot(512, 3...9), slot(512, 3...9)]
    #expect(arrange(slots) < 2 << 20 + 4096)
    let three = (0..<3).map { _ in slot(1024, 0...9) }
    _ = arrange(three)
    #expect(Set(three.map { $0.offset % 4096 }).count == 3, "all begin elsewhere in a page")
  }

  @Test func activationMemoryIsReused() throws {
    let deep = [LayerSpec](repeating: .sequence([.linear(64), .relu]), count: 20)
    let net = try network(deep + [.linear(4)], input: [64], batch: 256, training: nil)
    let tensor = 4 * 256 * 64
    #expect(net.plannedBytes - 4 * net.parameterCount < 4 * tensor)
  }
}
