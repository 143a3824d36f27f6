import ArgumentParser
import NormaCore
import NormaNorms
import NormaTerminal

/// `norma norms list`.
struct NormsListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the norms: name, what it does, where it came from.",
    discussion: """
      Examples:
        norma norms list
        norma norms list --json
      """)

  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let entries = try registryOptions.withRegistry { registry in
      registry.names.compactMap { name -> NormEntry? in
        do throws(NormaError) {
          return try registry.entry(name)
        } catch {
          Failure.warn(error)
          return nil
        }
      }
    }
    if output.json {
      return try output.write(json: entries.map(Item.init))
    }
    var table = Table(["norm", "what it does", "source"])
    for entry in entries {
      table.append([
        StyledText(entry.schema.name, .cyan), StyledText(entry.schema.summary),
        StyledText(entry.source.text, .dim),
      ])
    }
    try output.write(text: table.rendered(for: output.terminal))
  }

  private struct Item: Encodable {
    let name: String
    let summary: String
    let source: String

    init(_ entry: NormEntry) {
      name = entry.schema.name
      summary = entry.schema.summary
      source = entry.source.text
    }
  }
}
