import Foundation
public import NormaCore

/// Runs as their folders have them, to be shown or taken elsewhere.
public struct SavedRuns: Sendable {
  /// A run and what it is called among the others.
  public struct Named: Sendable {
    /// `003-norm-rms-seed-2`, or the folder's name.
    public let name: String
    /// The run's own folder, or that of its sweep: runs of different sources are never averaged.
    public let source: String
    /// The run.
    public let run: SavedRun
    /// The experiment it belongs to.
    public var experiment: String { run.configuration["experiment"].string ?? name }
  }

  /// The runs, in the order of the folders and their names.
  public let runs: [Named]
  /// How many there will be once unfinished sweeps are whole.
  public let planned: Int

  /// Reads folders of runs, of sweeps, and of these; each run once.
  ///
  /// - Throws: `input_missing` for a folder without runs; `data` when a file is damaged.
  public init(_ folders: [String]) throws(NormaError) {
    var sources: [Source] = []
    var seen: Set<String> = []
    for folder in folders {
      let found = Self.sources(in: folder)
      guard !found.isEmpty else {
        throw NormaError(
          .inputMissing,
          Folder.exists(folder)
            ? "there is no run in '\(folder)'" : "there is no folder '\(folder)'",
          help: "give the folder of a run or of a sweep, such as runs/20260101-120000-mlp")
      }
      sources += found.filter {
        seen.insert(URL(fileURLWithPath: $0.path).resolvingSymlinksInPath().path).inserted
      }
    }
    try self.init(sources)
  }

  /// Reads some cells of a sweep, or the run that the folder is, where none are named.
  ///
  /// - Throws: `data` when a file is damaged.
  public init(_ folder: String, cells: [String]) throws(NormaError) {
    try self.init([(folder, cells)])
  }

  /// A run's folder, or a sweep's with the names of its cells.
  private typealias Source = (path: String, cells: [String])

  private init(_ sources: [Source]) throws(NormaError) {
    var runs: [Named] = []
    var planned = 0
    var names: Set<String> = []
    for source in sources {
      // Also of `.` and `..`; folders of one name in different places are told apart.
      let own = URL(fileURLWithPath: source.path).standardizedFileURL.lastPathComponent
      let base = names.unused(own)
      if source.cells.isEmpty {
        runs.append(Named(name: base, source: base, run: try SavedRun(source.path)))
        planned += 1
        continue
      }
      for cell in source.cells {
        let name = sources.count > 1 ? base + "/" + cell : cell
        runs.append(
          Named(name: name, source: base, run: try SavedRun(source.path + "/" + cell)))
      }
      let index = try? SavedRun.value(source.path + "/sweep.json")
      planned += max(index?["cells"].count ?? 0, source.cells.count)
    }
    self.runs = runs
    self.planned = planned
  }

  /// The runs and sweeps that a folder is or holds; a sweep with the names of its cells.
  private static func sources(in folder: String) -> [Source] {
    let own = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    if SavedRun.exists(in: own) { return [(own, [])] }
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: own)) ?? []).sorted()
    let cells = names.filter { name in
      name.first?.isWholeNumber == true && name.prefix { $0.isWholeNumber }.count <= 5
        && SavedRun.exists(in: own + "/" + name)
    }
    if !cells.isEmpty { return [(own, cells)] }
    return names.flatMap { name -> [Source] in
      let inside = own + "/" + name
      if SavedRun.exists(in: inside) { return [(inside, [])] }
      return Folder.exists(inside + "/sweep.json") ? sources(in: inside) : []
    }
  }

  /// The names of the experiments, in the order in which they are met.
  var experiments: [String] {
    var seen: Set<String> = []
    return runs.map(\.experiment).filter { seen.insert($0).inserted }
  }

  /// The sources, in order.
  var sources: [String] {
    var seen: Set<String> = []
    return runs.map(\.source).filter { seen.insert($0).inserted }
  }

  /// The names of all settings, in the order in which they are met.
  public var settings: [String] {
    var names: [String] = []
    for named in runs {
      for field in named.run.configuration["settings"].fields where !names.contains(field.name) {
        names.append(field.name)
      }
    }
    return names
  }

  /// The measures that some run ended with.
  public var measures: [Measure] {
    Measure.allCases.filter { measure in
      runs.contains { $0.run.end?[measure.rawValue].double != nil }
    }
  }
}

extension Set<String> {
  /// The name, with a number behind it where it is taken; it is taken from then on.
  mutating func unused(_ name: String) -> String {
    var free = name
    var number = 2
    while !insert(free).inserted {
      free = "\(name)-\(number)"
      number += 1
    }
    return free
  }
}

extension SavedRun {
  /// The value of a setting as tables show it.
  func setting(_ name: String) -> String {
    switch configuration["settings"][name] {
    case .null: ""
    case .text(let text): text
    case let value: value.line
    }
  }
}

// MARK: tables

extension SavedRuns {
  /// Everything that was measured on the way: a line for each recorded step, epoch and evaluation.
  ///
  /// RFC 4180; numbers to their last bit.
  public var csv: String {
    let columns = [
      "type", "part", "epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy", "rate",
      "gradient_norm", "seconds", "status",
    ]
    func quoted(_ text: String) -> String {
      let isPlain = !text.unicodeScalars.contains { ",\"\n\r".unicodeScalars.contains($0) }
      return isPlain ? text : "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
    let names = settings
    // A setting may be called like a column.
    let titles = names.map { columns.contains($0) ? "set_" + $0 : $0 }
    var lines = [(["run"] + titles + columns).map(quoted).joined(separator: ",")]
    for named in runs {
      let head = [named.name] + names.map { named.run.setting($0) }
      for event in named.run.events
      where ["step", "epoch", "eval", "done"].contains(event["type"].string) {
        let values = columns.map { name in
          switch event[name] {
          case .text(let text): text
          case .int(let value): "\(value)"
          case .number(let value): "\(value)"
          default: ""
          }
        }
        lines.append((head + values).map(quoted).joined(separator: ","))
      }
    }
    return lines.joined(separator: "\r\n") + "\r\n"
  }

  /// A form of tables.
  public enum TableForm: String, Sendable, CaseIterable {
    /// GitHub's.
    case markdown
    /// A tabular with booktabs rules.
    case latex
  }

  /// What the runs ended with: a row for all that differ in their seed alone, means with half their 95 %
  /// intervals.
  public func table(_ form: TableForm, measures chosen: [Measure]? = nil) -> String {
    let summary = summary(chosen)
    let rows = summary.rows.map { row in
      row.labels
        + zip(row.averages, summary.measures).map { average, measure in
          average.map { RunSummary.text($0, measure, .interval) } ?? "–"
        } + ["\(row.runs)" + (row.misfortunes.map { " (\($0))" } ?? "")]
    }
    let header = summary.settings + summary.measures.map(\.rawValue) + ["runs"]
    switch form {
    case .markdown: return markdown(header, rows)
    case .latex: return latex(header, rows)
    }
  }

  private func markdown(_ header: [String], _ rows: [[String]]) -> String {
    func line(_ cells: [String]) -> String {
      // A name of a script's is no markup.
      "| "
        + cells.map { cell in
          Self.oneLine(cell).replacing("|", with: "\\|").replacing("<", with: "&lt;")
        }
        .joined(separator: " | ") + " |"
    }
    return ([line(header), "|" + String(repeating: "---|", count: header.count)] + rows.map(line))
      .joined(separator: "\n") + "\n\n" + Self.note + "\n"
  }

  /// What stands below tables of runs.
  public static let note = "Means over seeds, ± half the 95 % interval."

  private func latex(_ header: [String], _ rows: [[String]]) -> String {
    func line(_ cells: [String]) -> String {
      cells.map(Self.latexText).joined(separator: " & ") + " \\\\"
    }
    return
      ([
        "% " + Self.note.replacing("%", with: "\\%"),
        "\\begin{tabular}{l\(String(repeating: "r", count: header.count - 1))}", "\\toprule",
        line(header), "\\midrule",
      ] + rows.map(line) + ["\\bottomrule", "\\end{tabular}"]).joined(separator: "\n") + "\n"
  }

  /// The text without line ends, which would end a row.
  private static func oneLine(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
  }

  private static func latexText(_ text: String) -> String {
    let special: [Character: String] = [
      "_": "\\_", "%": "\\%", "&": "\\&", "#": "\\#", "{": "\\{", "}": "\\}", "$": "\\$",
      "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "\\": "\\textbackslash{}",
      "–": "--", "±": "$\\pm$", "<": "\\textless{}", ">": "\\textgreater{}",
    ]
    return oneLine(text).map { special[$0] ?? String($0) }.joined()
  }
}
