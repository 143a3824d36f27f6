/// How many groups, or samples of a chunk, a norm has: found from what its formula does at some sizes.
package enum SizeRule: Codable, Sendable, Hashable {
  case fixed(Int)
  /// The value of the integer hyper-parameter with this index.
  case setting(Int)
  case channels
  /// The channels by the value of a hyper-parameter.
  case channelsBySetting(Int)
  /// The greatest common divisor of a number and the channels.
  case commonDivisor(Int)

  /// One observation: integers by index, the channels, and the size the formula came to.
  package struct Sample {
    package let values: [Int: Int]
    package let channels: Int
    package let size: Int

    package init(values: [Int: Int], channels: Int, size: Int) {
      self.values = values
      self.channels = channels
      self.size = size
    }
  }

  /// The simplest rule that all samples agree with; nil when there is none.
  package static func explaining(_ samples: [Sample]) -> SizeRule? {
    guard let first = samples.first else { return nil }
    var rules: [SizeRule] = [.fixed(first.size)]
    let settings = Set(samples.flatMap(\.values.keys)).sorted()
    rules += settings.map(SizeRule.setting) + [.channels]
    rules += settings.map(SizeRule.channelsBySetting)
    rules += (1...256).map(SizeRule.commonDivisor)
    return rules.first { rule in
      samples.allSatisfy { rule.size($0.values, channels: $0.channels) == $0.size }
    }
  }

  /// The size for integers by index; nil where one is not given.
  package func size(_ values: [Int: Int], channels: Int) -> Int? {
    switch self {
    case .fixed(let n): n
    case .setting(let k): values[k]
    case .channels: channels
    case .channelsBySetting(let k): values[k].flatMap { $0 > 0 ? channels / $0 : nil }
    case .commonDivisor(let n): Self.greatestCommonDivisor(n, channels)
    }
  }

  private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
  }
}
