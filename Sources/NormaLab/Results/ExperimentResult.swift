public import NormaCore
import NormaNorms

/// What an experiment found: its cells in order, and how to look at them.
public struct ExperimentResult: Sendable {
  /// The experiment, with settings changed from outside.
  public let spec: ExperimentSpec
  /// The cells in order.
  public let cells: [CellResult]
  /// Where it is kept; nil when nothing was written.
  public let folder: String?
  /// Whether it was only planned: there are no cells then.
  public let isDryRun: Bool

  init(
    spec: ExperimentSpec, cells: [CellResult], folder: String?, isDryRun: Bool = false
  ) {
    self.spec = spec
    self.cells = cells
    self.folder = folder
    self.isDryRun = isDryRun
  }

  /// The best completed cell by a measure, among those whose settings have the given labels.
  ///
  /// - Throws: `usage` for an unknown axis, or when no such cell was completed with that measure.
  public func best(
    by measure: Measure, at settings: [String: String] = [:]
  ) throws(NormaError) -> CellResult {
    for name in settings.keys.sorted() { try checkAxis(name) }
    let candidates = cells.filter { result in
      guard case .completed = result.status, result[measure]?.isFinite == true else { return false }
      return settings.allSatisfy { name, label in
        guard let value = result.cell.value(name) else { return false }
        return value.label == label || value.norm?.name == label
      }
    }
    let sign = measure.isBetterHigh ? 1.0 : -1.0
    let best = candidates.max { sign * ($0[measure] ?? 0) < sign * ($1[measure] ?? 0) }
    guard let best else {
      let wanted = settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      throw NormaError(
        .usage,
        "no completed cell" + (wanted.isEmpty ? "" : " with \(wanted.joined(separator: " "))")
          + " has '\(measure.rawValue)'",
        help: isDryRun ? "this is a dry run: nothing was measured" : nil)
    }
    return best
  }

  /// Rows of one or several axes; either one measure by the values of another axis, or one column a
  /// measure. All other axes are averaged over.
  ///
  /// - Throws: `usage` for an unknown axis, one used twice, or one that is nowhere when `over` is given.
  public func table(
    rows: [String], columns: String? = nil, measures: [Measure], over: [String]? = nil
  ) throws(NormaError) -> ResultTable {
    for axis in rows + (columns.map { [$0] } ?? []) + (over ?? []) { try checkAxis(axis) }
    let used = rows + (columns.map { [$0] } ?? [])
    guard Set(used + (over ?? [])).count == used.count + (over ?? []).count else {
      throw NormaError(.usage, "a table uses each axis once: in rows, columns or over")
    }
    if let over, let left = axisNames.first(where: { !used.contains($0) && !over.contains($0) }) {
      throw NormaError(
        .usage, "the axis '\(left)' is neither in rows nor in columns nor in over",
        help: "add it to over to average over it")
    }
    return ResultTable(self, rows: rows, columns: columns, measures: measures)
  }

  /// All axes but the seed in rows, one column for each watched measure.
  public var summary: ResultTable {
    ResultTable(
      self, rows: axisNames.filter { $0 != "seed" }, columns: nil, measures: spec.watch)
  }

  /// The names of the swept axes, in order.
  public var axisNames: [String] { spec.axes.map(\.name) }

  private func checkAxis(_ name: String) throws(NormaError) {
    guard !axisNames.contains(name) else { return }
    throw NormaError(
      .usage,
      "the experiment does not vary '\(name)'" + Suggestion.phrase(for: name, among: axisNames),
      help: axisNames.isEmpty ? "it has no sweep" : "it varies \(axisNames.joined(separator: ", "))"
    )
  }
}
