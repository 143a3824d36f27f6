import NormaCore
import NormaGraph

extension BuiltIns {
  /// (x - mean) / sqrt(variance + epsilon) · gamma + beta over batch and space of each channel.
  ///
  /// In training the statistics are the batch's, and running ones follow them; in inference the
  /// running ones are used. Ioffe & Szegedy 2015, arXiv:1502.03167.
  public static let batch = NormDefinition(
    "batch", summary: "zero mean and unit variance over batch and space of each channel",
    paper: "Ioffe & Szegedy 2015, arXiv:1502.03167"
  ) { n in
    n.claims(statistics: [.batch, .space], epsilon: .inside)
    let epsilon = n.epsilon()
    let momentum = n.real(
      "momentum", default: 0.1, Bounds(min: 0, max: 1), "weight of the new value in running buffers"
    )
    n.alias(
      Alias("decay", of: "momentum") { value throws(NormaError) in
        switch value {
        case .real(let d): return .real(1 - d)
        case .int(let d): return .real(1 - Double(d))
        default: throw NormaError(.usage, "'decay' must be a number, got \(value)")
        }
      })
    n.int(
      "correction", default: 1, min: 0,
      "the running variance divides by N - correction: 1 as PyTorch, 0 as Keras")
    let gamma = n.gamma()
    let beta = n.beta()
    let mean = n.buffer("mean", per: .channel, initial: 0, "running mean")
    let variance = n.buffer("variance", per: .channel, initial: 1, "running variance")
    n.preset("torch", ["epsilon": .real(1e-5), "momentum": .real(0.1), "correction": .int(1)])
    n.preset("keras", ["epsilon": .real(1e-3), "momentum": .real(0.01), "correction": .int(0)])
    return { (x, s) throws(NormaError) -> Expr in
      var (mu, spread) = (mean, variance)
      if s.isTraining {
        let roles: RoleSet = [.batch, .space]
        (mu, spread) = (x.mean(roles), x.variance(roles))
        try s.track("mean", mu, momentum: momentum)
        let correction = Double(s.int("correction") ?? 1)
        try s.track("variance", x.variance(roles, correction: correction), momentum: momentum)
      }
      return (x - mu) * (spread + epsilon).rsqrt() * gamma + beta
    }
  }
}
