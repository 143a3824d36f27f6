import Foundation

/// How numbers lie along an axis: evenly, or by their logarithm, with round numbers to read them by.
struct ChartAxis {
  let low: Double
  let high: Double
  let isLogarithmic: Bool
  let ticks: [Double]

  /// An axis for some values; those that are not finite do not count.
  ///
  /// - Parameters:
  ///   - isLogarithmic: nil for a logarithmic axis where all are positive and differ by a factor of 50.
  ///   - isTight: whether the axis ends at the values, not at round numbers beyond.
  init(
    _ values: some Sequence<Double>, isLogarithmic wanted: Bool? = nil, isTight: Bool = false
  ) {
    // Differences of what is larger would overflow.
    let finite = values.filter { abs($0) <= 1e300 }
    var low = finite.min() ?? 0
    var high = finite.max() ?? 1
    let isLogarithmic = (wanted ?? Self.suggestsLogarithm(low, high)) && low > 1e-300
    self.isLogarithmic = isLogarithmic
    if isLogarithmic {
      if high <= low * 1.001 { (low, high) = (low / 2, high * 2) }
      let powers = Int(log10(low).rounded(.down))...Int(log10(high).rounded(.up))
      let steps = powers.count > 4 ? [1.0] : [1.0, 2, 5]
      let every = max(1, powers.count / 6)
      let round = powers.filter { $0 % every == 0 }.flatMap { power in
        steps.map { $0 * pow(10, Double(power)) }
      }.filter { $0 >= low * 0.999 && $0 <= high * 1.001 }
      ticks = round.count < 2 ? Self.evenTicks(low, high, Self.step((high - low) / 5)) : round
    } else {
      if high - low <= abs(high) * 1e-9 {
        let room = abs(high) * 0.1
        (low, high) = high == 0 ? (0, 1) : (low - room, high + room)
      }
      let step = Self.step((high - low) / 5)
      if !isTight {
        low = (low / step).rounded(.down) * step
        high = (high / step).rounded(.up) * step
      }
      ticks = Self.evenTicks(low, high, step)
    }
    self.low = low
    self.high = high
  }

  /// Whether values between two ends are better seen by their logarithms.
  static func suggestsLogarithm(_ low: Double, _ high: Double) -> Bool {
    low > 1e-300 && high / low > 50
  }

  /// Multiples of a step within a range, twenty at most.
  private static func evenTicks(_ low: Double, _ high: Double, _ step: Double) -> [Double] {
    let first = (low / step).rounded(.up)
    let count = ((high - first * step) / step + 1e-6).rounded(.down)
    guard count.isFinite, count >= 0 else { return [] }
    return (0...Int(min(count, 20))).map { (first + Double($0)) * step }
  }

  /// A round number near the given one.
  private static func step(_ given: Double) -> Double {
    let power = pow(10, log10(max(given, 1e-300)).rounded(.down))
    let lead = given / power
    return (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10) * power
  }

  /// Where a value lies, 0 at the low end and 1 at the high; nil off the axis.
  func place(_ value: Double) -> Double? {
    guard abs(value) <= 1e300 else { return nil }
    if isLogarithmic {
      return value > 0 ? log(value / low) / log(high / low) : nil
    }
    return (value - low) / (high - low)
  }
}
