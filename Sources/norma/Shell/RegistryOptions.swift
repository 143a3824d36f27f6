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
