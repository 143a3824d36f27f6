import Foundation
import NormaConformance
import NormaCore
import NormaNorms

/// A norm that might go into a model, and what is known of it.
struct AdviceSubject {
  let spec: NormSpec
  let facts: ModelFacts
  /// The roles that its statistics run over in training; empty without statistics.
  let mixes: Set<String>
  /// Whether shifting a channel changes nothing.
  let dropsShiftOfChannel: Bool
  private let registry: NormRegistry
  /// The weight of a new value in running statistics; nil without them.
  let momentum: Double?

  init(_ spec: NormSpec, _ facts: ModelFacts, _ registry: NormRegistry) throws(NormaError) {
    self.spec = spec
    self.facts = facts
    self.registry = registry
    guard spec.name != NormSpec.noneName else {
      (mixes, dropsShiftOfChannel, momentum) = ([], false, nil)
      return
    }
    let properties = try NormProperties(spec, in: registry)
    mixes = Set(properties.mixes)
    dropsShiftOfChannel = properties.shift.channel
    let schema = try registry.entry(spec.name).schema
    let hyper = try schema.resolve(spec.hyper, preset: spec.preset)
    let weight: Double? = if case .real(let value)? = hyper["momentum"] { value } else { nil }
    momentum = schema.buffers.contains { $0.role == .runningStatistic } ? weight ?? 0.1 : nil
  }

  var isNone: Bool { spec.name == NormSpec.noneName }
  var mixesBatch: Bool { !mixes.isDisjoint(with: ["batch", "sample", "chunk"]) }

  /// How many values the smallest statistic is of; nil without statistics.
  var values: Int? {
    guard !mixes.isEmpty else { return nil }
    return facts.slots.map { slot in
      var count = 1
      if mixesBatch { count *= facts.share }
      if mixes.contains("space") { count *= slot.positions }
      if mixes.contains("channel") { count *= slot.channels }
      if mixes.contains("member") {
        let layer = try? NormLayer(spec, in: registry, channelShape: [slot.channels])
        count *= slot.channels / max(layer?.groups ?? 1, 1)
      }
      return count
    }.min()
  }
}

/// Something that speaks for or against a norm in a model.
public struct AdviceReason: Sendable {
  /// What it costs: 1 is a difference that may show in results, 4 and more a run spoilt; nil rules the norm
  /// out.
  public let cost: Int?
  /// A sentence.
  public let text: String
  /// A paper, or an experiment of this project.
  public let source: String
}

/// What is known of norms in models, each rule by itself; costs add up.
enum AdviceRules {
  typealias Rule = @Sendable (AdviceSubject) -> AdviceReason?

  static let all: [Rule] = [
    oneValue, later, batch, architecture, withoutNorm, settling,
  ]

  private static let groupNorm = "Wu & He 2018, arXiv:1803.08494, tables 1 to 3"

  /// Statistics of few values.
  @Sendable private static func oneValue(_ subject: AdviceSubject) -> AdviceReason? {
    guard let values = subject.values, values <= 8 else { return nil }
    guard values > 1 else {
      return AdviceReason(
        cost: nil,
        text:
          "somewhere its statistics are of a single value, of which nothing is left but the shift",
        source: "norms card \(subject.spec.name)")
    }
    guard !subject.mixesBatch else { return nil }
    return AdviceReason(
      cost: 3,
      text:
        "somewhere its statistics are of \(values) values, and a part of what these say is lost",
      source: "the mean and the spread of N values leave N - 2 of them")
  }

  /// A text's earlier positions must not see later ones.
  @Sendable private static func later(_ subject: AdviceSubject) -> AdviceReason? {
    guard subject.facts.kind == .causal, subject.mixes.contains("space") else { return nil }
    return AdviceReason(
      cost: nil,
      text:
        "its statistics run over the positions of a text: each would see those after it, which it"
        + " shall predict", source: "norms card \(subject.spec.name)")
  }

  /// Statistics of a small batch.
  @Sendable private static func batch(_ subject: AdviceSubject) -> AdviceReason? {
    guard subject.mixesBatch else { return nil }
    let share = subject.facts.share
    let isDense = subject.facts.fewestPositions == 1
    let costs = isDense ? [(2, 8), (4, 4), (8, 1)] : [(1, 4), (2, 3), (4, 2), (8, 1)]
    guard let (_, cost) = costs.first(where: { share <= $0.0 }) else { return nil }
    let worker = subject.facts.workers > 1 ? " a worker" : ""
    return AdviceReason(
      cost: cost,
      text:
        "its statistics are of \(share) \(share == 1 ? "sample" : "samples")\(worker): error grew from"
        + " 23.6 % at 32 to 24.8 at 8, 27.3 at 4 and 34.7 at 2, group norm's stayed at 24.1"
        + (isDense ? "; without positions it is worse, 3.6 times in batch-size.lua" : ""),
      source: groupNorm)
  }

  /// What is best where the batch is large enough.
  @Sendable private static func architecture(_ subject: AdviceSubject) -> AdviceReason? {
    guard !subject.isNone else { return nil }
    let isKnown = ["layer", "rms", "group", "instance"].contains(subject.spec.name)
    switch subject.facts.kind {
    case .causal, .transformer:
      switch subject.spec.name {
      case "rms":
        return AdviceReason(
          cost: 0,
          text:
            "as good as layer norm (translation 22.4 and 22.6 BLEU, in this project's transformer 2.512 and"
            + " 2.513 nats) and cheaper",
          source: "Zhang & Sennrich 2019, arXiv:1910.07467; rms-vs-layer.lua")
      case "layer":
        return AdviceReason(
          cost: 0, text: "what transformers began with; as good as RMS norm",
          source: "Ba, Kiros & Hinton 2016, arXiv:1607.06450")
      case "batch":
        return AdviceReason(
          cost: 3, text: "the batch's statistics of texts fluctuate too much",
          source: "Shen et al. 2020, arXiv:2003.07845")
      default:
        return AdviceReason(
          cost: 1, text: "nothing was measured of it in transformers",
          source: "norms card \(subject.spec.name)")
      }
    case .convolutional:
      switch subject.spec.name {
      case "batch":
        return AdviceReason(
          cost: 0,
          text: "best in convolutional nets where the batch is large: 23.6 %, group norm 24.1",
          source: groupNorm)
      case "group":
        return AdviceReason(
          cost: 1, text: "half a percent behind batch norm at large batches, the same at any",
          source: groupNorm)
      case "instance":
        return AdviceReason(
          cost: 2, text: "drops what a channel's size says: 28.4 % where batch norm has 23.6",
          source: groupNorm)
      default:
        return AdviceReason(
          cost: 1,
          text: isKnown
            ? "behind batch norm in convolutional nets, where the batch is large"
            : "nothing was measured of it: judged by what its statistics run over",
          source: isKnown
            ? "Ba, Kiros & Hinton 2016, arXiv:1607.06450, section 6.7"
            : "norms card \(subject.spec.name)")
      }
    case .dense:
      switch subject.spec.name {
      case "batch":
        return AdviceReason(
          cost: 0,
          text:
            "learns fastest in dense nets where the batch is large: 84.3 % in this project's MLP, layer"
            + " norm 83.6",
          source: "Ioffe & Szegedy 2015, arXiv:1502.03167; batch-size.lua")
      default:
        return AdviceReason(
          cost: 1,
          text: isKnown
            ? "close to batch norm at large batches and the same at any: 83.6 to 84.7 % in this project's MLP"
            : "nothing was measured of it: judged by what its statistics run over",
          source: isKnown
            ? "batch-size.lua" : "norms card \(subject.spec.name)")
      }
    }
  }

  /// No norm at all.
  @Sendable private static func withoutNorm(_ subject: AdviceSubject) -> AdviceReason? {
    guard subject.isNone else { return nil }
    let slots = subject.facts.slots.count
    switch subject.facts.kind {
    case .causal, .transformer:
      let isDeep = slots >= 12
      return AdviceReason(
        cost: isDeep ? 3 : 1,
        text: isDeep
          ? "deep transformers need a norm or what stands in for one"
          : "a few layers train as well without (2.486 nats without, 2.500 with RMS norm), but not at high rates",
        source: isDeep
          ? "Zhang, Dauphin & Ma 2019, arXiv:1901.09321, which needs other first weights to do without"
          : "norm-free.lua; Zhu et al. 2025, arXiv:2503.10622")
    case .convolutional, .dense:
      return AdviceReason(
        cost: slots < 4 ? 2 : 4,
        text: slots < 4
          ? "shallow nets train without, at a tenth of the rate that batch norm stands"
          : "\(slots) layers are too many to train well without",
        source: "learning-rate.lua; Ioffe & Szegedy 2015, arXiv:1502.03167")
    }
  }

  /// Running statistics that have no time to settle.
  @Sendable private static func settling(_ subject: AdviceSubject) -> AdviceReason? {
    guard let momentum = subject.momentum, momentum < 1 else { return nil }
    let left = pow(1 - momentum, Double(subject.facts.steps))
    guard left > 0.02 else { return nil }
    return AdviceReason(
      cost: left > 0.2 ? 4 : 2,
      text:
        "after \(subject.facts.steps) steps \(Int((left * 100).rounded())) % of its running statistics"
        + " is still where they began, and inference goes by them",
      source: "Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 2")
  }
}
