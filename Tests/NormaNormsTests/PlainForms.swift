import NormaCore
import NormaGraph
import NormaNorms

/// Batch, layer, group and RMS norm as somebody would write them in a script who knows the formulas
/// and no numerics: means of squares, divisions, roots as powers.
enum PlainForms {
  static let definitions = [batch, layer, group, rms]

  static let batch = NormDefinition("batch", summary: "E[x²] - E[x]²") { n in
    let (epsilon, gamma, beta) = leaves(n, 1e-5)
    return { x, _ in
      let mean = x.mean([.batch, .space])
      let variance = x.pow(2).mean([.batch, .space]) - mean.pow(2)
      return gamma * (x - mean) / (variance + epsilon).pow(0.5) + beta
    }
  }

  static let layer = NormDefinition("layer", summary: "the mean of squared differences") { n in
    let (epsilon, gamma, beta) = leaves(n, 1e-5)
    return { x, _ in
      let centered = x - x.mean(.channel)
      return centered / (centered.pow(2).mean(.channel) + epsilon).sqrt() * gamma + beta
    }
  }

  static let group = NormDefinition("group", summary: "the variance, written out") { n in
    n.int("groups", default: 2, divides: .channel, "how many groups")
    let (epsilon, gamma, beta) = leaves(n, 1e-5)
    return { x, s in
      let x = x.group(s.int("groups") ?? 1)
      let centered = x - x.mean([.member, .space])
      let deviation = ((x - x.mean([.member, .space])) * centered).mean([.member, .space])
      return centered * (deviation + epsilon).pow(-0.5) * gamma + beta
    }
  }

  static let rms = NormDefinition("rms", summary: "the mean of squares") { n in
    let (epsilon, gamma, _) = leaves(n, 1e-6, shifted: false)
    return { x, _ in x / ((x * x).mean(.channel) + epsilon).sqrt() * gamma }
  }

  private static func leaves(
    _ n: DefinitionBuilder, _ epsilon: Double, shifted: Bool = true
  ) -> (epsilon: Expr, gamma: Expr, beta: Expr) {
    (
      n.real("epsilon", default: epsilon, Bounds(min: 0)),
      n.parameter("gamma", per: .channel, initial: 1, role: .gain),
      shifted ? n.parameter("beta", per: .channel, initial: 0, role: .shift) : .constant(0)
    )
  }
}
