import ArgumentParser
import NormaCore
import NormaNorms
import NormaPlugins

/// Where norms come from besides Norma itself.
struct RegistryOptions: ParsableArguments {
  /// The built-in norms, then those of compiled plugins.
  func registry() throws(NormaError) -> NormRegistry {
    let registry = NormRegistry.builtIn()
    let loader = PluginLoader.searching(into: registry)
    for record in loader.report.refused {
      if let refusal = record.refusal { Failure.warn(refusal.prefixed("plugin \(record.path)")) }
    }
    return registry
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
