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
  private let policy: PluginPolicy
  private let state = Mutex(State())
  /// The interface promises plugins that they are loaded one at a time, whoever loads them.
  private static let turn = Mutex(())

  /// Makes a loader whose plugins use the given services.
  public init(services: HostServices = HostServices(), policy: PluginPolicy = PluginPolicy()) {
    host = HostTable(services: services)
    self.policy = policy
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
    if path.hasSuffix(".lua") {
      throw NormaError(
        .usage, "'\(path)' is a script, no library", help: "scripts come with --script \(path)")
    }
    let record = consider(path, .path, registry) { () throws(NormaError) in try PluginFile(path) }
    if let refusal = record.refusal { throw refusal.prefixed("plugin \(path)") }
    return record
  }

  /// Loads all libraries (`*.so`, by name) in the folders of a search path, such as the value of
  /// `NORMA_PLUGIN_PATH`: absolute paths separated by colons, not searched recursively.
  ///
  /// What cannot be loaded stands in the report, with its reason.
  public func load(searchPath: String, into registry: NormRegistry) {
    for folder in searchPath.split(separator: ":").map(String.init) {
      guard folder.hasPrefix("/") else {
        refuse(
          folder, .searchPath,
          NormaError(
            .unavailable, "it is no absolute path",
            help: "write folders in \(Self.searchPathVariable) from the root on"))
        continue
      }
      load(folder: folder, .searchPath, into: registry)
    }
  }

  /// Loads all libraries in a folder; one that is not there is passed over, unless it is on the search path.
  public func load(
    folder given: String, _ origin: PluginRecord.Origin, into registry: NormRegistry
  ) {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: given)
    } catch {
      guard origin == .searchPath else { return }
      refuse(
        given, origin,
        NormaError(
          .inputMissing, "no folder there can be read",
          help: "correct \(Self.searchPathVariable), or make the folder", underlying: error))
      return
    }
    guard let real = realpath(given, nil) else { return }
    defer { free(real) }
    let folder = String(cString: real)
    for name in names.filter({ $0.hasSuffix(".so") }).sorted() {
      _ = consider(folder + "/" + name, origin, registry) { () throws(NormaError) in
        try PluginFile(name, in: folder)
      }
    }
  }

  private func refuse(_ path: String, _ origin: PluginRecord.Origin, _ error: NormaError) {
    note(
      PluginRecord(path: path, origin: origin, outcome: .refused(error), notes: [], digest: nil))
  }

  private func note(_ record: PluginRecord) { state.withLock { $0.report.add(record) } }

  /// Loads a candidate and notes what became of it.
  private func consider(
    _ given: String, _ origin: PluginRecord.Origin, _ registry: NormRegistry,
    _ read: () throws(NormaError) -> PluginFile
  ) -> PluginRecord {
    var file: PluginFile?
    var notes: [String] = []
    let outcome: PluginRecord.Outcome
    do throws(NormaError) {
      let found = try read()
      file = found
      let plugin = try Self.turn.withLock { _ throws(NormaError) in
        try self.plugin(in: found, origin, registry)
      }
      notes = plugin.notes
      if case .plugin(let origin)? = plugin.entries.first?.source,
        origin.sha256 != found.digest.hexadecimal
      {
        notes.append("the file was changed since it was loaded; what was loaded goes on")
      }
      outcome = .accepted(plugin.identity, norms: plugin.entries.map(\.schema.name))
    } catch {
      // Whatever a plugin says of itself, to the host it is one that cannot be used.
      var refusal = error
      if refusal.code != .inputMissing { refusal.code = .unavailable }
      outcome = .refused(refusal)
    }
    let record = PluginRecord(
      path: file?.path ?? given, origin: origin, outcome: outcome, notes: notes,
      digest: file?.digest)
    note(record)
    return record
  }

  /// The plugin in a library, loaded unless it was, its norms registered.
  private func plugin(
    in file: PluginFile, _ origin: PluginRecord.Origin, _ registry: NormRegistry
  ) throws(NormaError) -> LoadedPlugin {
    let path = file.path
    let known = state.withLock { $0.loaded }
    let plugin: LoadedPlugin
    if let loaded = known[path] {
      plugin = loaded
    } else {
      try policy.require(file, origin)
      plugin = try LoadedPlugin(file, host: host)
      if let twin = known.first(where: { $0.value.identity.id == plugin.identity.id }) {
        throw NormaError(
          .unavailable, "plugin id '\(plugin.identity.id)' is taken by another library",
          notes: [twin.key, path], help: "keep only one of the two libraries")
      }
    }
    // All or none: the registry is asked before anything is put into it.
    let sources = Dictionary(uniqueKeysWithValues: registry.all.map { ($0.schema.name, $0.source) })
    for entry in plugin.entries {
      if case .plugin(let other)? = sources[entry.schema.name], other.path != path {
        throw NormaError(
          .unavailable, "norm '\(entry.schema.name)' is provided by another library",
          notes: [other.path, path], help: "keep only one of the two libraries")
      }
    }
    for entry in plugin.entries { try registry.register(entry) }
    state.withLock { $0.loaded[path] = plugin }
    return plugin
  }
}
