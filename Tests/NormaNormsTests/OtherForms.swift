import NormaCore
import NormaGraph
import NormaNorms

/// Definitions that use what the built-ins do not: each is there for one way a compiler can go wrong.
enum OtherForms {
  static let definitions = [
    stopped, sharedGradient, readsBuffer, pointwise, chained, scalar, twoMoments,
  ]

  /// Some of the gradient is left out on purpose.
  static let stopped = NormDefinition("stopped", summary: "centring without a gradient") { n in
    n.partialGradient()
    n.claims(infersFromBatch: true)
    let gamma = n.parameter("gamma", per: .channel, initial: 1, role: .gain)
    return { x, _ in
      let spread = (x.variance([.batch, .space]) + 0.1).sqrt().stopGradient()
      return (x - x.mean(.channel).stopGradient()) / spread * gamma * x.tanh()
    }
  }

  /// The gradient of beta is a sum of the gradient of x: left out, x's must still be computed.
  static let sharedGradient = NormDefinition("shared_gradient", summary: "a shifted tanh") { n in
    let beta = n.parameter("beta", per: .channel, initial: 0, role: .shift)
    return { x, _ in (x + beta).tanh() }
  }

  /// Training reads the buffer that it then updates: backward must see the value before the step.
  static let readsBuffer = NormDefinition("reads_buffer", summary: "scaled by a running mean") {
    n in
    let gamma = n.parameter("gamma", per: .channel, initial: 1, role: .gain)
    let size = n.buffer("size", per: .channel, initial: 1)
    return { (x, s) throws(NormaError) -> Expr in
      if s.isTraining {
        try s.track("size", x.abs().mean([.batch, .space]), momentum: .constant(0.5))
      }
      return (x / (size + 0.1)).tanh() * gamma
    }
  }

  /// No statistic at all.
  static let pointwise = NormDefinition("pointwise", summary: "DyT") { n in
    let alpha = n.parameter("alpha", per: .none, initial: 0.5, role: .weight)
    let gamma = n.parameter("gamma", per: .channel, initial: 1, role: .gain)
    let beta = n.parameter("beta", per: .channel, initial: 0, role: .shift)
    return { x, _ in (x * alpha).tanh() * gamma + beta }
  }

  /// Statistics of statistics, over every role.
  static let chained = NormDefinition("chained", summary: "global response norm") { n in
    let gamma = n.parameter("gamma", per: .channel, initial: 0.5, role: .gain)
    let beta = n.parameter("beta", per: .channel, initial: 0, role: .shift)
    return { x, _ in
      let size = x.norm(2, .space)
      return x + x * (size / (size.mean(.channel) + 1e-6)) * gamma + beta
    }
  }

  /// Two variances of a row, where a batch has one sample.
  static let twoMoments = NormDefinition("two_moments", summary: "scaled twice") { n in
    n.claims(infersFromBatch: true)
    return { x, _ in
      let own = (x.variance(.space) + 0.1).rsqrt()
      let common = (x.variance([.batch, .space]) + 0.1).rsqrt()
      return x * own * common
    }
  }

  /// One statistic of the whole tensor.
  static let scalar = NormDefinition("whole", summary: "one scale for the tensor") { n in
    n.claims(infersFromBatch: true)
    let gain = n.parameter("gain", per: .none, initial: 1, role: .gain)
    return { x, _ in x * (x.meanSquare(.all) + 1e-6).rsqrt() * gain }
  }
}
