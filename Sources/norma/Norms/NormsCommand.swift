import ArgumentParser

/// `norma norms`: the norms there are.
struct NormsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "norms",
    abstract: "List norms and show what they are.",
    discussion: """
      Examples:
        norma norms list
        norma norms show batch
      """,
    subcommands: [NormsListCommand.self, NormsShowCommand.self])
}
