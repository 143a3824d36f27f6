import NormaCore
import NormaNorms

/// Something in the script that is likely to go wrong, and what to write instead.
public struct AdviceRisk: Sendable {
  /// What and why.
  public let text: String
  /// What to change in the script; nil where nothing has to be.
  public let change: String?
  /// A paper, or an experiment of this project.
  public let source: String
}

/// Risks of a model as it stands, apart from the choice of its norm.
enum AdviceRisks {
  static func all(
    _ facts: ModelFacts, using used: [AdviceSubject], advised: AdviceSubject?
  ) -> [AdviceRisk] {
    var risks: [AdviceRisk] = []
    let names = used.filter { !$0.isNone }.map(\.spec.label)
    if facts.placement == .post, facts.warmUp == 0, !names.isEmpty {
      risks.append(
        AdviceRisk(
          text:
            "post-norm without warm-up: gradients are large near the output when training begins"
            + (facts.isAdam && facts.rate >= 1e-3
              ? ", and \(facts.rate) is a high rate for that" : ""),
          change:
            "schedule = schedule.cosine { warm_up = \(max(facts.steps / 10, 1)) }, or put the norms"
            + " first: nn.residual { nn.norm(), ... }",
          source: "Xiong et al. 2020, arXiv:2002.04745: BLEU 8.45 without, 34 with;"
            + " in placement.lua 3.34 nats without, 2.57 with"))
    }
    if facts.hasDropoutBefore, used.contains(where: { $0.momentum != nil }) {
      risks.append(
        AdviceRisk(
          text:
            "dropout before a norm with running statistics: the variance in training is not that in"
            + " inference", change: "move nn.dropout behind the last such norm",
          source: "Li et al. 2018, arXiv:1801.05134"))
    }
    // Not where the advice is another norm, which may need them.
    if facts.biasesBefore > 0, !used.isEmpty, advised?.dropsShiftOfChannel ?? true,
      used.allSatisfy({ $0.dropsShiftOfChannel })
    {
      risks.append(
        AdviceRisk(
          text:
            "\(facts.biasesBefore) \(facts.biasesBefore == 1 ? "layer has a bias" : "layers have biases")"
            + " right before a norm that takes a channel's mean away: they do nothing",
          change: "bias = false in the nn.linear or nn.conv before nn.norm",
          source: "Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.2"))
    }
    if facts.decay > 0, !names.isEmpty {
      risks.append(
        AdviceRisk(
          text:
            "weight decay \(facts.decay) is for weights: here gains, shifts and biases are left out of it;"
            + " elsewhere that has to be written", change: nil,
          source: "transformers pull request 35927"))
    }
    if facts.samples < 2000 {
      risks.append(
        AdviceRisk(
          text: "\(facts.samples) samples: norms differ by less than seeds do",
          change:
            "compare several: sweep = { { \"norm\", ... }, { \"seed\", { 1, 2, 3, 4, 5 } } }, or --measure",
          source: "statistics over seeds, as in r:compare"))
    }
    return risks
  }
}
