import NormaCore

/// Inputs on which float32 implementations of norms go wrong, and N(0,1) to compare with.
enum HardInput: String, CaseIterable, Sendable {
  case normal = "N(0,1)"
  case mean1e4 = "mean 1e4"
  case mean1e6 = "mean 1e6"
  case narrow = "1 + 1e-3 N(0,1)"
  case small = "x 1e-20"
  case vanishing = "x 1e-25"
  case denormal = "denormal"
  case large = "x 1e18"
  case huge = "x 1e37"
  case constant = "constant"
  case outlier = "one outlier of 1e10"
  case firstOutlier = "the first value 1e10"
  case relu = "ReLU output"
  case long = "65536 a row"
  case longMean = "65536 a row, mean 1e4"

  func values(_ count: Int) -> [Float] {
    var random = RandomSource(seed: 7, purpose: rawValue)
    var values = (0..<count).map { _ in
      let n = random.normal()
      return switch self {
      case .normal, .outlier, .firstOutlier, .long: Float(n)
      case .mean1e4, .longMean: Float(1e4 + n)
      case .mean1e6: Float(1e6 + n)
      case .narrow: Float(1 + 1e-3 * n)
      case .small: Float(1e-20 * n)
      case .vanishing: Float(1e-25 * n)
      case .denormal: Float(1e-41 * n)
      case .large: Float(1e18 * n)
      case .huge: Float(1e37 * n)
      case .constant: Float(12345.678)
      case .relu: Float(max(n, 0))
      }
    }
    if self == .firstOutlier, count > 0 { values[0] = 1e10 }
    if let place = outlier(count) { values[place] = 1e10 }
    return values
  }

  /// Where the outlier is among so many values, whose neighbours are also compared alone. Those of the
  /// first value are not: gamma and beta leave little of each other there.
  func outlier(_ count: Int) -> Int? { self == .outlier ? count / 2 : nil }

  /// The values of epsilon to try; nil is the norm's own. What is smaller than its root shows only
  /// where epsilon is smaller still.
  var epsilons: [Double?] {
    switch self {
    case .small: [nil, 1e-50]
    case .vanishing: [1e-60, 0]
    case .denormal: [nil, 0]
    default: [nil]
    }
  }

  /// The scale of the arriving gradient: 1/deviation of denormals lies outside float32, and a
  /// gradient that overflows in every implementation would compare nothing.
  func gradientScale(_ epsilon: Double?) -> Double {
    self == .denormal && epsilon == 0 ? 1e-10 : 1
  }

  var isLong: Bool { self == .long || self == .longMean }

  /// Shapes and channel axes for a norm; long rows put 65536 values into every statistic.
  func shapes(_ norm: String) -> [(shape: [Int], axis: [Int])] {
    guard isLong else { return [([7, 5, 3, 42], [-1]), ([5, 6, 7, 3], [1])] }
    switch norm {
    case "layer", "rms": return [([2, 65536], [-1])]
    case "group": return [([2, 32768, 4], [-1]), ([2, 4, 32768], [1])]
    default: return [([2, 3, 32768], [1]), ([2, 32768, 3], [-1])]
    }
  }
}
