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
    let finite = values.filter(\.isFinite)
    var low = finite.min() ?? 0
    var high = finite.max() ?? 1
    let isLogarithmic = wanted ?? (low > 0 && high / low > 50) && low > 0
    self.isLogarithmic = isLogarithmic
    if isLogarithmic {
      if high <= low * 1.001 { (low, high) = (low / 2, high * 2) }
      let powers = Int(log10(low).rounded(.down))...Int(log10(high).rounded(.up))
      let steps = powers.count > 4 ? [1.0] : [1.0, 2, 5]
      let every = max(1, powers.count / 6)
      ticks = powers.filter { $0 % every == 0 }.flatMap { power in
        steps.map { $0 * pow(10, Double(power)) }
      }.filter { $0 >= low * 0.999 && $0 <= high * 1.001 }
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
      let first = (low / step).rounded(.up)
      let count = min(Int(((high - first * step) / step + 1e-6).rounded(.down)), 20)
      ticks = (0...max(count, 0)).map { (first + Double($0)) * step }
    }
    self.low = low
    self.high = high
  }

  /// A round number near the given one.
  private static func step(_ given: Double) -> Double {
    let power = pow(10, log10(max(given, 1e-300)).rounded(.down))
    let lead = given / power
    return (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10) * power
  }

  /// Where a value lies, 0 at the low end and 1 at the high; nil off the axis.
  func place(_ value: Double) -> Double? {
    guard value.isFinite else { return nil }
    if isLogarithmic {
      return value > 0 ? log(value / low) / log(high / low) : nil
    }
    return (value - low) / (high - low)
  }
}
