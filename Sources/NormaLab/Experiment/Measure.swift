import Foundation

/// A number that a cell ends with.
public enum Measure: String, Sendable, CaseIterable {
  /// The share classified right: of the validation part, else the test part, else in training.
  case accuracy
  /// The mean loss of the same samples.
  case loss
  /// The share classified right in the last epoch of training.
  case trainAccuracy = "train_accuracy"
  /// The mean loss in the last epoch of training.
  case trainLoss = "train_loss"
  /// The share of the validation part classified right.
  case validationAccuracy = "val_accuracy"
  /// The mean loss of the validation part.
  case validationLoss = "val_loss"
  /// The share of the test part classified right.
  case testAccuracy = "test_accuracy"
  /// The mean loss of the test part.
  case testLoss = "test_loss"
  /// Milliseconds a step, the median.
  case stepTime = "step_ms"
  /// Seconds the whole cell took.
  case seconds
  /// The number of learned values.
  case parameters

  /// Whether more is better.
  public var isBetterHigh: Bool {
    switch self {
    case .accuracy, .trainAccuracy, .validationAccuracy, .testAccuracy: true
    default: false
    }
  }

  /// A value as tables show it.
  public func text(_ value: Double) -> String {
    let magnitude = abs(value)
    let isOdd = decimals == 4 && (magnitude >= 1e7 || (value != 0 && magnitude < 5e-4))
    return String(format: isOdd ? "%.1e" : "%.\(decimals)f", value)
  }

  /// Decimals in tables.
  var decimals: Int {
    switch self {
    case .stepTime: 2
    case .seconds: 1
    case .parameters: 0
    default: 4
    }
  }
}
