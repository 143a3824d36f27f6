import Foundation
import NormaNorms
import NormaPlugins

extension PluginLoader {
  /// A loader that has loaded what the environment's search path holds.
  static func searching(into registry: NormRegistry) -> PluginLoader {
    let loader = PluginLoader(services: HostServices(version: Norma.version))
    let path = ProcessInfo.processInfo.environment[searchPathVariable] ?? ""
    loader.load(searchPath: path, into: registry)
    return loader
  }
}
