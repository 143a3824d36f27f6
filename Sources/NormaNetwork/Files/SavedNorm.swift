public import NormaCore
public import NormaNorms
import Foundation

/// A norm as a saved network remembers it: which, with what settings, and who provided it.
public struct SavedNorm: Sendable, Codable {
  /// The layer, such as `3.norm`.
  public let layer: String
  /// The registry name.
  public let name: String
  /// Where it came from, in words.
  public let source: String
  /// The compiled plugin that provided it.
  public let plugin: PluginOrigin?
  /// What its parameters and buffers mean; raised by its author when that changes.
  public let schemaVersion: Int?
  /// All hyper-parameters, resolved.
  public let hyper: [String: OptionValue]

  private enum CodingKeys: String, CodingKey {
    case layer, name, source, plugin
    case schemaVersion = "schema_version"
    case hyper
  }

  init(_ use: NormUse) {
    layer = use.layer
    name = use.name
    source = use.source.text
    if case .plugin(let origin) = use.source { plugin = origin } else { plugin = nil }
    schemaVersion = use.schemaVersion
    hyper = use.hyper.compactMapValues { value in
      switch value {
      case .real(let number): .number(number)
      case .int(let number): .number(Double(number))
      case .bool(let flag): .bool(flag)
      case .choice(let word): .text(word)
      case .ramp(let ramp): .text("\(ramp)")
      case .none: nil
      }
    }
  }

  /// The norms of a saved network; none where the file does not tell.
  public static func all(in file: SafeTensors) -> [SavedNorm] {
    let text = file.metadata[CheckpointKey.norms] ?? "[]"
    return (try? JSONDecoder().decode([SavedNorm].self, from: Data(text.utf8))) ?? []
  }

  /// Throws unless a registry has all norms of a saved network, and what the file holds means the same to
  /// them.
  ///
  /// - Throws: `unavailable`, with the plugin and how to get it, or with both versions.
  public static func require(_ file: SafeTensors, in registry: NormRegistry) throws(NormaError) {
    for norm in all(in: file) {
      guard registry.names.contains(norm.name) else {
        guard let plugin = norm.plugin else { continue }
        throw NormaError(
          .unavailable,
          "norm '\(norm.name)' of \(norm.layer) is not here: plugin \(plugin.id) \(plugin.version)"
            + " provided it",
          notes: ["then at \(plugin.path), sha256 \(plugin.sha256)"],
          help: "norma plugins trust LIBRARY, then --plugin LIBRARY")
      }
      let version = try registry.entry(norm.name).schema.version
      guard let saved = norm.schemaVersion, saved != version else { continue }
      throw NormaError(
        .unavailable,
        "norm '\(norm.name)' was saved with version \(saved) of its schema, and version \(version) is"
          + " here: its parameters do not mean the same",
        help: saved > version
          ? "get a newer build of what provides it" : "get the build that it was saved with")
    }
  }
}
