import ArgumentParser
import Foundation
import NormaConformance
import NormaCore
import NormaLab
import NormaNorms
import NormaTerminal

/// `norma report`.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write what runs found as one page: tables, curves, what the norms did and are.",
    discussion: """
      Takes folders of runs and of sweeps, and writes one HTML file that needs nothing else, no network \
      either: results over seeds, what differs between the runs, learning curves, the sweep as a heat map, \
      what went through each norm, its gradients and parameters, its time against the memory limit, its \
      formula and properties, and where it was measured. `norma run` writes the same as report.html into \
      the folder of a sweep while its cells come in; opened with ?live behind its address the page follows it.

      Examples:
        norma report runs/compare -o compare.html
        norma report runs/a runs/b -o both.html
        norma report runs/compare --script mine.lua -o compare.html    with the properties of its norms
        norma report runs/compare --figures pictures                   curves and maps as SVG
      """)

  @Argument(help: "The folders.", completion: .directory)
  var runs: [String]

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The page to write.", valueName: "file.html"))
  var output: String?

  @Option(
    help: ArgumentHelp("A folder for the pictures on their own, as SVG.", valueName: "folder"))
  var figures: String?

  @OptionGroup var registryOptions: RegistryOptions

  func run() throws {
    guard output != nil || figures != nil else {
      throw NormaError(
        .usage, "nowhere to write to", help: "name the page: norma report RUN -o report.html")
    }
    try registryOptions.withRegistry { registry in
      let report = try ReportWriter(registry).report(try SavedRuns(runs))
      if let output {
        try report.write(to: output)
        TextStream.output.write(output + "\n")
      }
      if let figures {
        for path in try report.writeFigures(to: figures) { TextStream.output.write(path + "\n") }
      }
    }
  }
}

/// Writes reports, and measures the properties of each norm once.
final class ReportWriter {
  private let registry: NormRegistry
  private var cards: [String: Report.Card] = [:]

  init(_ registry: NormRegistry) {
    self.registry = registry
  }

  /// The report of some runs.
  func report(_ runs: SavedRuns) throws(NormaError) -> Report {
    let cards = Report.norms(runs).compactMap { card($0) }
    return Report(runs, cards: cards, version: Norma.version)
  }

  /// What is known of a norm; nil where the registry does not have it.
  private func card(_ name: String) -> Report.Card? {
    if let card = cards[name] { return card }
    guard
      let found = try? NormCard(NormSpec(name), in: registry, executor: .tiles, threads: nil)
    else { return nil }
    let card = Report.Card(
      name, CardText.rows.filter { $0.name != CardText.timeRow }.map { ($0.name, $0.value(found)) })
    cards[name] = card
    return card
  }
}
