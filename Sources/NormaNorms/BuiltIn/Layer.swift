import NormaCore
import NormaGraph

extension BuiltIns {
  /// (x - mean) / sqrt(variance + epsilon) · gamma + beta over the channels of each position.
  ///
  /// Ba, Kiros & Hinton 2016, arXiv:1607.06450.
  public static let layer = NormDefinition(
    "layer", summary: "zero mean and unit variance over the channels of each position",
    paper: "Ba, Kiros & Hinton 2016, arXiv:1607.06450"
  ) { n in
    n.claims(statistics: .channel, epsilon: .inside)
    let epsilon = n.epsilon()
    let gamma = n.gamma()
    let beta = n.beta()
    n.preset("torch", ["epsilon": .real(1e-5)])
    n.preset("keras", ["epsilon": .real(1e-3)])
    return { x, _ in
      (x - x.mean(.channel)) * (x.variance(.channel) + epsilon).rsqrt() * gamma + beta
    }
  }
}
