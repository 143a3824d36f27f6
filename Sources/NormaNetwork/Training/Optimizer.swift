import CKernels
import NormaCore
import NormaNorms

/// Applies a training spec's updates to the network's parameters.
final class Optimizer {
  /// A run of elements that are treated alike.
  private struct Range {
    let start: Int
    let count: Int
    let decays: Bool
  }

  private let spec: TrainingSpec
  private let memory: StateMemory
  private let ranges: [Range]
  private let partialSums: UnsafeMutableBufferPointer<Double>
  private static let grain = 16384

  init(_ spec: TrainingSpec, _ memory: StateMemory) {
    self.spec = spec
    self.memory = memory
    var ranges: [Range] = []
    for entry in memory.state.parameters {
      for start in stride(from: 0, to: entry.count, by: Optimizer.grain) {
        ranges.append(
          Range(
            start: entry.offset + start, count: min(Optimizer.grain, entry.count - start),
            decays: entry.role == .weight))
      }
    }
    self.ranges = ranges
    partialSums = .allocate(capacity: max(ranges.count, 1))
    partialSums.initialize(repeating: 0)
  }

  deinit { partialSums.deallocate() }

  private func threads(_ run: Run) -> Int {
    memory.state.parameterCount < 1 << 15 ? 1 : run.threads
  }

  /// The Euclidean norm of all gradients together.
  func gradientNorm(_ run: Run) -> Double {
    let gradients = memory.gradients
    parallel(ranges.count, threads: threads(run)) { index, _ in
      let range = ranges[index]
      partialSums[index] = ck_net_sum_of_squares(range.count, gradients + range.start)
    }
    var sum = 0.0
    for index in ranges.indices { sum += partialSums[index] }
    return sum.squareRoot()
  }

  /// Updates all parameters; returns the gradients' norm when clipping asked for it.
  func update(_ run: Run) -> Double? {
    var scale: Float = 1
    var norm: Double?
    if let limit = spec.clipNorm {
      let measured = gradientNorm(run)
      norm = measured
      if measured > limit { scale = Float(limit / measured) }
    }
    let rate = spec.optimizer.rate * spec.schedule.factor(step: run.step, of: spec.steps)
    let (values, gradients) = (memory.values, memory.gradients)
    let (first, second) = (memory.optimizerState(0), memory.optimizerState(1))
    switch spec.optimizer {
    case .sgd(_, let momentum, let nesterov, let decay):
      parallel(ranges.count, threads: threads(run)) { index, _ in
        let r = ranges[index]
        ck_net_sgd(
          r.count, values + r.start, gradients + r.start, first.map { $0 + r.start }, scale,
          Float(rate), Float(momentum), nesterov ? 1 : 0, r.decays ? Float(decay) : 0)
      }
    case .adam(_, let beta1, let beta2, let epsilon, let decay):
      adam(
        run, rate, beta1, beta2, epsilon, scale: scale, decay: decay, decoupled: 0, values,
        gradients, first, second)
    case .adamW(_, let beta1, let beta2, let epsilon, let decay):
      adam(
        run, rate, beta1, beta2, epsilon, scale: scale, decay: 0, decoupled: decay, values,
        gradients, first, second)
    }
    return norm
  }

  private func adam(
    _ run: Run, _ rate: Double, _ beta1: Double, _ beta2: Double, _ epsilon: Double, scale: Float,
    decay: Double, decoupled: Double, _ values: UnsafeMutablePointer<Float>,
    _ gradients: UnsafeMutablePointer<Float>, _ first: UnsafeMutablePointer<Float>?,
    _ second: UnsafeMutablePointer<Float>?
  ) {
    guard let first, let second else { return }
    let t = run.step + 1
    let common = ck_net_adam(
      scale: scale, rate: Float(rate), beta1: Float(beta1), beta2: Float(beta2),
      epsilon: Float(epsilon), decay: 0, decoupled_decay: 0,
      correction1: Float(1 / (1 - power(beta1, t))),
      correction2: Float(1 / (1 - power(beta2, t)).squareRoot()))
    parallel(ranges.count, threads: threads(run)) { index, _ in
      let r = ranges[index]
      var settings = common
      settings.decay = r.decays ? Float(decay) : 0
      settings.decoupled_decay = r.decays ? Float(decoupled) : 0
      ck_net_adam_step(
        r.count, values + r.start, gradients + r.start, first + r.start, second + r.start,
        &settings)
    }
  }

  /// base to the n-th, by squaring.
  private func power(_ base: Double, _ n: Int) -> Double {
    var (result, factor, n) = (1.0, base, n)
    while n > 0 {
      if n & 1 == 1 { result *= factor }
      factor *= factor
      n >>= 1
    }
    return result
  }
}
