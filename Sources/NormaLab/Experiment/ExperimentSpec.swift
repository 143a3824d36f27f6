public import NormaCore
public import NormaData
public import NormaNetwork

/// An experiment as data: which model on which data, what is swept, how it trains, what is watched.
public struct ExperimentSpec: Sendable {
  /// The name, for folders and tables.
  public var name: String
  /// Where a script declared it.
  public var place: SourcePlace?
  /// The model.
  public var model: ModelBuilder
  /// The data.
  public var data: DataSpec
  /// What is varied; the last axis varies fastest.
  public var axes: [SweepAxis]
  /// How it trains.
  public var train: TrainPlan
  /// The seed where it is not swept.
  public var seed: Int
  /// The measures a result shows, in order.
  public var watch: [Measure]
  /// Whether each cell ends with a measurement of the test part.
  public var measuresTest: Bool
  /// At which steps the norms are watched.
  public var observations = ObservationPlan.automatic
  /// How long all cells together may take; nil for as long as they need.
  public var budget: Duration?

  /// Makes a spec; it is checked when it is expanded.
  public init(
    _ name: String, model: ModelBuilder, data: DataSpec, train: TrainPlan, axes: [SweepAxis] = [],
    seed: Int = 1, watch: [Measure] = [.accuracy, .loss, .stepTime], measuresTest: Bool = false,
    place: SourcePlace? = nil
  ) {
    self.name = name
    self.model = model
    self.data = data
    self.train = train
    self.axes = axes
    self.seed = seed
    self.watch = watch
    self.measuresTest = measuresTest
    self.place = place
  }
}

/// One thing that a sweep varies, and its values in order.
public struct SweepAxis: Sendable, Hashable {
  /// `norm`, `batch`, `seed`, `rate`, or an option of the model.
  public var name: String
  /// The values.
  public var values: [SettingValue]

  /// Makes an axis.
  public init(_ name: String, _ values: [SettingValue]) {
    self.name = name
    self.values = values
  }
}

/// How to get the model of a cell: a function of the model's options.
public struct ModelBuilder: Sendable {
  /// The model's name.
  public let name: String
  /// The options with their initial values; a sweep may vary them.
  public let options: [String: OptionValue]
  // SAFETY: an experiment is expanded on the thread that its script runs on, and nowhere else.
  nonisolated(unsafe) private let body: ([String: OptionValue]) throws(NormaError) -> ModelSpec

  /// Makes a builder; `build` gets every option.
  public init(
    _ name: String, options: [String: OptionValue] = [:],
    build: @escaping ([String: OptionValue]) throws(NormaError) -> ModelSpec
  ) {
    self.name = name
    self.options = options
    body = build
  }

  /// A model without options.
  public init(_ spec: ModelSpec) {
    self.init(spec.name) { _ in spec }
  }

  /// The model with some options changed.
  ///
  /// - Throws: `usage` for an option the model does not have, and what the builder throws.
  public func build(_ changes: [String: OptionValue] = [:]) throws(NormaError) -> ModelSpec {
    for name in changes.keys.sorted() where options[name] == nil {
      throw NormaError(
        .usage,
        "model '\(self.name)' has no option '\(name)'"
          + Suggestion.phrase(for: name, among: options.keys),
        help: options.isEmpty
          ? "it has none; a model with a build function has those it declares"
          : "it has: \(options.keys.sorted().joined(separator: ", "))")
    }
    return try body(options.merging(changes) { $1 })
  }
}

/// How the cells of an experiment train.
public struct TrainPlan: Sendable, Hashable {
  /// How long a run is.
  public enum Length: Sendable, Hashable {
    /// Passes over the training part.
    case epochs(Int)
    /// Steps.
    case steps(Int)
  }

  /// How the rate follows the batch.
  public enum RateScale: String, Sendable, CaseIterable {
    /// The rate as given, for every batch.
    case none
    /// Rate · batch / 128: the rate as given is that of batch 128. Goyal et al. 2017.
    case linear
  }

  /// The batch that a linearly scaled rate is given for.
  public static let referenceBatch = 128

  /// How long a run is.
  public var length: Length
  /// Samples of a step, where it is not swept.
  public var batch: Int
  /// The update rule.
  public var optimizer: OptimizerSpec
  /// The course of the rate.
  public var schedule: ScheduleSpec
  /// The gradients' greatest global norm; nil for no clipping.
  public var clip: Double?
  /// How the rate follows the batch.
  public var rateScale: RateScale
  /// When a run ends before its last step.
  public var stop: StopRule?

  /// Makes a plan.
  public init(
    _ length: Length = .epochs(1), batch: Int = 128,
    optimizer: OptimizerSpec = .sgd(rate: 0.1, momentum: 0.9),
    schedule: ScheduleSpec = ScheduleSpec(), clip: Double? = nil, rateScale: RateScale = .none,
    stop: StopRule? = nil
  ) {
    self.length = length
    self.batch = batch
    self.optimizer = optimizer
    self.schedule = schedule
    self.clip = clip
    self.rateScale = rateScale
    self.stop = stop
  }

  /// Steps of a run whose epochs have so many.
  func steps(epochOf stepsPerEpoch: Int, limit: Int?) -> Int {
    let total =
      switch length {
      case .epochs(let count): count * stepsPerEpoch
      case .steps(let count): count
      }
    return min(total, limit ?? total)
  }
}
