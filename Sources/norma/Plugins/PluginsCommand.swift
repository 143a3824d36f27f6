import ArgumentParser

/// `norma plugins`: compiled norms of others.
struct PluginsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plugins",
    abstract: "List compiled plugins.",
    discussion: """
      Plugins are libraries (*.so) in the folders that NORMA_PLUGIN_PATH lists, absolute and \
      separated by colons. A plugin runs with all rights of the process: load what you trust.

      Examples:
        NORMA_PLUGIN_PATH=$HOME/norms norma plugins list
        norma plugins list --json
      """,
    subcommands: [PluginsListCommand.self])
}
