public import NormaCore
public import NormaNorms

/// The training steps that are compared with other frameworks.
public enum NetworkBenchmark {
  /// The MLP 784-256-256-10 on `[28, 28, 1]`.
  public static func mlp(norm: NormSpec) -> ModelSpec {
    ModelSpec(
      "mlp", input: [28, 28, 1], norm: norm,
      layers: [
        .flatten, .linear(256), .norm(), .relu, .linear(256), .norm(), .relu, .linear(10),
      ])
  }

  /// The CNN conv32-pool-conv64-pool-128 on `[28, 28, 1]`; `head` is the norm of its dense layer.
  public static func cnn(norm: NormSpec, head: NormSpec = NormSpec("layer")) -> ModelSpec {
    ModelSpec(
      "cnn", input: [28, 28, 1], norm: norm,
      layers: [
        .conv(32, kernel: 3), .norm(), .relu, .maxPool(2),
        .conv(64, kernel: 3), .norm(), .relu, .maxPool(2),
        .flatten, .linear(128), .norm(head), .relu, .linear(10),
      ])
  }

  /// Milliseconds of single training steps (SGD with momentum, random data), sorted.
  ///
  /// - Parameter steps: how many are measured, after five that are not.
  /// - Throws: what building the network throws.
  public static func stepTimes(
    _ model: ModelSpec, registry: NormRegistry, batch: Int, threads: Int, steps: Int,
    executor: ExecutorChoice = .auto
  ) throws(NormaError) -> [Double] {
    let training = TrainingSpec(
      optimizer: .sgd(rate: 0.05, momentum: 0.9), steps: steps + 5)
    let network = try Network(
      model, registry: registry, batch: batch, training: training, executor: executor,
      threads: threads)
    var random = RandomSource(seed: 1)
    let input = (0..<batch * model.input.reduce(1, *)).map { _ in Float(random.uniform()) }
    let classes = network.outputShape.reduce(1, *)
    let labels = (0..<batch).map { _ in Int32(random.index(below: classes)) }
    var times: [Double] = []
    for step in 0..<steps + 5 {
      let start = ContinuousClock.now
      _ = try network.trainStep(input: input, labels: labels, step: step)
      let time = ContinuousClock.now - start
      if step >= 5 {
        times.append(
          Double(time.components.seconds) * 1e3 + Double(time.components.attoseconds) * 1e-15)
      }
    }
    return times.sorted()
  }
}
