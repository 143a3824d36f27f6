public import NormaCore

/// How a cell ended, and what it measured.
public struct CellResult: Sendable {
  /// How a cell ended.
  public enum Status: Sendable {
    /// It trained to its end.
    case completed
    /// It failed or diverged, for this reason.
    case failed(NormaError)
    /// It was stopped from outside.
    case interrupted
  }

  /// The cell.
  public let cell: Cell
  /// How it ended.
  public let status: Status
  /// What it measured, as far as it came.
  public let measures: [Measure: Double]
  /// Steps done.
  public let steps: Int
  /// The final weights; nil when nothing was written.
  public let weights: String?

  /// A measure; nil when the cell did not come so far.
  public subscript(measure: Measure) -> Double? { measures[measure] }

  /// Why it failed, in a few words for a table; nil when it did not.
  public var shortReason: String? {
    switch status {
    case .completed: nil
    case .interrupted: "interrupted"
    case .failed(let error) where error.code == .diverged: "diverged"
    case .failed: "failed"
    }
  }

  /// `cell norm=batch seed=3: the loss became NaN at step 41: ...`; nil when it did not fail.
  public var failure: NormaError? {
    guard case .failed(let error) = status else { return nil }
    return cell.settings.isEmpty ? error : error.prefixed("cell \(cell.label)")
  }

  var fields: [JSONValue.Field] {
    var fields: [JSONValue.Field] = []
    switch status {
    case .completed: fields.append(.init("status", "completed"))
    case .interrupted: fields.append(.init("status", "interrupted"))
    case .failed(let error):
      fields.append(.init("status", .text(error.code == .diverged ? "diverged" : "failed")))
      fields.append(.init("reason", .text(error.description)))
    }
    fields.append(.init("steps", .int(steps)))
    for measure in Measure.allCases {
      guard let value = measures[measure] else { continue }
      let json = measure == .parameters ? .int(Int(value)) : JSONValue.number(value)
      fields.append(.init(measure.rawValue, json))
    }
    if let weights { fields.append(.init("weights", .text(weights))) }
    return fields
  }
}
