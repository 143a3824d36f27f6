import Foundation
public import NormaCore

/// How parameters are updated.
public enum OptimizerSpec: Hashable, Sendable, Codable {
  /// Stochastic gradient descent; `decay` is added to the gradient as decay · weight.
  case sgd(rate: Double, momentum: Double = 0, nesterov: Bool = false, decay: Double = 0)
  /// Adam; `decay` is added to the gradient. Kingma & Ba 2015.
  case adam(
    rate: Double, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
    decay: Double = 0)
  /// AdamW; `decay` · rate is taken off the weight directly. Loshchilov & Hutter 2019.
  case adamW(
    rate: Double, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
    decay: Double = 0.01)

  /// The learning rate before the schedule.
  public var rate: Double {
    switch self {
    case .sgd(let rate, _, _, _), .adam(let rate, _, _, _, _), .adamW(let rate, _, _, _, _): rate
    }
  }

  /// Throws `usage` when a number is out of range, with its name and value.
  public func check() throws(NormaError) {
    func need(_ name: String, _ value: Double, _ range: String, _ ok: Bool) throws(NormaError) {
      guard ok else {
        throw NormaError(.usage, "optimizer: '\(name)' must be \(range), got \(value)")
      }
    }
    try need("rate", rate, "a finite number >= 0", rate >= 0 && rate.isFinite)
    switch self {
    case .sgd(_, let momentum, let nesterov, let decay):
      try need("momentum", momentum, ">= 0 and < 1", momentum >= 0 && momentum < 1)
      try need("decay", decay, "a finite number >= 0", decay >= 0 && decay.isFinite)
      guard !nesterov || momentum > 0 else {
        throw NormaError(
          .usage, "optimizer: nesterov needs momentum", help: "set momentum, for instance 0.9")
      }
    case .adam(_, let beta1, let beta2, let epsilon, let decay),
      .adamW(_, let beta1, let beta2, let epsilon, let decay):
      try need("beta1", beta1, ">= 0 and < 1", beta1 >= 0 && beta1 < 1)
      try need("beta2", beta2, ">= 0 and < 1", beta2 >= 0 && beta2 < 1)
      try need("epsilon", epsilon, "> 0", epsilon > 0)
      try need("decay", decay, "a finite number >= 0", decay >= 0 && decay.isFinite)
    }
  }

  /// How many arrays of the parameters' size the optimizer keeps.
  var stateCount: Int {
    switch self {
    case .sgd(_, let momentum, _, _): momentum > 0 ? 1 : 0
    case .adam, .adamW: 2
    }
  }
}

/// How the learning rate moves: a factor as a pure function of the step.
public struct ScheduleSpec: Hashable, Sendable, Codable {
  /// The course after the warm-up.
  public enum Course: Hashable, Sendable, Codable {
    /// Always 1.
    case constant
    /// From 1 down to `floor` along half a cosine over the run. Loshchilov & Hutter 2017.
    case cosine(floor: Double = 0)
    /// Multiplied by `factor` every `every` steps.
    case step(every: Int, factor: Double)
  }

  /// The course after the warm-up.
  public var course: Course
  /// Steps over which the factor first rises linearly to 1.
  public var warmUp: Int

  /// Makes a schedule.
  public init(_ course: Course = .constant, warmUp: Int = 0) {
    self.course = course
    self.warmUp = warmUp
  }

  /// The factor at a step, counted from 0, of a run of `total` steps.
  public func factor(step: Int, of total: Int) -> Double {
    if step < warmUp { return Double(step + 1) / Double(warmUp) }
    let done = step - warmUp
    switch course {
    case .constant: return 1
    case .cosine(let floor):
      let share = min(1, Double(done) / Double(max(total - warmUp, 1)))
      return floor + (1 - floor) * 0.5 * (1 + cos(Double.pi * share))
    case .step(let every, let factor):
      var result = 1.0
      for _ in 0..<(done / max(every, 1)) where result != 0 { result *= factor }
      return result
    }
  }

  /// Throws `usage` when a number is out of range.
  public func check() throws(NormaError) {
    guard warmUp >= 0 else {
      throw NormaError(.usage, "schedule: 'warm_up' must be >= 0 steps, got \(warmUp)")
    }
    switch course {
    case .constant: break
    case .cosine(let floor):
      guard (0...1).contains(floor) else {
        throw NormaError(.usage, "schedule: 'floor' must be from 0 to 1, got \(floor)")
      }
    case .step(let every, let factor):
      guard every >= 1 else {
        throw NormaError(.usage, "schedule: 'every' must be >= 1 step, got \(every)")
      }
      guard factor >= 0, factor.isFinite else {
        throw NormaError(.usage, "schedule: 'factor' must be >= 0, got \(factor)")
      }
    }
  }
}

/// All that turns gradients into updates.
public struct TrainingSpec: Hashable, Sendable, Codable {
  /// The update rule.
  public var optimizer: OptimizerSpec
  /// The course of the learning rate.
  public var schedule: ScheduleSpec
  /// The number of steps of the run, which schedules refer to.
  public var steps: Int
  /// The global norm gradients are scaled down to; nil for no clipping.
  public var clipNorm: Double?

  /// Makes a spec.
  public init(
    optimizer: OptimizerSpec, schedule: ScheduleSpec = ScheduleSpec(), steps: Int,
    clipNorm: Double? = nil
  ) {
    self.optimizer = optimizer
    self.schedule = schedule
    self.steps = steps
    self.clipNorm = clipNorm
  }

  /// Throws `usage` when a number is out of range.
  public func check() throws(NormaError) {
    try optimizer.check()
    try schedule.check()
    if let clipNorm, !(clipNorm > 0) {
      throw NormaError(.usage, "training: 'clip_norm' must be > 0, got \(clipNorm)")
    }
  }
}
