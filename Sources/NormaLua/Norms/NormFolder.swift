import Foundation
public import NormaCore
public import NormaNorms

/// Norms in files of their own, `NAME.lua` each, that are read when first asked for.
///
/// Their scripts run in one interpreter, apart from the user's, on the thread that asks first.
public final class NormFolder {
  private let registry: NormRegistry
  private let options: Interpreter.Options
  /// The file of each name.
  private let files: [String: String]
  private var session: ScriptSession?

  /// Offers the norms of a folder to a registry; names that it has or was offered stay as they are.
  ///
  /// Nothing is read yet.
  /// - Throws: `unavailable` for a folder that cannot be read, or that others may write to.
  public static func offer(
    _ folder: String, to registry: NormRegistry,
    options: Interpreter.Options = Interpreter.Options()
  ) throws(NormaError) {
    let files = try scripts(in: folder)
    // SAFETY: used by whoever asks the registry, one thread at a time; a formula's script refuses any
    // other thread than its own.
    nonisolated(unsafe) let shared = NormFolder(registry, options, files)
    registry.offer(Set(files.keys)) { name throws(NormaError) in try shared.load(name) }
  }

  private init(
    _ registry: NormRegistry, _ options: Interpreter.Options, _ files: [String: String]
  ) {
    self.registry = registry
    self.options = options
    self.files = files
  }

  /// The scripts of a folder by the norm's name.
  private static func scripts(in folder: String) throws(NormaError) -> [String: String] {
    var facts = stat()
    guard stat(folder, &facts) == 0, facts.st_mode & S_IWOTH == 0,
      facts.st_uid == 0 || facts.st_uid == getuid()
    else {
      throw NormaError(
        .unavailable, "norms in '\(folder)' are not read: others may write there",
        help: "chown it to yourself, and chmod o-w \(folder)")
    }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw NormaError(
        .unavailable, "the folder '\(folder)' cannot be read", underlying: error)
    }
    var files: [String: String] = [:]
    for name in names where name.hasSuffix(".lua") {
      files[String(name.dropLast(4))] = folder + "/" + name
    }
    return files
  }

  /// Reads a norm's file, which defines it; returns the file's path.
  private func load(_ name: String) throws(NormaError) -> String {
    guard let path = files[name] else {
      throw NormaError(.internal, "norm '\(name)' was offered by no file")
    }
    let running: ScriptSession
    if let session {
      running = session
    } else {
      // What is installed was tried by whoever wrote it; a list of it shall not wait for that again.
      running = try ScriptSession(registry: registry, options: options, triesDefinitions: false)
      session = running
    }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().lastPathComponent
    try running.run(file: path, as: "\(folder)/\(name).lua")
    return path
  }
}
