/// Collects what is measured on many inputs into one result a clause.
struct Ledger {
  private struct Clause {
    var worst: (ratio: Double, measured: Double, bound: Double)?
    var inputs = 0
    var failures = 0
    var message = ""
    var input = ""
  }
  private var order: [String] = []
  private var clauses: [String: Clause] = [:]

  private mutating func update(_ name: String, _ change: (inout Clause) -> Void) {
    if clauses[name] == nil { order.append(name) }
    change(&clauses[name, default: Clause()])
  }

  /// Notes an error that must not exceed a bound.
  mutating func measure(_ name: String, _ error: Double, bound: Double, on input: String) {
    update(name) { clause in
      clause.inputs += 1
      // NaN fails whatever the bound.
      let ratio = error.isNaN ? .infinity : error / bound
      if ratio > 1 { clause.failures += 1 }
      if clause.worst.map({ ratio > $0.ratio }) ?? true {
        clause.worst = (ratio, error, bound)
        clause.input = input
      }
    }
  }

  /// Notes something that must be so; the first message is kept.
  mutating func expect(
    _ name: String, _ holds: Bool, on input: String, _ message: @autoclosure () -> String = ""
  ) {
    update(name) { clause in
      clause.inputs += 1
      guard !holds else { return }
      clause.failures += 1
      if clause.failures == 1 {
        clause.message = message()
        clause.input = input
      }
    }
  }

  /// Notes why a clause is not tried, or a fact about inputs that were refused.
  mutating func remark(_ name: String, _ message: String) {
    update(name) { if $0.message.isEmpty { $0.message = message } }
  }

  /// The results in the order in which clauses were first met.
  var results: [CheckResult] {
    order.compactMap { name in
      guard let clause = clauses[name] else { return nil }
      let failed = clause.failures > 0
      var message = clause.message
      if failed {
        let count = "failed on \(clause.failures) of \(clause.inputs) inputs"
        message = message.isEmpty ? count : "\(message) (\(count))"
      }
      return CheckResult(
        name: name, passed: !failed, measured: clause.worst?.measured, bound: clause.worst?.bound,
        inputs: clause.inputs, message: message, input: clause.input)
    }
  }
}

/// The largest difference, relative to the largest absolute value of the reference.
///
/// Where the reference is all zero, an absolute error of 1e-6 counts as much as `bound`. Elements
/// whose reference is not finite in float32 are left out. `floor` is the least scale that counts, for
/// results that a saturating function brings close to zero.
public func scaledError(
  _ actual: [Float], _ reference: [Float], bound: Double, floor: Double = 0
) -> Double {
  guard actual.count == reference.count else { return .infinity }
  var scale = 0.0
  var error = 0.0
  for (a, r) in zip(actual, reference) where r.isFinite {
    scale = max(scale, abs(Double(r)))
    let difference = abs(Double(a) - Double(r))
    // max(x, NaN) may drop the NaN; a NaN must win.
    if difference.isNaN { return .nan }
    error = max(error, difference)
  }
  return scale > 0 ? error / max(scale, floor) : error * bound / 1e-6
}
