import ArgumentParser
import Foundation
import NormaCore
import NormaNorms
import NormaPlugins
import NormaTerminal

/// `norma plugins list`.
struct PluginsListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List every candidate for a plugin, and why any was refused.",
    discussion: """
      Examples:
        NORMA_PLUGIN_PATH=$HOME/norms norma plugins list
        norma plugins list --all
        norma plugins list --json
      """)

  @Flag(help: "Show the folders looked into, and what is trusted but not there, too.")
  var all = false

  @OptionGroup var output: OutputOptions

  func run() throws {
    let loader = try PluginLoader.searching(into: .builtIn())
    let records = loader.report.records
    if output.json { return try output.write(json: records.map(Item.init)) }
    var lines: [StyledText] = []
    for record in records {
      switch record.outcome {
      case .accepted(let identity, let norms):
        lines.append(
          StyledText("\(identity.id) \(identity.version)", .bold)
            + StyledText("  \(identity.license)  interface \(identity.interface)", .dim))
        lines.append("  file   \(record.path)")
        lines.append(StyledText("  norms  ") + StyledText(norms.joined(separator: ", "), .cyan))
      case .refused(let error):
        lines.append(StyledText("refused", .yellow) + StyledText("  \(record.path)"))
        lines.append("  reason \(error.message)")
        lines += error.notes.map { "         \($0)" }
        if let help = error.help { lines.append("  hint   \(help)") }
      }
      lines += record.notes.map { "  note   \($0)" }
    }
    if all { lines += try places(records) }
    try output.write(lines: lines)
    if records.isEmpty {
      Failure.warn(
        NormaError(
          .inputMissing, "there are no plugins",
          help: "list folders of plugins in \(PluginLoader.searchPathVariable)"))
    }
  }

  /// The folders in the order in which they are looked into, and trusted libraries that were not met.
  private func places(_ records: [PluginRecord]) throws(NormaError) -> [StyledText] {
    let environment = ProcessInfo.processInfo.environment
    let path = environment[PluginLoader.searchPathVariable] ?? ""
    var folders = path.split(separator: ":").map { (String($0), PluginLoader.searchPathVariable) }
    if let folder = PluginLoader.userFolder(environment) { folders.append((folder, "your own")) }
    folders += PluginLoader.systemFolders.map { ($0, "the system's") }
    var lines = folders.map { folder, whose in
      let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
      let count = names.map { "\($0.count { $0.hasSuffix(".so") }) libraries" } ?? "not there"
      return StyledText("folder", .dim) + StyledText("   \(folder)  \(whose), \(count)")
    }
    let file = try PluginLock.path(environment)
    let met = Set(records.compactMap { $0.digest?.hexadecimal })
    for entry in try PluginLock(contentsOf: file).plugins where !met.contains(entry.sha256) {
      let place = FileManager.default.fileExists(atPath: entry.path) ? "not looked into" : "gone"
      lines.append(
        StyledText("trusted", .dim)
          + StyledText("  \(entry.id) \(entry.version)  \(entry.path), \(place)"))
    }
    return lines
  }

  private struct Item: Encodable {
    let path: String
    let origin: String
    let accepted: Bool
    let id: String?
    let version: String?
    let license: String?
    let interface: String?
    let norms: [String]
    let reason: String?
    let hint: String?
    let notes: [String]

    init(_ record: PluginRecord) {
      let identity: PluginIdentity? =
        if case .accepted(let identity, _) = record.outcome { identity } else { nil }
      path = record.path
      origin = record.origin.rawValue
      accepted = record.refusal == nil
      id = identity?.id
      version = identity?.version
      license = identity?.license
      interface = identity?.interface
      norms = record.norms
      reason = record.refusal?.message
      hint = record.refusal?.help
      notes = record.notes
    }
  }
}
