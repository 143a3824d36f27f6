public import NormaCore

/// Which plugin a library is.
public struct PluginIdentity: Sendable, Hashable {
  /// Its id, reverse DNS.
  public let id: String
  /// Its version.
  public let version: String
  /// Its licence, an SPDX expression.
  public let license: String
  /// Its home page, or empty.
  public let url: String
  /// How it was built, or empty.
  public let build: String
  /// The interface it was compiled against, such as `1.0`.
  public let interface: String
}

/// What became of one candidate for a plugin.
public struct PluginRecord: Sendable {
  /// Who asked for the library.
  public enum Origin: String, Sendable {
    /// A path that the user named.
    case path
    /// A folder of `NORMA_PLUGIN_PATH`.
    case searchPath = "NORMA_PLUGIN_PATH"
    /// The user's own folder for plugins.
    case userFolder = "user"
    /// A folder that only the system's administrator writes to.
    case systemFolder = "system"
  }

  /// Whether it is used.
  public enum Outcome: Sendable {
    /// Loaded, with the ids of its norms.
    case accepted(PluginIdentity, norms: [String])
    /// Not used, and why.
    case refused(NormaError)
  }

  /// The library, or the folder that could not be searched.
  public let path: String
  /// Who asked for it.
  public let origin: Origin
  /// Whether it is used.
  public let outcome: Outcome
  /// Facts worth knowing, one a line.
  public let notes: [String]
  /// The SHA-256 of the library; nil when it was not read.
  public let digest: Digest?

  /// Which plugin it is, when it is used.
  public var identity: PluginIdentity? {
    if case .accepted(let identity, _) = outcome { identity } else { nil }
  }
  /// The reason, when it was refused.
  public var refusal: NormaError? { if case .refused(let error) = outcome { error } else { nil } }
  /// The ids of its norms; none when it was refused.
  public var norms: [String] { if case .accepted(_, let norms) = outcome { norms } else { [] } }
}

/// Every candidate a loader met, in order: what `plugins list` shows.
public struct PluginReport: Sendable {
  /// One record for each candidate.
  public internal(set) var records: [PluginRecord] = []

  /// Those that are used.
  public var accepted: [PluginRecord] { records.filter { $0.refusal == nil } }
  /// Those that are not.
  public var refused: [PluginRecord] { records.filter { $0.refusal != nil } }

  mutating func add(_ record: PluginRecord) {
    if let known = records.firstIndex(where: { $0.path == record.path }) {
      records[known] = record
    } else {
      records.append(record)
    }
  }
}
