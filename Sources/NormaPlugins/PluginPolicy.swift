public import NormaCore
import NormaNorms

/// Which libraries a loader takes into its process.
public struct PluginPolicy: Sendable {
  /// Looks at a library in a process of its own; throws what is wrong with it.
  public typealias Probe = @Sendable (_ path: String, _ content: Digest) throws(NormaError) -> Void

  /// The libraries that may be loaded; nil: whatever is asked for.
  public var lock: PluginLock?
  /// Looks at a library of a system folder before it is loaded; asked each time, so that whoever looks
  /// remembers what was seen.
  public var probe: Probe?

  /// Makes a policy; as it stands it trusts the caller.
  public init(lock: PluginLock? = nil, probe: Probe? = nil) {
    self.lock = lock
    self.probe = probe
  }

  /// Throws `unavailable` unless the library may be loaded.
  func require(_ file: PluginFile, _ origin: PluginRecord.Origin) throws(NormaError) {
    guard let lock, lock.entry(of: file.digest) == nil else { return }
    if origin == .systemFolder {
      try probe?(file.path, file.digest)
      return
    }
    let remedy = "norma plugins trust \(file.path)"
    if let entry = lock.entry(at: file.path) {
      throw NormaError(
        .unavailable,
        "it is not the library that was trusted: sha256 \(file.digest.hexadecimal.prefix(12))..., was"
          + " \(entry.sha256.prefix(12))... of \(entry.id) \(entry.version)",
        help: "if you changed it yourself: \(remedy)")
    }
    throw NormaError(
      .unavailable, "it is not trusted; a plugin runs with all rights of the process", help: remedy)
  }
}
