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
    /// It did not run, or not to its end, since the experiment's time was over.
    case outOfTime
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
  /// Whether the plan's rule ended it before its last step.
  public let stoppedEarly: Bool

  init(
    cell: Cell, status: Status, measures: [Measure: Double] = [:], steps: Int = 0,
    weights: String? = nil, stoppedEarly: Bool = false
  ) {
    self.cell = cell
    self.status = status
    self.measures = measures
    self.steps = steps
    self.weights = weights
    self.stoppedEarly = stoppedEarly
  }

  /// A measure; nil when the cell did not come so far.
  public subscript(measure: Measure) -> Double? { measures[measure] }

  /// Why it failed, in a few words for a table; nil when it did not.
  public var shortReason: String? {
    switch status {
    case .completed: nil
    case .interrupted: "interrupted"
    case .outOfTime: "no time"
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
    case .outOfTime: fields.append(.init("status", "out_of_time"))
    case .failed(let error):
      fields.append(.init("status", .text(error.code == .diverged ? "diverged" : "failed")))
      fields.append(.init("code", .text(error.code.id)))
      fields.append(.init("exit_status", .int(Int(error.code.exitStatus))))
      fields.append(.init("reason", .text(error.message)))
      if let help = error.help { fields.append(.init("help", .text(help))) }
    }
    fields.append(.init("steps", .int(steps)))
    if stoppedEarly { fields.append(.init("stopped_early", true)) }
    for measure in Measure.allCases {
      guard let value = measures[measure] else { continue }
      let whole = measure == .parameters ? Int(exactly: value) : nil
      let json = whole.map { JSONValue.int($0) } ?? .number(value)
      fields.append(.init(measure.rawValue, json))
    }
    return fields
  }
}
