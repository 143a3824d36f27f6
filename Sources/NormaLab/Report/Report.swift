import Foundation
public import NormaCore

/// What runs found, as one page that needs nothing else: tables, curves, what the norms did, what the norms
/// are, and where it was measured.
public struct Report {
  /// What is known of a norm besides its formula.
  public struct Card {
    /// The registry name.
    public let norm: String
    /// Properties and their values.
    public let rows: [(name: String, value: String)]

    /// Makes a card.
    public init(_ norm: String, _ rows: [(name: String, value: String)]) {
      self.norm = norm
      self.rows = rows
    }
  }

  /// A picture of the page, by a name for a file.
  public struct Figure {
    /// Letters, digits and hyphens.
    public let name: String
    /// An SVG document with a style of its own.
    public let svg: String
  }

  let runs: SavedRuns
  let groups: [RunGroup]
  let cards: [Card]
  let version: String
  /// Settings but the seed that are not the same everywhere.
  let variedSettings: [String]

  /// Gathers a report.
  ///
  /// - Parameters:
  ///   - cards: of norms in use, as far as they are known.
  ///   - version: Norma's.
  public init(_ runs: SavedRuns, cards: [Card] = [], version: String) {
    self.runs = runs
    let groups = RunGroup.groups(runs)
    self.groups = groups
    variedSettings = runs.settings.filter { name in
      name != "seed" && Set(groups.map { $0.value(name) }).count > 1
    }
    self.cards = cards
    self.version = version
  }

  /// The norms that the runs used, once each.
  public static func norms(_ runs: SavedRuns) -> [String] {
    var seen: Set<String> = []
    return runs.runs.flatMap {
      $0.run.configuration["norms"].items.compactMap { $0["name"].string }
    }
    .filter { seen.insert($0).inserted }
  }

  var experiments: [String] { runs.experiments }
  var title: String { experiments.joined(separator: ", ") }
  var isUnfinished: Bool {
    runs.planned > runs.runs.count || runs.runs.contains { $0.run.end == nil }
  }

  /// A part of the page.
  struct Section {
    let id: String
    let title: String
    let body: String
  }

  var sections: [Section] {
    [
      results, differences, curves, heatMaps, behaviour, timing, definitions, environment, scripts,
    ].compactMap { $0 }
  }

  /// The page.
  public var html: String {
    let sections = sections
    let links = sections.map { "<li><a href=\"#\($0.id)\">\(Markup.escaped($0.title))</a></li>" }
    let parts = sections.map { section in
      "<section id=\"\(section.id)\" aria-labelledby=\"\(section.id)-title\">"
        + "<h2 id=\"\(section.id)-title\">\(Markup.escaped(section.title))</h2>\(section.body)</section>"
    }
    let count = runs.runs.count
    let unfinished = runs.runs.count { $0.run.end == nil }
    let state =
      (runs.planned > count
        ? "\(count) of \(runs.planned) runs so far" : "\(count) \(count == 1 ? "run" : "runs")")
      + (unfinished > 0
        ? ", \(unfinished) of them not at \(unfinished == 1 ? "its" : "their") end" : "")
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src \
      'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="generator" content="norma \(Markup.escaped(version))">
      <link rel="icon" href="data:,">
      <title>\(Markup.escaped(title)) · Norma</title>
      <style>\(ReportStyle.page)</style>
      </head>
      <body data-unfinished="\(isUnfinished)">
      <a class="skip" href="#\(sections.first?.id ?? "main")">To the results</a>
      <header><h1>\(Markup.escaped(title))</h1><p>\(Markup.escaped(state))</p>
      <nav aria-label="Sections"><ul>\(links.joined())</ul></nav></header>
      <div class="tools" hidden><label>Smoothing <input type="range" id="smooth" min="0" max="0.98" \
      step="0.02" value="0"><output for="smooth">0</output></label>
      <label>Vertical axes <select id="scale"><option value="auto">as drawn</option>\
      <option value="linear">linear</option><option value="log">logarithmic</option></select></label></div>
      <main id="main">
      \(parts.joined(separator: "\n"))
      </main>
      <footer>Norma \(Markup.escaped(version)), \(Markup.escaped(Date().formatted(.iso8601)))</footer>
      <script>\(ReportScript.page)</script>
      </body>
      </html>

      """
  }

  /// The pictures on their own: curves and heat maps.
  public var figures: [Figure] {
    var names: Set<String> = []
    func figure(_ title: String, _ svg: String) -> Figure {
      Figure(name: names.unused(Cell.slug(title)), svg: svg)
    }
    let style = ReportStyle.figure
    return curveCharts.map { figure($0.title, $0.svg(style: style)) }
      + heatMapPictures.map { figure($0.title, $0.svg(style: style)) }
  }

  /// Writes the pictures, a file each; returns their paths.
  ///
  /// - Throws: `io` when they cannot be written.
  public func writeFigures(to folder: String) throws(NormaError) -> [String] {
    try Folder.make(folder)
    return try figures.map { figure throws(NormaError) in
      let path = "\(folder)/\(figure.name).svg"
      try Folder.write(figure.svg + "\n", to: path)
      return path
    }
  }

  /// Writes the page beside and renames it.
  ///
  /// - Throws: `io` when it cannot be written.
  public func write(to path: String) throws(NormaError) { try Folder.write(html, to: path) }
}
