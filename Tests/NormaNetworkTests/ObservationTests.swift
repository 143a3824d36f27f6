import Foundation
import NormaCore
import NormaNetwork
import NormaNorms
import Testing

/// What is recorded of norms while a network trains.
@Suite(.serialized) struct ObservationTests {
  private let layers: [LayerSpec] = [
    .conv(6, kernel: 3), .norm(), .relu, .residual([.norm(NormSpec("rms")), .conv(6, kernel: 3)]),
    .norm(NormSpec("layer")), .tanh, .flatten, .linear(5),
  ]

  private func moments(_ values: [Float]) -> (mean: Double, deviation: Double) {
    let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
    let squares = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
    return (mean, (squares / Double(values.count)).squareRoot())
  }

  private func isClose(_ a: Double, _ b: Double, _ bound: Double = 1e-5) -> Bool {
    abs(a - b) <= bound * max(abs(a), abs(b), 1e-3)
  }

  @Test("Watching changes no bit of training, with one thread or two")
  func changesNothing() throws {
    for norm in ["batch", "group", "none"] {
      var bits: [[UInt32]] = []
      for (observing, threads) in [(false, 1), (true, 1), (true, 2)] {
        let net = try network(
          layers, input: [9, 7, 2], batch: 11,
          norm: NormSpec(norm, norm == "group" ? ["groups": .int(3)] : [:]), threads: threads)
        for step in 0..<5 {
          let result = try net.trainStep(
            input: normal(11 * 126, seed: 3), labels: labels(11, classes: 5), step: step,
            observing: observing && step != 2)
          #expect((result.observation != nil) == (observing && step != 2))
        }
        bits.append(try stateBits(net))
      }
      #expect(bits[0] == bits[1] && bits[0] == bits[2])
    }
  }

  @Test(
    "A norm's input and output, its share of dead units, and the distance of running statistics")
  func values() throws {
    // The norm comes first, so that its input is known; 3 of 7 channels come out below zero.
    let net = try network(
      [.norm(NormSpec("batch")), .relu, .linear(5)], input: [7], batch: 64)
    try net.set("1.norm.beta", to: [-9, 0.3, -9, 0.1, 0.2, -9, 0.4])
    let x = normal(64 * 7, seed: 4).enumerated().map { $1 * Float($0 % 7 + 1) + Float($0 % 7) }
    let y = labels(64, classes: 5)
    let result = try net.trainStep(input: x, labels: y, step: 0, observing: true)
    let seen = try #require(result.observation)
    let norm = try #require(seen.norms.first)
    #expect(seen.norms.count == 1 && norm.layer == "1.norm" && norm.norm == "batch")
    let input = moments(x)
    #expect(isClose(norm.input.mean, input.mean) && isClose(norm.input.deviation, input.deviation))
    #expect(norm.deadShare == 3.0 / 7)
    #expect(norm.output.mean > 0.1 && norm.output.deviation > 0.1)
    // Running statistics began at 0 and 1 and have taken one step of a tenth.
    var distance = (mean: 0.0, variance: 0.0)
    for channel in 0..<7 {
      let own = moments((0..<64).map { x[$0 * 7 + channel] })
      let variance = own.deviation * own.deviation
      let mean = 0.1 * own.mean
      distance.mean += pow((mean - own.mean) / own.deviation, 2) / 7
      distance.variance += pow(log((0.9 + 0.1 * variance * 64 / 63) / variance), 2) / 7
    }
    let running = try #require(norm.running)
    #expect(isClose(running.mean, distance.mean.squareRoot()))
    #expect(isClose(running.variance, distance.variance.squareRoot()))
    // Parameters as they were before the update.
    let beta = try #require(norm.parameters.first { $0.name == "beta" })
    #expect(beta.low == -9 && isClose(beta.high, 0.4) && beta.counts.reduce(0, +) == 7)
    #expect(beta.counts.first == 3 && isClose(beta.moments.mean, -26.0 / 7))
    let length = try net.gradient("1.norm.beta").reduce(0) { $0 + Double($1) * Double($1) }
    #expect(isClose(beta.gradient, length.squareRoot()))
  }

  @Test("A spread far smaller than the mean, and parameters that are partly NaN")
  func hardValues() throws {
    let net = try network([.norm(NormSpec("layer")), .linear(5)], input: [7], batch: 64)
    let x = normal(64 * 7, seed: 4).map { 1e6 + ($0 * 8).rounded() / 8 }
    try net.set("1.norm.gamma", to: [1, .nan, 3, 4, -.infinity, 6, 7])
    let result = try? net.trainStep(
      input: x, labels: labels(64, classes: 5), step: 0, observing: true)
    #expect(result == nil, "the loss is NaN")
    try net.set("1.norm.gamma", to: [1, 2, 3, 4, 5, 6, 7])
    let seen = try #require(
      try net.trainStep(input: x, labels: labels(64, classes: 5), step: 0, observing: true)
        .observation)
    let input = moments(x)
    #expect(isClose(seen.norms[0].input.deviation, input.deviation, 1e-6))
    #expect(seen.norms[0].input.mean == input.mean)
  }

  @Test("Gradients of input and output are those of the passes")
  func gradients() throws {
    let net = try network([.norm(NormSpec("layer")), .linear(5)], input: [7], batch: 3)
    let x = normal(21, seed: 4)
    let (weight, y) = (try net.values("2.linear.weight"), labels(3, classes: 5))
    let result = try net.trainStep(input: x, labels: y, step: 0, observing: true)
    let norm = try #require(result.observation?.norms.first)
    // dL/dy = (softmax - onehot) / 3 · W, from the network's own outputs before the update.
    let twin = try network([.norm(NormSpec("layer")), .linear(5)], input: [7], batch: 3)
    let out = try twin.outputs(for: x)
    var slopes: [Double] = []
    var square = 0.0
    for row in 0..<3 {
      let powers = out[row * 5..<row * 5 + 5].map { exp(Double($0)) }
      let sum = powers.reduce(0, +)
      let own = powers.indices.map { (powers[$0] / sum - ($0 == Int(y[row]) ? 1.0 : 0.0)) / 3 }
      slopes += own
      for column in 0..<7 {
        var value = 0.0
        for (unit, slope) in own.enumerated() {
          value += slope * Double(weight[unit * 7 + column])
        }
        square += value * value
      }
    }
    #expect(isClose(try #require(norm.outputGradient), square.squareRoot()))
    let probe = try twin.probe(
      input: x, outputGradient: slopes.map { Float($0) })
    let inner = probe.inputGradient.reduce(0) { $0 + Double($1) * Double($1) }
    #expect(isClose(try #require(norm.inputGradient), inner.squareRoot()))
  }

  @Test("Inference on the same batch: what evaluation gives with the statistics the step left")
  func inference() throws {
    let still = TrainingSpec(optimizer: .sgd(rate: 0), steps: 10)
    let net = try network(
      layers, input: [9, 7, 2], batch: 11, norm: NormSpec("batch"), training: still,
      evaluationBatch: 40)
    let (x, y) = (normal(11 * 126, seed: 3), labels(11, classes: 5))
    let result = try net.trainStep(input: x, labels: y, step: 0, observing: true)
    let seen = try #require(result.observation)
    // Where 40 samples go at a time, some processors give other last bits than where 11 do.
    #expect(isClose(seen.inferenceLoss, (try net.evaluate(input: x, labels: y)).loss, 1e-6))
    let same = try network(
      layers, input: [9, 7, 2], batch: 11, norm: NormSpec("batch"), training: still,
      evaluationBatch: 11)
    let step = try same.trainStep(input: x, labels: y, step: 0, observing: true)
    #expect(step.observation?.inferenceLoss == (try same.evaluate(input: x, labels: y)).loss)
    #expect(abs(seen.inferenceLoss - result.loss) > 1e-3)
    #expect(seen.norms.map(\.layer) == ["2.norm", "4.residual.1.norm", "5.norm"])
    // Batch norm differs between the modes; where tanh follows, inference takes it up.
    let (batch, rms, layer) = (seen.norms[0], seen.norms[1], seen.norms[2])
    let inferred = try #require(batch.inference)
    #expect(abs(inferred.deviation - batch.output.deviation) > 1e-3)
    // Of the samples alone, though 40 are evaluated at a time: RMS norm is the same in both modes, and reads
    // what batch norm makes of them.
    let small = try network(
      layers, input: [9, 7, 2], batch: 11, norm: NormSpec("batch"), training: still)
    let alone = try #require(
      try small.trainStep(input: x, labels: y, step: 0, observing: true).observation)
    #expect(alone.norms.map(\.inference) == seen.norms.map(\.inference))
    #expect(rms.inference != nil && layer.inference == nil)
    #expect(rms.running == nil && rms.deadShare == nil && layer.deadShare == nil)
  }

  @Test("Norms of queries and of keys are among them")
  func inside() throws {
    let net = try network(
      [.attention(heads: 3, qkNorm: NormSpec("rms")), .flatten, .linear(5)], input: [7, 9], batch: 4
    )
    let result = try net.trainStep(
      input: normal(4 * 63, seed: 3), labels: labels(4, classes: 5), step: 0, observing: true)
    let seen = try #require(result.observation)
    #expect(seen.norms.map(\.layer) == net.norms.map(\.layer) && seen.norms.count == 2)
    for norm in seen.norms {
      // The root of mean² + variance is 1 behind an rms norm.
      let (mean, deviation) = (norm.output.mean, norm.output.deviation)
      #expect(isClose(mean * mean + deviation * deviation, 1, 1e-3))
      #expect(norm.inference == norm.output)
      #expect(try #require(norm.outputGradient) > 0 && #require(norm.inputGradient) > 0)
      #expect(norm.parameters.map(\.name) == ["gamma"])
    }
  }
}
