import Foundation
import NormaCore
import NormaNorms
import NormaPlugins
import NormaSystem
import NormaTerminal

extension PluginLoader {
  /// The folders that only an administrator writes to.
  static let systemFolders = ["/usr/local/lib/norma/plugins", "/usr/lib/norma/plugins"]

  /// A loader of libraries that the user trusts.
  private static func trusting() -> PluginLoader {
    let environment = ProcessInfo.processInfo.environment
    var lock = PluginLock()
    do throws(NormaError) {
      lock = try PluginLock(contentsOf: try PluginLock.path(environment))
    } catch {
      Failure.warn(error)
    }
    return PluginLoader(
      services: HostServices(
        parallelFor: HostServices.overThreads,
        log: { level, text in
          // What a plugin tells its author is in the way of a user.
          guard level.rawValue >= HostServices.LogLevel.warning.rawValue else { return }
          TextStream.error.write("plugin: \(text)\n")
        }, version: Norma.version),
      policy: PluginPolicy(lock: lock, probe: PluginProbe.checkOnce))
  }

  /// A loader that has loaded the libraries that were named, then what the search path, the user's folder
  /// and the system's hold.
  ///
  /// - Throws: why a library that was named cannot be used.
  static func searching(
    into registry: NormRegistry, named: [String] = []
  ) throws(NormaError) -> PluginLoader {
    let loader = trusting()
    for path in named { try loader.load(path, into: registry) }
    let environment = ProcessInfo.processInfo.environment
    loader.load(searchPath: environment[searchPathVariable] ?? "", into: registry)
    if let folder = userFolder(environment) {
      loader.load(folder: folder, .userFolder, into: registry)
    }
    for folder in systemFolders { loader.load(folder: folder, .systemFolder, into: registry) }
    return loader
  }

  /// The user's own folder of plugins: `norma/plugins` in the folder for data.
  static func userFolder(_ environment: [String: String]) -> String? {
    UserFolder.data.path(environment).map { $0 + "/plugins" }
  }
}
