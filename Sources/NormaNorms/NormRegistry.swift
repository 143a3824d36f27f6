import Synchronization
public import NormaCore

/// Norms by name. A registry is passed, never global, and may be used from several threads.
public final class NormRegistry: Sendable {
  /// Reads what defines a norm that was offered; returns what was read, for messages.
  public typealias Loader = @Sendable (_ name: String) throws(NormaError) -> String

  private let entries: Mutex<[String: NormEntry]>
  /// Norms that are not read yet, each with what reads it.
  private let offers = Mutex<[String: Loader]>([:])

  /// An empty registry, or one that holds the given entries.
  public init(_ entries: [NormEntry] = []) {
    self.entries = Mutex(Dictionary(entries.map { ($0.schema.name, $0) }, uniquingKeysWith: { $1 }))
  }

  /// Adds an entry.
  ///
  /// Scripts shadow earlier scripts; a built-in or a plugin's norm is only replaced when told so.
  /// - Throws: `usage` when the name is a built-in's or a plugin's; `unavailable` when two plugins claim it.
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
        case (.plugin, .script):
          return NormaError(
            .usage, "'\(name)' comes from \(old.source.text)",
            help: "choose another name, or pass replace = true")
        default: break
        }
      }
      entries[name] = entry
      return nil
    }
    if let refusal { throw refusal }
  }

  /// Offers norms that are read when first asked for; names that are known already stay as they are.
  public func offer(_ names: Set<String>, _ load: @escaping Loader) {
    let known = Set(self.names)
    offers.withLock { offers in
      for name in names where !known.contains(name) { offers[name] = load }
    }
  }

  /// The entry of a name.
  ///
  /// - Throws: `usage` with the nearest name and the known ones; the mistake of an offered norm's file.
  public func entry(_ name: String) throws(NormaError) -> NormEntry {
    if let entry = entries.withLock({ $0[name] }) { return entry }
    if let load = offers.withLock({ $0[name] }) {
      let source = try load(name)
      if let entry = entries.withLock({ $0[name] }) { return entry }
      throw NormaError(
        .script, "the file of '\(name)' defines no norm of that name: \(source)",
        help: "norm.define(\"\(name)\", { ... }), or rename the file")
    }
    let known = names
    // All of a zoo in a message would hide what it says.
    let builtIn = all.filter { $0.source == .builtIn }.map(\.schema.name)
    let shown = known.count <= 12 ? known : builtIn + ["... \(known.count) in all"]
    throw NormaError(
      .usage,
      "no norm named '\(name)'" + Suggestion.phrase(for: name, among: known)
        + "   (known: \(shown.joined(separator: ", ")))",
      help: name.contains("/")
        ? "norms of plugins come with --plugin LIBRARY, or from a folder in NORMA_PLUGIN_PATH" : nil
    )
  }

  /// All names, sorted; also of norms that are not read yet.
  public var names: [String] {
    let offered = offers.withLock { Set($0.keys) }
    return entries.withLock { offered.union($0.keys) }.sorted()
  }
  /// All entries that are there, by name.
  public var all: [NormEntry] { entries.withLock { e in e.keys.sorted().compactMap { e[$0] } } }
}
