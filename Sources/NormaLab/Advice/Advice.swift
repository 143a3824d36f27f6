import NormaConformance
public import NormaCore
public import NormaData
import NormaNetwork
public import NormaNorms

/// Which norms suit a model, in order, and why.
public struct Advice: Sendable {
  /// A norm and what is to be said of it.
  public struct Choice: Sendable {
    /// The norm.
    public let norm: NormSpec
    /// The sum of its reasons' costs; nil when it is ruled out.
    public let cost: Int?
    /// What speaks for and against it.
    public let reasons: [AdviceReason]
    /// Planned memory of the training step with it, in bytes: weights, what is kept for backward, gradients; nil
    /// when it cannot be built.
    public let bytes: Int?
    /// Seconds of a training step with it.
    public let stepSeconds: Double?
    /// Bytes that it moves for an element and its operations, forward and backward: what decides between
    /// norms that are equally good.
    public let effort: (bytes: Int, operations: Int)
  }

  /// What it goes by.
  public let facts: ModelFacts
  /// What the script uses now.
  public let current: [NormSpec]
  /// The norms from the best on; those that are ruled out come last.
  public let choices: [Choice]
  /// What else is likely to go wrong.
  public let risks: [AdviceRisk]
  /// What to write instead of what is there; nil when the best is.
  public internal(set) var change: String?
  /// What short runs said; nil where none were made.
  public internal(set) var evidence: AdviceEvidence?
}

/// How `advise` looks at an experiment.
public struct AdviceOptions: Sendable {
  /// Samples of a step instead of the experiment's.
  public var batch: Int?
  /// Workers that share a batch.
  public var workers = 1
  /// Whether short paired runs are made.
  public var measures = false
  /// Seeds of each norm.
  public var seeds = 3
  /// How long all runs together may take.
  public var time = Duration.seconds(180)

  /// The defaults.
  public init() {}
}

extension Lab {
  /// Says which norms suit an experiment's model.
  ///
  /// - Throws: `usage` for a model without a place for a norm; what building it throws.
  public func advise(
    _ given: ExperimentSpec, on splits: DataSplits, _ wanted: AdviceOptions
  ) throws(NormaError) -> Advice {
    let (spec, current) = try prepared(given, wanted)
    let facts = try facts(spec, splits, wanted)
    // Measuring what a norm is takes a while, and some are asked of twice.
    var subjects: [NormSpec: AdviceSubject] = [:]
    func subject(_ norm: NormSpec) throws(NormaError) -> AdviceSubject {
      if let subject = subjects[norm] { return subject }
      let subject = try AdviceSubject(norm, facts, registry)
      subjects[norm] = subject
      return subject
    }
    var candidates = current.filter { spec in
      // A group norm whose groups do not divide is told of below.
      (try? fits(spec, facts)) != nil
    }
    let divisor = facts.slots.reduce(0) { Self.greatestCommonDivisor($0, $1.channels) }
    // As many as the paper's 32, but with enough values in each for a statistic.
    let groups =
      (1...32).last { count in
        guard divisor % count == 0, divisor / count >= 4 else { return false }
        return divisor / count * facts.fewestPositions >= 16
      } ?? 1
    for norm in ["batch", "layer", "rms", "instance", NormSpec.noneName].map({ NormSpec($0) })
      + (groups > 1 ? [NormSpec("group", ["groups": .int(groups)])] : [])
    where !candidates.contains(where: { $0.name == norm.name }) { candidates.append(norm) }

    var sweep = spec
    sweep.axes.insert(SweepAxis("norm", candidates.map { .norm($0) }), at: 0)
    var figures: [NormSpec: ExperimentPlan.PlannedCell] = [:]
    for planned in try plan(sweep, try sweep.cells(registry), splits).cells {
      if case .norm(let norm)? = planned.cell.value("norm") { figures[norm] = planned }
    }
    var choices: [Advice.Choice] = []
    for norm in candidates {
      let subject = try subject(norm)
      var reasons = AdviceRules.all.compactMap { $0(subject) }
      let figure = figures[norm]
      if let failure = figure?.failure {
        reasons.insert(
          AdviceReason(cost: nil, text: failure.message, source: "building the model"), at: 0)
      }
      let ruledOut = reasons.contains { $0.cost == nil }
      choices.append(
        Advice.Choice(
          norm: norm, cost: ruledOut ? nil : reasons.reduce(0) { $0 + ($1.cost ?? 0) },
          reasons: ruledOut ? reasons.filter { $0.cost == nil } : reasons,
          bytes: trainingBytes(norm, spec, splits), stepSeconds: figure?.stepSeconds,
          effort: effort(norm)))
    }
    choices.sort {
      ($0.cost ?? .max, $0.effort.bytes, $0.effort.operations)
        < ($1.cost ?? .max, $1.effort.bytes, $1.effort.operations)
    }
    let advised = try choices.first.flatMap { choice throws(NormaError) in
      choice.cost == nil ? nil : try subject(choice.norm)
    }
    let used = try current.map { norm throws(NormaError) in try subject(norm) }
    var risks = AdviceRisks.all(facts, using: used, advised: advised)
    for norm in current {
      do throws(NormaError) {
        try fits(norm, facts)
      } catch {
        risks.insert(
          AdviceRisk(
            text: error.message,
            change: norm.hyper["groups"] == nil
              ? error.help
              : groups > 1
                ? "norm.\(norm.name) { groups = \(groups) }"
                : error.help.map { "groups = one of \($0)" },
            source: "\(norm.label)" + ((norm.place ?? spec.place).map { " at \($0)" } ?? "")),
          at: 0)
      }
    }
    var advice = Advice(
      facts: facts, current: current, choices: choices, risks: risks,
      change: change(to: choices.first, from: current, in: given, spec))
    if wanted.measures {
      let evidence = try measure(advice, spec, wanted)
      advice.evidence = evidence
      // What was measured comes before what is known.
      if let better = evidence.better {
        advice.change = change(
          to: choices.first { $0.norm == better }, from: current, in: given, spec
        )
        .map { "\($0): clearly better in these runs" }
      } else if let there = evidence.reference, current == [there], advice.change != nil {
        advice.change =
          "nothing by these runs: none is clearly better than \(there.label), which is there; by what is"
          + " known \(choices.first?.norm.code ?? "")"
      }
    }
    return advice
  }

  /// The experiment with its norm open and everything else at one value; and the norms it has now.
  private func prepared(
    _ given: ExperimentSpec, _ wanted: AdviceOptions
  ) throws(NormaError) -> (ExperimentSpec, [NormSpec]) {
    var spec = given
    let swept = spec.axes.first { $0.name == "norm" }?.values.compactMap(\.norm) ?? []
    let batches = spec.axes.first { $0.name == "batch" }?.values.compactMap(\.integer) ?? []
    spec.train.batch = wanted.batch ?? batches.min() ?? spec.train.batch
    spec.axes = spec.axes.filter { !["norm", "batch", "seed"].contains($0.name) }
      .map { SweepAxis($0.name, Array($0.values.prefix(1))) }
    let original = spec.model
    guard let first = try spec.cells(registry).first?.model, let open = first.withNormSlots() else {
      throw NormaError(
        .usage, "experiment '\(spec.name)': model '\(original.name)' has no norm to advise on",
        place: spec.place, help: "write nn.norm() where one may go")
    }
    spec.model = ModelBuilder(original.name, options: original.options) {
      changes throws(NormaError) in
      let model = try original.build(changes)
      return model.withNormSlots() ?? model
    }
    let current = swept.isEmpty ? open.norm.map { [$0] } ?? [] : swept
    return (spec, current)
  }

  private func facts(
    _ spec: ExperimentSpec, _ splits: DataSplits, _ wanted: AdviceOptions
  ) throws(NormaError) -> ModelFacts {
    guard let cell = try spec.cells(registry).first else {
      throw NormaError(.internal, "an experiment without cells")
    }
    let part = try splits.windows(of: cell.model.input.first ?? 1).train
    let sampler = try BatchSampler(over: part, batchSize: cell.batch, seed: cell.seed)
    func norms(_ name: String) throws(NormaError) -> [NormUse] {
      var model = try cell.model.fitting(part)
      model.norm = NormSpec(name)
      return try Network(model, registry: registry, batch: 2, training: nil).norms
    }
    let fixed = Set(try norms(NormSpec.noneName).map(\.layer))
    let slots = try norms("layer").filter { !fixed.contains($0.layer) }.map {
      ModelFacts.Slot(layer: $0.layer, channels: $0.channels, positions: $0.positions)
    }
    guard !slots.isEmpty else {
      throw NormaError(
        .usage, "experiment '\(spec.name)' has no norm to advise on", place: spec.place,
        help: "write nn.norm() where one may go")
    }
    guard wanted.workers >= 1, wanted.workers <= cell.batch else {
      throw NormaError(
        .usage, "\(wanted.workers) workers cannot share a batch of \(cell.batch)",
        help: "from 1 to \(cell.batch)")
    }
    let isAdam: Bool
    let decay: Double
    switch cell.optimizer {
    case .sgd(_, _, _, let value): (isAdam, decay) = (false, value)
    case .adam(_, _, _, _, let value), .adamW(_, _, _, _, let value):
      (isAdam, decay) = (true, value)
    }
    return ModelFacts(
      name: spec.name, kind: cell.model.kind, placement: cell.model.placement, slots: slots,
      batch: cell.batch, workers: wanted.workers,
      samples: part.isText ? sampler.batchesPerEpoch * cell.batch : part.count,
      steps: spec.train.steps(epochOf: sampler.batchesPerEpoch, limit: options.steps),
      rate: cell.optimizer.rate, isAdam: isAdam, warmUp: spec.train.schedule.warmUp, decay: decay,
      biasesBefore: cell.model.biasesBeforeSlots,
      hasDropoutBefore: cell.model.hasDropoutBeforeSlots)
  }

  /// Throws where a norm cannot have the channels of a slot.
  private func fits(_ norm: NormSpec, _ facts: ModelFacts) throws(NormaError) {
    guard norm.name != NormSpec.noneName else { return }
    for slot in facts.slots {
      _ = try NormLayer(norm, in: registry, channelShape: [slot.channels])
    }
  }

  /// What to write in the script for the best choice.
  private func change(
    to best: Advice.Choice?, from current: [NormSpec], in given: ExperimentSpec,
    _ spec: ExperimentSpec
  ) -> String? {
    guard let best, best.cost != nil, current != [best.norm] else { return nil }
    let code = best.norm.code
    if given.axes.contains(where: { $0.name == "norm" }) {
      return "the sweep has \(current.map(\.label).joined(separator: ", ")); the advice is \(code)"
    }
    let model = try? given.cells(registry).first?.model
    let there = current.first
    func at(_ place: SourcePlace?) -> String { place.map { " (\($0))" } ?? "" }
    guard model?.hasNormSlot ?? true else {
      return "nn.norm \(code) where nn.norm \(there?.code ?? "") stands\(at(there?.place))"
    }
    return "norm = \(code) in model \"\(spec.model.name)\"\(at(there?.place ?? model?.place))"
      + (there.map { ", where \($0.code) is" } ?? "")
  }

  private func trainingBytes(
    _ norm: NormSpec, _ spec: ExperimentSpec, _ splits: DataSplits
  ) -> Int? {
    guard let cell = try? spec.cells(registry).first,
      let part = try? splits.windows(of: cell.model.input.first ?? 1).train,
      var model = try? cell.model.fitting(part)
    else { return nil }
    model.norm = norm
    let training = TrainingSpec(optimizer: cell.optimizer, steps: 1)
    return try? Network(model, registry: registry, batch: cell.batch, training: training)
      .plannedBytes
  }

  private func effort(_ norm: NormSpec) -> (bytes: Int, operations: Int) {
    guard norm.name != NormSpec.noneName, let cost = try? NormCard.Cost(norm, in: registry) else {
      return (0, 0)
    }
    return (
      cost.forwardBackwardBytes, (cost.forwardOperations ?? 0) + (cost.backwardOperations ?? 0)
    )
  }

  private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
  }
}

extension NormSpec {
  /// The norm as a script writes it: `"rms"`, `norm.group { groups = 8 }`.
  public var code: String {
    guard !hyper.isEmpty || preset != nil else { return "\"\(name)\"" }
    var settings = hyper.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }
    if let preset { settings.insert("preset = \"\(preset)\"", at: 0) }
    return "norm.\(name) { \(settings.joined(separator: ", ")) }"
  }
}
