public import NormaNorms

/// One clause of a norm's contract, as it was found.
public struct CheckResult: Sendable, Encodable, CustomStringConvertible {
  /// The clause, such as `gradient of 'gamma' matches the reference`.
  public let name: String
  /// Whether it held on every input tried.
  public let passed: Bool
  /// The largest error that was measured; nil where the clause is yes or no.
  public let measured: Double?
  /// The error that is allowed.
  public let bound: Double?
  /// How many inputs were tried; 0 when the clause does not apply.
  public let inputs: Int
  /// What went wrong, or why the clause was not tried.
  public let message: String
  /// The input that shows the largest error: shape, axes, strides, mode and how the values are drawn.
  public let input: String

  /// `3.1e-3 of 1.0e-6 allowed`; nil where the clause is yes or no.
  public var errorText: String? {
    if let measured, let bound { "\(measured.brief) of \(bound.brief) allowed" } else { nil }
  }

  /// `FAIL name: measured 3.1e-3, allowed 1e-6; message [input]`.
  public var description: String {
    var text = (passed ? (inputs == 0 ? "skip " : "pass ") : "FAIL ") + name
    if let measured, let bound { text += ": measured \(measured.brief), allowed \(bound.brief)" }
    if !message.isEmpty { text += (measured == nil ? ": " : "; ") + message }
    return input.isEmpty ? text : text + " [\(input)]"
  }
}

/// What the conformance kit tries, and the errors it allows.
///
/// Errors are relative to the scale of a tensor, the largest absolute value of the reference.
public struct ConformanceOptions: Sendable {
  /// The executor that is checked.
  public var executor: Executor = .tiles
  /// The seed of all values.
  public var seed: UInt64 = 1
  /// The numbers of threads whose results must agree bit for bit.
  public var threads = [1, 2, 3]
  /// The error allowed in the output and the buffers.
  public var outputBound = 5e-7
  /// The error allowed in gradients, whose terms may cancel.
  public var gradientBound = 2e-6
  /// The error allowed on inputs of mean 1e6, constant rows, outliers and values of 1e18.
  public var hardBound = 1e-6
  /// The error allowed against central differences in Double, through the reference.
  public var differenceBound = 1e-6
  /// The error allowed against central differences in float32, for norms without a formula.
  public var foreignDifferenceBound = 5e-3
  /// Whether to compare with finite differences at all; turn it off for a norm without a formula that
  /// stops gradients on purpose.
  public var differences = true
  /// Is told what is tried next, so that whoever watches knows what a crash was about.
  public var progress: @Sendable (String) -> Void = { _ in }

  /// The defaults.
  public init() {}
}

extension Double {
  /// Two significant digits.
  var brief: String {
    guard isFinite, self != 0 else { return "\(self)" }
    var exponent = 0
    var mantissa = self
    while abs(mantissa) >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    while abs(mantissa) < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
    return "\((mantissa * 10).rounded() / 10)e\(exponent)"
  }
}
