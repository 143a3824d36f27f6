import ArgumentParser
import Foundation
import NormaData
import NormaTerminal

/// `norma doctor`.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Show what this machine has: versions, processor, libraries, data sets.",
    discussion: """
      Whatever is missing comes with the way to get it.

      Examples:
        norma doctor
        norma doctor --json
      """)

  @OptionGroup var output: OutputOptions

  func run() throws {
    let machine = Machine()
    let sets = DataCatalog().status().map {
      SetReport(name: $0.name, summary: $0.summary, location: $0.location, help: $0.help)
    }
    if output.json {
      return try output.write(json: Report(machine: machine, dataSets: sets))
    }
    var lines: [StyledText] = []
    func add(_ name: String, _ value: String, missing: Bool = false) {
      let label = name.padding(toLength: 16, withPad: " ", startingAt: 0)
      lines.append(StyledText(label, .dim) + StyledText(value, missing ? .yellow : .plain))
    }
    add("norma", machine.norma)
    add(
      "swift", machine.swift ?? "not found: needed only to build Norma",
      missing: machine.swift == nil)
    add(
      "c compiler", machine.compiler ?? "none: norms run on the tile interpreter",
      missing: machine.compiler == nil)
    if let help = machine.compilerHelp { add("", "hint: " + help) }
    for library in machine.libraries { add(library.name, library.version) }
    add("processor", "\(machine.processor), \(machine.level), \(machine.cores) cores")
    add("plugin path", machine.pluginPath ?? "not set: NORMA_PLUGIN_PATH")
    lines += ["", StyledText("data sets", .bold)]
    for set in sets {
      add("  " + set.name, set.location ?? "missing", missing: set.location == nil)
      if let help = set.help { add("", "hint: " + help) }
    }
    try output.write(lines: lines)
  }

  private struct SetReport: Encodable {
    let name: String
    let summary: String
    let location: String?
    let help: String?
  }

  private struct Report: Encodable {
    let machine: Machine
    let dataSets: [SetReport]
  }
}
