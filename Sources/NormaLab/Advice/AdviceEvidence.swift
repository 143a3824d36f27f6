import NormaCore
import NormaNetwork
public import NormaNorms

/// What short paired runs said of advice.
public struct AdviceEvidence: Sendable {
  /// Two norms of which the advice puts one first.
  public struct Pair: Sendable {
    /// The one the advice puts first.
    public let better: NormSpec
    /// The other.
    public let worse: NormSpec
    /// The other's measure minus the first's; nil when one of them failed in all seeds.
    public let comparison: PairedComparison?
    /// The rule that speaks most against the other.
    public let rule: AdviceReason?
    /// Whether the runs say the same, the opposite, or cannot tell.
    public let verdict: Verdict
  }

  /// What runs say of a pair.
  public enum Verdict: String, Sendable {
    /// The one the advice puts first is better, and 0 is outside the 95 % interval.
    case held
    /// The other is.
    case disagrees
    /// The interval holds 0.
    case unclear
  }

  /// A norm's result.
  public struct Result: Sendable {
    /// The norm.
    public let norm: NormSpec
    /// Its measure over the seeds; nil when all failed.
    public let average: Average?
    /// What became of runs that failed.
    public let reasons: [String]
  }

  /// What is compared.
  public let measure: Measure
  /// Steps of each run.
  public let steps: Int
  /// Seeds of each norm.
  public let seeds: Int
  /// The norms from the best on.
  public let results: [Result]
  /// All pairs that the advice orders.
  public let pairs: [Pair]

  /// What the runs are held against: the norm that is there, or else the first of the advice.
  public let reference: NormSpec?
  /// The best of the norms, where it is clearly better than the reference: by the interval of their paired
  /// differences, made wider for as many as were tried (Bonferroni).
  public let better: NormSpec?

  /// The pairs with that verdict.
  public func count(_ verdict: Verdict) -> Int { pairs.count { $0.verdict == verdict } }
}

extension Lab {
  /// Trains the choices of advice for a short while, over equal seeds, and compares them in pairs.
  func measure(
    _ advice: Advice, _ given: ExperimentSpec, _ wanted: AdviceOptions
  ) throws(NormaError) -> AdviceEvidence {
    let choices = advice.choices.filter { $0.cost != nil }
    let step = choices.compactMap(\.stepSeconds).reduce(0, +)
    let affordable = wanted.time / .seconds(1) / max(step * Double(wanted.seeds), 1e-9)
    let steps = min(advice.facts.steps, max(Int(affordable), 20))
    var spec = given
    spec.train.length = .steps(steps)
    spec.train.schedule.warmUp = min(spec.train.schedule.warmUp, steps / 2)
    // Nothing may make the runs of a pair differ in length.
    spec.train.stop = nil
    spec.budget = nil
    spec.observations = .never
    spec.measuresTest = false
    spec.axes += [
      SweepAxis("norm", choices.map { .norm($0.norm) }),
      SweepAxis("seed", (1...wanted.seeds).map { .plain(.number(Double($0))) }),
    ]
    var quiet = options
    quiet.writes = false
    quiet.isDryRun = false
    quiet.survey = nil
    quiet.overrides = []
    let result = try Lab(registry: registry, catalog: catalog, options: quiet).run(spec)
    let measure: Measure =
      result.cells.contains { $0[.validationLoss] != nil } ? .validationLoss : .trainLoss
    var results: [AdviceEvidence.Result] = []
    for choice in choices {
      let own = result.cells.filter { $0.cell.value("norm") == .norm(choice.norm) }
      results.append(
        AdviceEvidence.Result(
          norm: choice.norm, average: Average(own.compactMap { $0.finished(measure) }),
          reasons: own.compactMap(\.shortReason)))
    }
    var pairs: [AdviceEvidence.Pair] = []
    for (index, better) in choices.enumerated() {
      for worse in choices[(index + 1)...] where better.cost != worse.cost {
        pairs.append(pair(better, worse, result, measure))
      }
    }
    // What failed in a seed comes after what did not.
    results.sort {
      ($0.reasons.count, $0.average?.mean ?? .infinity)
        < ($1.reasons.count, $1.average?.mean ?? .infinity)
    }
    let there = advice.current.count == 1 ? advice.current.first : nil
    let reference =
      choices.contains { $0.norm == there } ? there : choices.first?.norm
    var better: NormSpec?
    if let reference, let best = results.first, best.norm != reference, best.reasons.isEmpty {
      let own = results.first { $0.norm == reference }
      let comparison = try? result.compare(reference.label, best.norm.label, measure: measure)
      if let comparison, let chance = comparison.probability, comparison.average.mean < 0,
        chance * Double(max(choices.count - 1, 1)) < 0.05
      {
        better = best.norm
      } else if let own, own.average == nil {
        better = best.norm
      }
    }
    return AdviceEvidence(
      measure: measure, steps: steps, seeds: wanted.seeds, results: results, pairs: pairs,
      reference: reference, better: better)
  }

  private func pair(
    _ first: Advice.Choice, _ second: Advice.Choice, _ result: ExperimentResult,
    _ measure: Measure
  ) -> AdviceEvidence.Pair {
    let (better, worse) = (first.norm, second.norm)
    func failed(_ norm: NormSpec) -> Bool {
      result.cells.allSatisfy {
        $0.cell.value("norm") != .norm(norm) || $0.finished(measure) == nil
      }
    }
    let comparison = try? result.compare(better.label, worse.label, measure: measure)
    let verdict: AdviceEvidence.Verdict
    switch (failed(better), failed(worse)) {
    case (true, true): verdict = .unclear
    case (false, true): verdict = .held
    case (true, false): verdict = .disagrees
    case (false, false):
      guard let comparison, comparison.isClear else {
        verdict = .unclear
        break
      }
      verdict = comparison.average.mean > 0 ? .held : .disagrees
    }
    return AdviceEvidence.Pair(
      better: better, worse: worse, comparison: comparison,
      rule: second.reasons.max { ($0.cost ?? 0) < ($1.cost ?? 0) }, verdict: verdict)
  }
}

extension CellResult {
  /// A measure of a run that came to its end.
  fileprivate func finished(_ measure: Measure) -> Double? {
    guard case .completed = status, let value = self[measure], value.isFinite else { return nil }
    return value
  }
}
