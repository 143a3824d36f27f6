import ArgumentParser
import NormaCore
import NormaLua
import NormaNorms
import NormaPlugins
import NormaTerminal

/// Where norms come from besides Norma itself.
struct RegistryOptions: ParsableArguments {
  @Option(
    name: .customLong("script"),
    help: ArgumentHelp("A script whose norms are defined first; repeatable.", valueName: "file.lua")
  )
  var scripts: [String] = []

  /// The built-in norms, then those of compiled plugins, then those of scripts.
  func registry() throws(NormaError) -> NormRegistry {
    let registry = NormRegistry.builtIn()
    let loader = PluginLoader.searching(into: registry)
    for record in loader.report.refused {
      if let refusal = record.refusal { Failure.warn(refusal.prefixed("plugin \(record.path)")) }
    }
    try Self.loadScripts(scripts, into: registry)
    return registry
  }

  /// Runs scripts for the norms they define; what they print goes to standard error.
  static func loadScripts(_ files: [String], into registry: NormRegistry) throws(NormaError) {
    guard !files.isEmpty else { return }
    var options = Interpreter.Options()
    options.print = { TextStream.error.write($0 + "\n") }
    try ScriptSession(registry: registry, options: options).load(scripts: files)
  }
}

extension CompletionKind {
  /// The names of norms, for shells that complete arguments.
  static let norms = CompletionKind.custom { _, _, _ in
    let registry = NormRegistry.builtIn()
    _ = PluginLoader.searching(into: registry)
    return registry.names
  }
}
