import NormaCore
import NormaGraph

extension BuiltIns {
  /// x / sqrt(mean(x²) + epsilon) · gamma over the channels of each position.
  ///
  /// Zhang & Sennrich 2019, arXiv:1910.07467.
  public static let rms = NormDefinition(
    "rms", summary: "unit root mean square over the channels of each position",
    paper: "Zhang & Sennrich 2019, arXiv:1910.07467"
  ) { n in
    n.claims(statistics: .channel, epsilon: .inside)
    let epsilon = n.epsilon(1e-6)
    let gamma = n.gamma()
    n.preset("torch", ["epsilon": .real(0x1p-23)])
    n.preset("keras", ["epsilon": .real(1e-6)])
    return { x, _ in x * (x.meanSquare(.channel) + epsilon).rsqrt() * gamma }
  }
}
