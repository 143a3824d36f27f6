import Foundation
public import NormaCore

/// Runs as their folders have them, to be shown or taken elsewhere.
public struct SavedRuns: Sendable {
  /// A run and what it is called among the others.
  public struct Named: Sendable {
    /// `003-norm-rms-seed-2`, or the folder's name.
    public let name: String
    /// The run.
    public let run: SavedRun
    /// The experiment it belongs to.
    public var experiment: String { run.configuration["experiment"].string ?? name }
  }

  /// The runs, in the order of the folders and their names.
  public let runs: [Named]

  /// Reads folders of runs and of sweeps.
  ///
  /// - Throws: `input_missing` for a folder without runs; `data` when a file is damaged.
  public init(_ folders: [String]) throws(NormaError) {
    var found: [Named] = []
    var bases: [String: Int] = [:]
    for folder in folders {
      let own = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
      // Also of `.` and `..`; folders of one name in different places are told apart.
      var base = URL(fileURLWithPath: own).standardizedFileURL.lastPathComponent
      bases[base, default: 0] += 1
      if let number = bases[base], number > 1 { base += "-\(number)" }
      if SavedRun.exists(in: own) {
        found.append(Named(name: base, run: try SavedRun(own)))
        continue
      }
      let names = (try? FileManager.default.contentsOfDirectory(atPath: own)) ?? []
      let cells = names.sorted().filter { SavedRun.exists(in: own + "/" + $0) }
      guard !cells.isEmpty else {
        throw NormaError(
          .inputMissing, "there is no run in '\(folder)'",
          help: "give the folder of a run or of a sweep, such as runs/20260101-120000-mlp")
      }
      for cell in cells {
        let name = folders.count > 1 ? base + "/" + cell : cell
        found.append(Named(name: name, run: try SavedRun(own + "/" + cell)))
      }
    }
    runs = found
  }

  /// The names of the experiments, in the order in which they are met.
  var experiments: [String] {
    var seen: Set<String> = []
    return runs.map(\.experiment).filter { seen.insert($0).inserted }
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

extension SavedRun {
  /// The value of a setting as tables show it.
  func setting(_ name: String) -> String {
    switch configuration["settings"][name] {
    case .text(let text): text
    case .int(let value): "\(value)"
    case .number(let value): "\(value)"
    case .bool(let value): "\(value)"
    default: ""
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
      "gradient_norm", "seconds",
    ]
    func quoted(_ text: String) -> String {
      let isPlain = !text.contains { ",\"\n\r".contains($0) }
      return isPlain ? text : "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
    let names = settings
    var lines = [(["run"] + names + columns).map(quoted).joined(separator: ",")]
    for named in runs {
      let head = [named.name] + names.map { named.run.setting($0) }
      for event in named.run.events
      where ["step", "epoch", "eval"].contains(event["type"].string) {
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

  /// What the runs ended with: a row for all that differ in their seed alone, means with standard deviations.
  public func table(_ form: TableForm, measures chosen: [Measure]? = nil) -> String {
    let summary = summary(chosen)
    let sign = form == .latex ? " $\\pm$ " : " ± "
    let rows = summary.rows.map { row in
      row.labels
        + zip(row.averages, summary.measures).map { average, measure in
          average.map { RunSummary.text($0, measure, .deviation, sign: sign) } ?? "–"
        } + ["\(row.runs)" + (row.misfortunes.map { ", \($0)" } ?? "")]
    }
    let header = summary.settings + summary.measures.map(\.rawValue) + ["runs"]
    switch form {
    case .markdown: return markdown(header, rows)
    case .latex: return latex(header, rows)
    }
  }

  private func markdown(_ header: [String], _ rows: [[String]]) -> String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
    return ([line(header), "|" + String(repeating: "---|", count: header.count)] + rows.map(line))
      .joined(separator: "\n") + "\n"
  }

  private func latex(_ header: [String], _ rows: [[String]]) -> String {
    func line(_ cells: [String]) -> String {
      cells.map(Self.latexText).joined(separator: " & ") + " \\\\"
    }
    return
      ([
        "\\begin{tabular}{l\(String(repeating: "r", count: header.count - 1))}", "\\toprule",
        line(header), "\\midrule",
      ] + rows.map(line) + ["\\bottomrule", "\\end{tabular}"]).joined(separator: "\n") + "\n"
  }

  private static func latexText(_ text: String) -> String {
    let special: [Character: String] = [
      "_": "\\_", "%": "\\%", "&": "\\&", "#": "\\#", "{": "\\{", "}": "\\}",
      "~": "\\textasciitilde{}",
      "^": "\\textasciicircum{}", "–": "--",
    ]
    // What stands between dollars was made here.
    return text.split(separator: "$", omittingEmptySubsequences: false).enumerated().map {
      index, part in
      index % 2 == 1
        ? "$\(part)$"
        : part.replacing("\\", with: "\\textbackslash ").map { special[$0] ?? String($0) }.joined()
    }.joined()
  }
}
