import CNormaABI
import Foundation
import Synchronization
public import NormaCore
public import NormaNorms

/// Loads compiled plugins, registers their norms, and keeps a record of every candidate.
///
/// A plugin runs with all rights of the process: load only what you trust. The current directory is
/// never searched, and no library is ever unloaded.
public final class PluginLoader: Sendable {
  /// The plugin interface this Norma speaks, such as `1.0`.
  public static let interface = "\(NORMA_ABI_MAJOR).\(NORMA_ABI_MINOR)"
  /// The environment variable that lists folders of plugins.
  public static let searchPathVariable = "NORMA_PLUGIN_PATH"

  private struct State {
    var report = PluginReport()
    /// By the library's path.
    var loaded: [String: LoadedPlugin] = [:]
  }

  private let host: HostTable
  private let state = Mutex(State())
  /// The interface promises plugins that they are loaded one at a time, whoever loads them.
  private static let turn = Mutex(())

  /// Makes a loader whose plugins use the given services.
  public init(services: HostServices = HostServices()) {
    host = HostTable(services: services)
  }

  /// Every candidate so far.
  public var report: PluginReport { state.withLock { $0.report } }

  /// Loads the library that the user named and registers its norms.
  ///
  /// Loading the same file again changes nothing.
  /// - Throws: `inputMissing` when there is no such file, `unavailable` when it is no usable plugin;
  ///   the report has the same reason.
  @discardableResult
  public func load(_ path: String, into registry: NormRegistry) throws(NormaError) -> PluginRecord {
    let record = consider(path, .path, registry)
    if let refusal = record.refusal { throw refusal.prefixed("plugin \(path)") }
    return record
  }

  /// Loads all libraries (`*.so`, by name) in the folders of a search path, such as the value of
  /// `NORMA_PLUGIN_PATH`: absolute paths separated by colons, not searched recursively.
  ///
  /// What cannot be loaded stands in the report, with its reason.
  public func load(searchPath: String, into registry: NormRegistry) {
    for folder in searchPath.split(separator: ":").map(String.init) {
      do throws(NormaError) {
        for library in try Self.libraries(in: folder) {
          _ = consider(library, .searchPath, registry)
        }
      } catch {
        note(PluginRecord(path: folder, origin: .searchPath, outcome: .refused(error), notes: []))
      }
    }
  }

  private func note(_ record: PluginRecord) { state.withLock { $0.report.add(record) } }

  private static func libraries(in folder: String) throws(NormaError) -> [String] {
    guard folder.hasPrefix("/") else {
      throw NormaError(
        .unavailable, "it is no absolute path",
        help: "write folders in \(searchPathVariable) from the root on")
    }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw NormaError(
        .inputMissing, "no folder there can be read",
        help: "correct \(searchPathVariable), or make the folder", underlying: error)
    }
    return names.filter { $0.hasSuffix(".so") }.sorted().map { folder + "/" + $0 }
  }

  /// Loads a candidate and notes what became of it.
  private func consider(
    _ given: String, _ origin: PluginRecord.Origin, _ registry: NormRegistry
  ) -> PluginRecord {
    var path = given
    var notes: [String] = []
    let outcome: PluginRecord.Outcome
    do throws(NormaError) {
      path = try Self.resolved(given)
      let plugin = try Self.turn.withLock { _ throws(NormaError) in
        try self.plugin(at: path, registry)
      }
      notes = plugin.notes
      outcome = .accepted(plugin.identity, norms: plugin.entries.map(\.schema.name))
    } catch {
      // Whatever a plugin says of itself, to the host it is one that cannot be used.
      var refusal = error
      if refusal.code != .inputMissing { refusal.code = .unavailable }
      outcome = .refused(refusal)
    }
    let record = PluginRecord(path: path, origin: origin, outcome: outcome, notes: notes)
    note(record)
    return record
  }

  /// The absolute path of an existing regular file, without links.
  private static func resolved(_ path: String) throws(NormaError) -> String {
    guard let real = realpath(path, nil) else {
      throw NormaError(
        .inputMissing, "there is no such file", help: "check the path of the library")
    }
    defer { free(real) }
    let resolved = String(cString: real)
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: resolved, isDirectory: &isFolder), isFolder.boolValue
    {
      throw NormaError(
        .unavailable, "it is a folder",
        help: "name the library itself, or list the folder in"
          + " \(searchPathVariable)")
    }
    return resolved
  }

  /// The plugin in a library, loaded unless it was, its norms registered.
  private func plugin(
    at path: String, _ registry: NormRegistry
  ) throws(NormaError) -> LoadedPlugin {
    let known = state.withLock { $0.loaded }
    let plugin: LoadedPlugin
    if let loaded = known[path] {
      plugin = loaded
    } else {
      plugin = try LoadedPlugin(path: path, host: host)
      if let twin = known.first(where: { $0.value.identity.id == plugin.identity.id }) {
        throw NormaError(
          .unavailable, "plugin id '\(plugin.identity.id)' is taken by another library",
          notes: [twin.key, path], help: "keep only one of the two libraries")
      }
    }
    // All or none: the registry is asked before anything is put into it.
    let sources = Dictionary(uniqueKeysWithValues: registry.all.map { ($0.schema.name, $0.source) })
    for entry in plugin.entries {
      if case .plugin(_, _, let other)? = sources[entry.schema.name], other != path {
        throw NormaError(
          .unavailable, "norm '\(entry.schema.name)' is provided by another library",
          notes: [other, path], help: "keep only one of the two libraries")
      }
    }
    for entry in plugin.entries { try registry.register(entry) }
    state.withLock { $0.loaded[path] = plugin }
    return plugin
  }
}
