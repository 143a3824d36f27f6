import Synchronization
public import NormaCore

/// Norms by name. A registry is passed, never global, and may be used from several threads.
public final class NormRegistry: Sendable {
  private let entries: Mutex<[String: NormEntry]>

  /// An empty registry, or one that holds the given entries.
  public init(_ entries: [NormEntry] = []) {
    self.entries = Mutex(Dictionary(entries.map { ($0.schema.name, $0) }, uniquingKeysWith: { $1 }))
  }

  /// Adds an entry.
  ///
  /// Scripts shadow plugins and earlier scripts; a built-in is only replaced when told so.
  /// - Throws: `usage` when the name is a built-in's, or two plugins claim it.
  public func register(_ entry: NormEntry, replace: Bool = false) throws(NormaError) {
    let name = entry.schema.name
    let refusal = entries.withLock { entries -> NormaError? in
      if let old = entries[name], !replace {
        switch (old.source, entry.source) {
        case (.builtIn, _):
          return NormaError(
            .usage, "'\(name)' is built in", help: "choose another name, or pass replace = true")
        case (.plugin, .plugin) where old.source != entry.source:
          return NormaError(
            .unavailable, "two plugins provide '\(name)'",
            notes: [old.source.text, entry.source.text], help: "load only one of them")
        default: break
        }
      }
      entries[name] = entry
      return nil
    }
    if let refusal { throw refusal }
  }

  /// The entry of a name.
  ///
  /// - Throws: `usage` with the nearest name and the known ones.
  public func entry(_ name: String) throws(NormaError) -> NormEntry {
    if let entry = entries.withLock({ $0[name] }) { return entry }
    let known = names
    throw NormaError(
      .usage,
      "no norm named '\(name)'" + Suggestion.phrase(for: name, among: known)
        + "   (known: \(known.joined(separator: ", ")))")
  }

  /// All names, sorted.
  public var names: [String] { entries.withLock { $0.keys.sorted() } }
  /// All entries, by name.
  public var all: [NormEntry] { entries.withLock { e in e.keys.sorted().compactMap { e[$0] } } }
}
