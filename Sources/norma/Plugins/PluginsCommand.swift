import ArgumentParser

/// `norma plugins`: compiled norms of others.
struct PluginsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plugins",
    abstract: "Compiled norms of others: list, trust and check them.",
    discussion: """
      Plugins are libraries (*.so), looked for in this order: what --plugin names; the folders that \
      NORMA_PLUGIN_PATH lists, absolute and separated by colons; ~/.local/share/norma/plugins; \
      /usr/local/lib/norma/plugins and /usr/lib/norma/plugins. Never in the working directory. A plugin \
      runs with all rights of the process: but for the system's folders, only libraries that you trust \
      are loaded.

      Examples:
        norma plugins check build/example_scale.so
        norma plugins trust build/example_scale.so
        NORMA_PLUGIN_PATH=$PWD/build norma plugins list
      """,
    subcommands: [
      PluginsNewCommand.self, PluginsListCommand.self, PluginsTrustCommand.self,
      PluginsCheckCommand.self,
    ])
}
