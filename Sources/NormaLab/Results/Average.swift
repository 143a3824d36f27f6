import Foundation

/// The mean and spread of some values, such as one measure over several seeds.
public struct Average: Sendable, Hashable {
  /// The mean of the values.
  public let mean: Double
  /// Their standard deviation (sample, divided by N - 1); nil for one value.
  public let deviation: Double?
  /// How many values there are.
  public let count: Int

  /// Averages values; nil when there are none.
  public init?(_ values: [Double]) {
    guard !values.isEmpty else { return nil }
    let mean = values.reduce(0, +) / Double(values.count)
    self.mean = mean
    count = values.count
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    deviation = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : nil
  }

  /// Half the width of the interval around the mean that holds the true mean with 95 %, by Student's
  /// distribution; nil for one value.
  public var halfInterval: Double? {
    deviation.map { Student.quantile(degrees: count - 1) * $0 / Double(count).squareRoot() }
  }

  /// The 95 % interval; nil for one value.
  public var interval: ClosedRange<Double>? {
    halfInterval.flatMap { half in
      mean - half <= mean + half ? mean - half...mean + half : nil
    }
  }
}

/// Student's t distribution.
enum Student {
  /// What |t| exceeds in 5 % of all cases.
  static func quantile(degrees: Int) -> Double {
    guard degrees > 0 else { return .infinity }
    var (low, high) = (0.0, 20.0)
    while tail(high, degrees) > 0.05 { high *= 2 }
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if tail(middle, degrees) > 0.05 { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }

  /// The probability that |t| exceeds a value: for whole degrees a finite series in the angle
  /// atan(t / sqrt(degrees)). Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
  static func tail(_ t: Double, _ degrees: Int) -> Double {
    let angle = atan(abs(t) / Double(degrees).squareRoot())
    let square = cos(angle) * cos(angle)
    let isOdd = degrees % 2 == 1
    var term = isOdd ? cos(angle) : 1
    var sum = degrees > 1 || !isOdd ? term : 0
    for k in stride(from: isOdd ? 3 : 2, to: degrees, by: 2) {
      term *= square * Double(k - 1) / Double(k)
      sum += term
    }
    let inside = isOdd ? 2 / .pi * (angle + sin(angle) * sum) : sin(angle) * sum
    return max(0, 1 - inside)
  }
}

extension Average {
  /// The average as files and commands have it.
  var json: JSONValue {
    [
      "mean": .number(mean), "count": .int(count),
      "deviation": deviation.map { .number($0) } ?? .null,
      "low": interval.map { .number($0.lowerBound) } ?? .null,
      "high": interval.map { .number($0.upperBound) } ?? .null,
    ]
  }
}

/// Two settings of one axis compared over cells that are equal in all else, such as two norms over the
/// same seeds.
public struct PairedComparison: Sendable {
  /// The axis.
  public let axis: String
  /// The label of the setting that is compared with.
  public let first: String
  /// The label of the setting that is compared.
  public let second: String
  /// What is compared.
  public let measure: Measure
  /// The second's value minus the first's, pair by pair.
  public let differences: [Double]
  /// Their mean and spread.
  public let average: Average
  /// What the pairs differ in: names of the other axes that have more than one value.
  public let over: [String]

  /// The probability of a mean at least as far from zero if there were no difference; nil for one pair. By
  /// Student's t, or by signs alone where all differences are equal, as those of accuracies may be.
  public var probability: Double? {
    guard let deviation = average.deviation else { return nil }
    guard deviation > 0 else {
      return average.mean == 0 ? 1 : pow(2, 1 - Double(average.count))
    }
    let t = average.mean / deviation * Double(average.count).squareRoot()
    return Student.tail(t, average.count - 1)
  }

  /// Whether zero lies outside the 95 % interval, and chance would do it less often than once in twenty.
  public var isClear: Bool {
    (average.interval.map { !$0.contains(0) } ?? false) && (probability ?? 1) < 0.05
  }

  /// `group - batch: accuracy +0.0123 [+0.0041, +0.0205], 3 pairs over seed, p = 0.02`.
  public var text: String {
    func number(_ value: Double) -> String {
      String(format: value != 0 && abs(value) < 5e-4 ? "%+.1e" : "%+.4f", value)
    }
    var text = "\(second) - \(first): \(measure.rawValue) \(number(average.mean))"
    if let interval = average.interval {
      text += " [\(number(interval.lowerBound)), \(number(interval.upperBound))]"
    }
    text += ", \(average.count) \(average.count == 1 ? "pair" : "pairs")"
    if !over.isEmpty { text += " over \(over.joined(separator: " and "))" }
    if let probability { text += String(format: ", p = %.2g", probability) }
    return text
  }
}

/// The difference of two means whose values do not belong together in pairs.
public struct Difference: Sendable {
  /// The second mean minus the first.
  public let mean: Double
  /// Half the width of its 95 % interval; nil where a mean is of a single value.
  public let halfInterval: Double?

  /// Compares means of values with deviations of their own. Welch 1947, doi:10.2307/2332510.
  public init(of second: Average, from first: Average) {
    mean = second.mean - first.mean
    guard let a = first.deviation, let b = second.deviation else {
      halfInterval = nil
      return
    }
    let (u, v) = (a / Double(first.count).squareRoot(), b / Double(second.count).squareRoot())
    let spread = (u * u + v * v).squareRoot()
    guard spread > 0, spread.isFinite else {
      halfInterval = spread == 0 ? 0 : nil
      return
    }
    let share = (u / spread) * (u / spread)
    let rest = 1 - share
    let degrees =
      1 / (share * share / Double(first.count - 1) + rest * rest / Double(second.count - 1))
    // Rounded down, which widens the interval.
    halfInterval = Student.quantile(degrees: max(Int(degrees), 1)) * spread
  }

  /// Whether zero lies outside the interval.
  public var isClear: Bool { halfInterval.map { abs(mean) > $0 } ?? false }

  /// `-0.0123 ± 0.0040`.
  public var text: String {
    String(format: "%+.4f", mean) + (halfInterval.map { String(format: " ± %.4f", $0) } ?? "")
  }
}
