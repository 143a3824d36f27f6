import NormaCore
import NormaGraph

extension BuiltIns {
  /// (x - mean) / sqrt(variance + epsilon) · gamma + beta over space and the channels of a group.
  ///
  /// Wu & He 2018, arXiv:1803.08494.
  public static let group = NormDefinition(
    "group", summary: "zero mean and unit variance over space and each group of channels",
    paper: "Wu & He 2018, arXiv:1803.08494"
  ) { n in
    n.int(
      "groups", default: 32, divides: .channel, words: ["auto"],
      "how many groups; auto: the greatest common divisor of 32 and the channels")
    n.int(
      "channels_per_group", default: nil, divides: .channel, "size of a group, in place of groups")
    n.claims(statistics: [.member, .space], epsilon: .inside)
    let epsilon = n.epsilon()
    let gamma = n.gamma()
    let beta = n.beta()
    n.preset("torch", ["epsilon": .real(1e-5)])
    n.preset("keras", ["epsilon": .real(1e-3)])
    n.exclude("groups", "channels_per_group")
    return { x, s in
      let groups: Int
      if let size = s.int("channels_per_group") {
        groups = s.channels / size
      } else {
        groups = s.int("groups") ?? greatestCommonDivisor(32, s.channels)
      }
      let x = x.group(groups)
      let roles: RoleSet = [.member, .space]
      return (x - x.mean(roles)) * (x.variance(roles) + epsilon).rsqrt() * gamma + beta
    }
  }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
  b == 0 ? a : greatestCommonDivisor(b, a % b)
}
