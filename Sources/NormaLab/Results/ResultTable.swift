import Foundation
import NormaCore

/// Results in rows and columns, averaged over what is in neither.
public struct ResultTable: Sendable {
  /// What a field of the table holds.
  public struct Field: Sendable {
    /// The average of the cells that have the measure; nil when none has.
    public let average: Average?
    /// Why cells are missing: `diverged`, `failed`.
    public let reasons: [String]
    /// How it is shown.
    public let text: String
  }

  /// The titles.
  public let header: [String]
  /// The labels of each row.
  public let labels: [[String]]
  /// The fields of each row.
  public let fields: [[Field]]
  /// Lines below the table: what the spread is, why cells failed.
  public let notes: [String]

  /// What stands after a mean.
  public enum Spread: String, Sendable, CaseIterable {
    /// The standard deviation.
    case deviation
    /// Half the 95 % interval of the mean.
    case interval
  }

  init(
    _ result: ExperimentResult, rows: [String], columns: String?, measures: [Measure],
    spread: Spread
  ) {
    let axes = result.spec.axes
    func values(_ name: String) -> [SettingValue] {
      axes.first { $0.name == name }?.values ?? []
    }
    var combinations: [[SettingValue]] = [[]]
    for row in rows {
      combinations = combinations.flatMap { head in values(row).map { head + [$0] } }
    }
    if result.cells.isEmpty { combinations = [] }
    let columnValues: [SettingValue?] = columns.map { values($0) } ?? [nil]
    func field(_ row: [SettingValue], _ column: SettingValue?, _ measure: Measure) -> Field {
      let cells = result.cells.filter { result in
        zip(rows, row).allSatisfy { result.cell.value($0) == $1 }
          && (columns.map { result.cell.value($0) == column } ?? true)
      }
      return Field(cells, measure, spread)
    }
    var header = rows
    if let columns {
      header += columnValues.flatMap { value in
        measures.map { measure in
          (measures.count > 1 ? measure.rawValue + " " : "") + "\(columns)=\(value?.label ?? "")"
        }
      }
    } else {
      header += measures.map(\.rawValue)
    }
    self.header = header
    labels = combinations.map { $0.map(\.label) }
    fields = combinations.map { row in
      columnValues.flatMap { column in measures.map { field(row, column, $0) } }
    }
    var notes: [String] = []
    let averaged = axes.filter { !rows.contains($0.name) && $0.name != columns }
    if fields.joined().contains(where: { $0.average?.deviation != nil }) {
      let names = averaged.map { "\($0.values.count) values of \($0.name)" }
      let what = spread == .deviation ? "standard deviation" : "half the 95 % interval"
      notes.append("mean ± \(what) over \(names.joined(separator: " and "))")
    }
    notes += result.cells.compactMap { $0.failure?.message }
    if result.isDryRun { notes.append("dry run: nothing was measured") }
    self.notes = notes
  }

  /// The table as aligned plain text, each line ended; notes below.
  public var text: String {
    let rows = [header] + zip(labels, fields).map { $0 + $1.map(\.text) }
    let labelCount = labels.first?.count ?? 0
    let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let lines = rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        line += column > 0 ? "  " : ""
        line += column < labelCount ? cell + padding : padding + cell
      }
      return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
    }
    return lines.joined() + notes.map { $0 + "\n" }.joined()
  }
}

extension ResultTable.Field {
  init(_ cells: [CellResult], _ measure: Measure, _ spread: ResultTable.Spread) {
    let completed = cells.filter { if case .completed = $0.status { true } else { false } }
    average = Average(completed.compactMap { $0[measure] }.filter(\.isFinite))
    reasons = cells.compactMap(\.shortReason)
    var words: [String] = []
    if let average {
      words.append(RunSummary.text(average, measure, spread))
    }
    if let reason = reasons.first {
      words.append(average == nil ? reason : "(\(reasons.count) \(reason))")
    }
    text = words.isEmpty ? "-" : words.joined(separator: " ")
  }
}
