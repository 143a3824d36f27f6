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
        return value.matches(label)
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
    rows: [String], columns: String? = nil, measures: [Measure], over: [String]? = nil,
    spread: ResultTable.Spread = .deviation
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
    return ResultTable(self, rows: rows, columns: columns, measures: measures, spread: spread)
  }

  /// A measure averaged over the completed cells whose settings have the given labels; nil when there is none.
  ///
  /// - Throws: `usage` for an unknown axis or value.
  public func average(
    _ measure: Measure, at settings: [String: String] = [:]
  ) throws(NormaError) -> Average? {
    for (name, label) in settings.sorted(by: { $0.key < $1.key }) {
      try checkAxis(name)
      _ = try value(label, of: name)
    }
    return Average(
      cells.compactMap { result in
        guard case .completed = result.status, let number = result[measure], number.isFinite,
          settings.allSatisfy({ result.cell.value($0)?.matches($1) ?? false })
        else { return nil }
        return number
      })
  }

  /// The value of an axis that a label means.
  private func value(_ label: String, of axis: String) throws(NormaError) -> SettingValue {
    let values = spec.axes.first { $0.name == axis }?.values ?? []
    // A label says which; a bare name, where it means but one.
    if let value = values.first(where: { $0.label == label }) { return value }
    let named = values.filter { $0.matches(label) }
    if named.count == 1 { return named[0] }
    let other = spec.axes.first { $0.name != axis && $0.values.contains { $0.matches(label) } }
    throw NormaError(
      .usage,
      "'\(axis)' has no value '\(label)'"
        + Suggestion.phrase(for: label, among: values.map(\.label)),
      help: other.map { "\(label) is one of '\($0.name)': axis = \"\($0.name)\"" }
        ?? "it has: \(values.map(\.label).joined(separator: ", "))")
  }

  /// Two settings of an axis compared over all cells that are equal in the others, at the given settings.
  ///
  /// - Throws: `usage` for an axis or a setting that is not there, or when no pair was completed.
  public func compare(
    _ first: String, _ second: String, axis: String = "norm", measure: Measure = .accuracy,
    at settings: [String: String] = [:]
  ) throws(NormaError) -> PairedComparison {
    for name in [axis] + settings.keys.sorted() { try checkAxis(name) }
    let axes = spec.axes.filter { $0.name != axis && settings[$0.name] == nil }
    let (before, after) = (try value(first, of: axis), try value(second, of: axis))
    guard before != after else {
      throw NormaError(.usage, "\(axis)=\(first) is compared with itself", help: "name another")
    }
    func values(_ value: SettingValue) -> [[Cell.Setting]: Double] {
      var found: [[Cell.Setting]: Double] = [:]
      for result in cells where result.cell.value(axis) == value {
        guard case .completed = result.status, let number = result[measure], number.isFinite,
          settings.allSatisfy({ result.cell.value($0)?.matches($1) ?? false })
        else { continue }
        found[result.cell.settings.filter { $0.name != axis }] = number
      }
      return found
    }
    let (a, b) = (values(before), values(after))
    // In the order of the cells: sums of floating-point numbers depend on it.
    var differences: [Double] = []
    for result in cells where result.cell.value(axis) == before {
      let key = result.cell.settings.filter { $0.name != axis }
      if let start = a[key], let end = b[key] { differences.append(end - start) }
    }
    guard let average = Average(differences) else {
      throw NormaError(
        .usage,
        "no two completed cells differ in \(axis)=\(first) and \(axis)=\(second) alone and have"
          + " '\(measure.rawValue)'",
        help: isDryRun
          ? "this is a dry run: nothing was measured"
          : cells.contains { if case .outOfTime = $0.status { true } else { false } }
            ? "the budget left cells for another time: --resume runs them" : nil)
    }
    return PairedComparison(
      axis: axis, first: first, second: second, measure: measure, differences: differences,
      average: average, over: axes.filter { $0.values.count > 1 }.map(\.name))
  }

  /// All axes but the seed in rows, one column for each watched measure.
  public var summary: ResultTable {
    ResultTable(
      self, rows: axisNames.filter { $0 != "seed" }, columns: nil, measures: spec.watch,
      spread: .deviation)
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
