public import NormaCore
import NormaData
public import NormaNetwork
public import NormaNorms

/// One run of an experiment: every setting has one value.
public struct Cell: Sendable {
  /// Its position in the experiment, from 0.
  public let index: Int
  /// The settings of the swept axes, in their order.
  public let settings: [Setting]
  /// The model.
  public let model: ModelSpec
  /// Samples of a step.
  public let batch: Int
  /// The seed of parameters, order of samples and dropout.
  public let seed: UInt64
  /// The update rule, its rate scaled.
  public let optimizer: OptimizerSpec

  /// An axis and its value.
  public struct Setting: Sendable, Hashable {
    /// The axis.
    public let name: String
    /// The value.
    public let value: SettingValue
  }

  /// `norm=batch batch=2 seed=3`; empty without a sweep.
  public var label: String {
    settings.map { "\($0.name)=\($0.value.label)" }.joined(separator: " ")
  }

  /// The value of an axis.
  public func value(_ axis: String) -> SettingValue? {
    settings.first { $0.name == axis }?.value
  }

  /// The norm in the model's slots, if it has any.
  public var norm: NormSpec? { model.norm }
}

extension ExperimentSpec {
  private static let settings = ["norm", "batch", "seed", "rate"]

  /// The settings that `--set` may change.
  public var settableNames: [String] {
    Self.settings + ["epochs", "steps", "train", "validate", "test", "observe"]
      + model.options.keys.sorted()
  }

  /// The same experiment with settings changed from outside; a swept one is no longer swept.
  ///
  /// - Throws: `usage` for an unknown setting, with the nearest, or a value it cannot have.
  public func applying(_ changes: [SettingOverride]) throws(NormaError) -> ExperimentSpec {
    var spec = self
    for change in changes {
      func whole(_ least: Int) throws(NormaError) -> Int {
        guard let value = change.value.integer, value >= least else {
          throw NormaError(
            .usage,
            "--set \(change.name) must be a whole number >= \(least), got"
              + " '\(change.value.label)'")
        }
        return value
      }
      switch change.name {
      case "epochs": spec.train.length = .epochs(try whole(1))
      case "steps": spec.train.length = .steps(try whole(1))
      case "train": spec.data.train = try whole(1)
      case "validate": spec.data.validate = try whole(0)
      case "test": spec.data.test = try whole(1)
      case "observe":
        if case .plain(.bool(let isOn)) = change.value {
          spec.observations = isOn ? .automatic : .never
        } else {
          let steps = try whole(0)
          spec.observations = steps == 0 ? .never : .every(steps)
        }
      case let name where settableNames.contains(name):
        // In the place of the axis, so that tables keep their order.
        let axis = SweepAxis(name, [change.value])
        if let index = spec.axes.firstIndex(where: { $0.name == name }) {
          spec.axes[index] = axis
        } else {
          spec.axes.append(axis)
        }
      default:
        throw NormaError(
          .usage,
          "--set \(change.name): the experiment '\(name)' has no such setting"
            + Suggestion.phrase(for: change.name, among: settableNames),
          help: "it has: \(settableNames.joined(separator: ", "))")
      }
    }
    return spec
  }

  /// The cells in order: the last axis varies fastest. Every model is built here, before any trains.
  ///
  /// - Throws: `usage` for an axis that does not exist, is empty or is given twice, or a value it cannot
  ///   have.
  public func cells(_ registry: NormRegistry) throws(NormaError) -> [Cell] {
    try check(registry)
    var combinations: [[Cell.Setting]] = [[]]
    for axis in axes {
      combinations = combinations.flatMap { head in
        axis.values.map { head + [Cell.Setting(name: axis.name, value: $0)] }
      }
      guard combinations.count <= 10_000 else {
        throw fault("the sweep has more than 10000 cells", help: "sweep over fewer values")
      }
    }
    var cells: [Cell] = []
    for (index, settings) in combinations.enumerated() {
      cells.append(try cell(index, settings))
    }
    return cells
  }

  private func fault(_ message: String, help: String? = nil) -> NormaError {
    NormaError(.usage, "experiment '\(name)': \(message)", place: place, help: help)
  }

  private func check(_ registry: NormRegistry) throws(NormaError) {
    let known = Self.settings + model.options.keys.sorted()
    var seen: Set<String> = []
    for axis in axes {
      guard known.contains(axis.name) else {
        throw fault(
          "there is no axis '\(axis.name)'" + Suggestion.phrase(for: axis.name, among: known),
          help: "it has: \(known.joined(separator: ", "))")
      }
      guard seen.insert(axis.name).inserted else { throw fault("'\(axis.name)' is swept twice") }
      guard !axis.values.isEmpty else { throw fault("the axis '\(axis.name)' has no values") }
      var labels: Set<String> = []
      for value in axis.values {
        try check(value, of: axis.name, registry)
        // It would count as a repetition that it is not.
        guard labels.insert(value.label).inserted else {
          throw fault("the axis '\(axis.name)' has \(value.label) twice")
        }
      }
    }
    switch train.length {
    case .epochs(let count), .steps(let count):
      guard (1...1_000_000_000).contains(count) else {
        throw fault("it must train for 1 to 1000000000 steps or epochs, got \(count)")
      }
    }
  }

  private func check(
    _ value: SettingValue, of axis: String, _ registry: NormRegistry
  ) throws(NormaError) {
    switch axis {
    case "norm":
      guard let norm = value.norm else { throw fault("\(value.label) is no norm") }
      guard norm.name != NormSpec.noneName else { return }
      do throws(NormaError) {
        _ = try registry.entry(norm.name).schema.resolve(norm.hyper, preset: norm.preset)
      } catch {
        throw error.at(norm.place ?? place)
      }
    case "batch":
      guard let batch = value.integer, batch >= 1 else {
        throw fault("'batch' must be a whole number >= 1, got \(value.label)")
      }
    case "seed":
      guard let seed = value.integer, seed >= 0 else {
        throw fault("'seed' must be a whole number >= 0, got \(value.label)")
      }
    case "rate":
      guard let rate = value.number, rate >= 0 else {
        throw fault("'rate' must be a number >= 0, got \(value.label)")
      }
    default: break
    }
  }

  private func cell(_ index: Int, _ settings: [Cell.Setting]) throws(NormaError) -> Cell {
    var changes: [String: OptionValue] = [:]
    var norm: NormSpec?
    var batch = train.batch
    var seed = seed
    var rate = train.optimizer.rate
    for setting in settings {
      switch setting.name {
      case "norm": norm = setting.value.norm
      case "batch": batch = setting.value.integer ?? batch
      case "seed": seed = setting.value.integer ?? seed
      case "rate": rate = setting.value.number ?? rate
      default:
        guard case .plain(let value) = setting.value else {
          throw fault("the option '\(setting.name)' cannot be a norm")
        }
        changes[setting.name] = value
      }
    }
    var model = try self.model.build(changes)
    if let norm {
      guard model.hasNormSlot else {
        throw fault(
          "the norm is varied, but model '\(model.name)' has no slot for it",
          help: "write nn.norm() without a name where the norm shall go")
      }
      model.norm = norm
    }
    if train.rateScale == .linear { rate *= Double(batch) / Double(TrainPlan.referenceBatch) }
    return Cell(
      index: index, settings: settings, model: model, batch: batch,
      seed: UInt64(max(seed, 0)), optimizer: train.optimizer.with(rate: rate))
  }
}

extension OptimizerSpec {
  /// The same optimizer with another rate.
  func with(rate: Double) -> OptimizerSpec {
    switch self {
    case .sgd(_, let momentum, let nesterov, let decay):
      .sgd(rate: rate, momentum: momentum, nesterov: nesterov, decay: decay)
    case .adam(_, let beta1, let beta2, let epsilon, let decay):
      .adam(rate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, decay: decay)
    case .adamW(_, let beta1, let beta2, let epsilon, let decay):
      .adamW(rate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, decay: decay)
    }
  }
}

extension ModelSpec {
  /// Whether a norm layer takes the model's norm.
  public var hasNormSlot: Bool { Self.hasSlot(layers) }

  private static func hasSlot(_ layers: [LayerSpec]) -> Bool {
    layers.contains { ($0.kind == "norm" && $0.norm == nil) || hasSlot($0.layers) }
  }
}
