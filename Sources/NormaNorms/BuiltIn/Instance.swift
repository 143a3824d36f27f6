import NormaCore
import NormaGraph

extension BuiltIns {
  /// (x - mean) / sqrt(variance + epsilon) · gamma + beta over the space of each channel and sample.
  ///
  /// Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022.
  public static let instance = NormDefinition(
    "instance", summary: "zero mean and unit variance over the space of each sample's channel",
    paper: "Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022"
  ) { n in
    n.claims(statistics: .space, epsilon: .inside)
    let epsilon = n.epsilon()
    let gamma = n.gamma()
    let beta = n.beta()
    n.preset("torch", ["epsilon": .real(1e-5), "scale": .bool(false), "center": .bool(false)])
    n.preset("keras", ["epsilon": .real(1e-3)])
    return { x, _ in
      (x - x.mean(.space)) * (x.variance(.space) + epsilon).rsqrt() * gamma + beta
    }
  }
}
