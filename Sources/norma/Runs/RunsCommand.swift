import ArgumentParser
import Foundation
import NormaCore
import NormaLab
import NormaTerminal

/// `norma runs`.
struct RunsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "runs",
    abstract: "List, show and compare the runs that are kept in folders.",
    discussion: """
      Examples:
        norma runs list
        norma runs show runs/compare
        norma runs compare runs/a runs/b --value val_loss
      """,
    subcommands: [RunsListCommand.self, RunsShowCommand.self, RunsCompareCommand.self])
}

/// `norma runs list`.
struct RunsListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the runs and sweeps in a folder, the latest first.",
    discussion: """
      Examples:
        norma runs list
        norma runs list experiments --json
      """)

  @Argument(help: "The folder; by default runs.", completion: .directory)
  var folder = "runs"

  @OptionGroup var output: OutputOptions

  /// What is kept in a folder.
  private struct Entry: Encodable {
    let folder: String
    let experiment: String
    let started: String
    let runs: Int
    let state: String
    let best: [String: Double]
  }

  func run() throws {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw NormaError(
        .inputMissing, "there is no folder '\(folder)'",
        help: "norma run FILE.lua makes it; or name the one that --out was given")
    }
    var entries: [Entry] = []
    for name in names {
      // What is no run, or damaged, is not for a list; `show` says what is wrong with it.
      guard let saved = try? SavedRuns(["\(folder)/\(name)"]) else { continue }
      var states: [String: Int] = [:]
      for named in saved.runs {
        let state = named.run.end?["status"].string ?? "unfinished"
        states[state == "completed" ? "done" : state, default: 0] += 1
      }
      if saved.planned > saved.runs.count { states["to come"] = saved.planned - saved.runs.count }
      let ended = saved.runs.filter { $0.run.end?["status"] == "completed" }
      var best: [String: Double] = [:]
      for measure in [Measure.accuracy, .loss] {
        let values = ended.compactMap { $0.run.end?[measure.rawValue].double }
        best[measure.rawValue] = measure.isBetterHigh ? values.max() : values.min()
      }
      entries.append(
        Entry(
          folder: "\(folder)/\(name)", experiment: saved.runs[0].experiment,
          started: saved.runs.compactMap { $0.run.configuration["started"].string }.min() ?? "",
          runs: saved.runs.count,
          state: states.count == 1 && states["done"] != nil
            ? "done"
            : states.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(
              separator: ", "),
          best: best))
    }
    entries.sort { ($0.started, $0.folder) > ($1.started, $1.folder) }
    if output.json { return try output.write(json: entries) }
    var table = Table([
      Table.Column("folder", .left), Table.Column("experiment", .left), "runs",
      Table.Column("state", .left), "best accuracy", "best loss", Table.Column("started", .left),
    ])
    for entry in entries {
      func number(_ measure: Measure) -> StyledText {
        StyledText(entry.best[measure.rawValue].map { measure.text($0) } ?? "–")
      }
      table.append([
        StyledText(entry.folder), StyledText(entry.experiment), StyledText("\(entry.runs)"),
        StyledText(entry.state),
        number(.accuracy), number(.loss), StyledText(entry.started),
      ])
    }
    let note = entries.isEmpty ? [StyledText("there are no runs in \(folder)")] : table.lines()
    try output.write(lines: note)
  }
}

/// `norma runs show`.
struct RunsShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show what runs ended with, and what they were told.",
    discussion: """
      Means over seeds with half the 95 % interval; the best of a column is marked.

      Examples:
        norma runs show runs/compare
        norma runs show runs/compare --value val_loss --value step_ms
      """)

  @Argument(help: "Folders of runs and of sweeps.", completion: .directory)
  var runs: [String]

  @OptionGroup var values: MeasureOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let measures = try values.measures
    let saved = try SavedRuns(runs)
    let summary = saved.summary(measures)
    if output.json { return try output.write(text: summary.json.indented(depth: 3)) }
    var lines = summary.table.lines()
    if summary.rows.contains(where: { $0.runs > 1 }) {
      lines.append(StyledText(SavedRuns.note, .dim))
    }
    for (name, values) in saved.differences where !name.hasPrefix("settings.") {
      let shown = values.prefix(8).map { $0.value.isEmpty ? "(not there)" : $0.value }
      lines.append(
        StyledText("\(name) ", .dim) + StyledText(shown.joined(separator: ", "))
          + StyledText(values.count > 8 ? ", \(values.count - 8) more" : ""))
    }
    for row in summary.rows {
      lines += row.reasons.map {
        StyledText("\(row.labels.joined(separator: " ")): \($0)", .yellow)
      }
    }
    try output.write(lines: lines)
  }
}

/// `norma runs compare`.
struct RunsCompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare what runs ended with to the first of them.",
    discussion: """
      With several folders each row is set beside that of the first folder with the same settings, else beside \
      the first row: the difference of the means, and with several seeds its 95 % interval (Welch). With \
      --within the status is 2 where a mean is worse by more than that share, or runs failed: a check for \
      continuous integration.

      Examples:
        norma runs compare runs/before runs/after
        norma runs compare runs/compare --value val_loss
        norma runs compare runs/before runs/after --value val_loss --within 0.01
      """)

  @Argument(help: "Folders of runs and of sweeps.", completion: .directory)
  var runs: [String]

  @OptionGroup var values: MeasureOptions

  @Option(
    help: ArgumentHelp(
      "How much worse a mean may be, as a share.", valueName: "share"))
  var within: Double?

  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    if let within, !(within >= 0) {
      throw NormaError(.usage, "--within must be 0 or more, got \(within)")
    }
  }

  func run() throws {
    let measures = try values.measures ?? [.loss, .accuracy]
    let places = runs.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path }
    guard Set(places).count == runs.count else {
      throw NormaError(
        .usage, "a folder is named twice: it would be compared with itself", help: "name others")
    }
    let summary = try SavedRuns(runs).summary(measures)
    guard summary.rows.count > 1 else {
      throw NormaError(
        .usage,
        "there is one kind of run in \(runs.joined(separator: ", ")), and nothing to compare",
        help: "give several folders, or a sweep")
    }
    var table = Table(
      summary.settings.map { Table.Column($0, .left) }
        + summary.measures.flatMap {
          [Table.Column($0.rawValue, .left), Table.Column("difference", .left)]
        }
        + ["runs"])
    var worse: [String] = []
    var comparisons: [JSONValue] = []
    for row in summary.rows {
      let name = row.labels.joined(separator: " ")
      let base = summary.baseline(of: row)
      var cells = row.labels.map { StyledText($0) }
      for (column, measure) in summary.measures.enumerated() {
        let average = row.averages[column]
        cells.append(
          StyledText(
            average.map { RunSummary.text($0, measure, .interval) } ?? "–",
            row.isBest[column] ? .bold : .plain))
        guard let base, let before = base.averages[column] else {
          cells.append("")
          continue
        }
        guard let average else {
          cells.append("")
          worse.append("\(name) has no \(measure.rawValue)")
          continue
        }
        let difference = Difference(of: average, from: before)
        cells.append(StyledText(difference.text, difference.isClear ? .plain : .dim))
        let loss = measure.isBetterHigh ? -difference.mean : difference.mean
        if let within, loss > within * abs(before.mean) {
          worse.append(
            "\(name): \(measure.rawValue) \(difference.text) from \(measure.text(before.mean))")
        }
        comparisons.append([
          "run": .text(name), "from": .text(base.labels.joined(separator: " ")),
          "measure": .text(measure.rawValue), "difference": .number(difference.mean),
          "half_interval": difference.halfInterval.map { .number($0) } ?? .null,
        ])
      }
      if let base, base.misfortunes == nil, let misfortunes = row.misfortunes {
        worse.append("\(name): \(misfortunes)")
      }
      table.append(cells + [StyledText("\(row.runs)" + (row.misfortunes.map { ": \($0)" } ?? ""))])
    }
    if within == nil { worse = [] }
    if output.json {
      let result: JSONValue = [
        "rows": summary.json, "comparisons": .list(comparisons),
        "worse": .list(worse.map { .text($0) }),
      ]
      try output.write(text: result.indented(depth: 4))
    } else {
      try output.write(lines: table.lines())
    }
    guard worse.isEmpty else {
      throw NormaError(
        .gate,
        "worse by more than \(within ?? 0) of what it is compared with: "
          + worse.joined(separator: "; "))
    }
  }
}

extension RunSummary {
  /// The row that another is compared with: the first folder's of the same settings, or else the first of all;
  /// nil for that row itself.
  fileprivate func baseline(of row: Row) -> Row? {
    let like = rows.first {
      settings.first == "folder" && $0.labels.first == rows[0].labels.first
        && $0.labels.dropFirst() == row.labels.dropFirst()
    }
    let base = like ?? rows[0]
    return base.labels == row.labels ? nil : base
  }
}

/// Which measures are shown.
struct MeasureOptions: ParsableArguments {
  @Option(
    name: .customLong("value"),
    help: ArgumentHelp("A measure, such as val_loss; repeatable.", valueName: "name"))
  var names: [String] = []

  /// The measures; nil where none was named.
  ///
  /// - Throws: `usage` for one that does not exist, with the nearest.
  var measures: [Measure]? {
    get throws(NormaError) {
      guard !names.isEmpty else { return nil }
      return try names.map { name throws(NormaError) in
        let all = Measure.allCases.map(\.rawValue)
        guard let measure = Measure(rawValue: name) else {
          throw NormaError(
            .usage, "there is no measure '\(name)'" + Suggestion.phrase(for: name, among: all),
            help: "there are: \(all.joined(separator: ", "))")
        }
        return measure
      }
    }
  }
}

extension RunSummary {
  /// The rows as a table, the best of a column marked.
  fileprivate var table: Table {
    var table = Table(
      settings.map { Table.Column($0, .left) } + measures.map { Table.Column($0.rawValue, .right) }
        + ["runs"])
    for row in rows {
      let cells = zip(row.averages, measures).enumerated().map { column, pair in
        let text = pair.0.map { RunSummary.text($0, pair.1, .interval) } ?? "–"
        let isBest = row.isBest[column]
        return StyledText(text + (isBest ? " *" : "  "), isBest ? .bold : .plain)
      }
      let count = "\(row.runs)" + (row.misfortunes.map { ": \($0)" } ?? "")
      table.append(row.labels.map { StyledText($0) } + cells + [StyledText(count)])
    }
    return table
  }
}
