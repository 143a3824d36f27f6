public import NormaCore
import Foundation
import NormaSystem

/// What is said of a library in `NAME.norma.json` beside `NAME.so`; optional, but then it must be true.
public struct PluginManifest: Sendable, Hashable, Codable {
  /// The plugin's id.
  public var id: String
  /// Its version.
  public var version: String
  /// The SHA-256 of the library, 64 lower-case hexadecimal digits.
  public var sha256: String
  /// Its licence, an SPDX expression.
  public var license: String
  /// The ids of its norms.
  public var norms: [String]
  /// How it was built; may be empty.
  public var build: String

  /// Makes a manifest.
  public init(
    id: String, version: String, sha256: String, license: String, norms: [String],
    build: String = ""
  ) {
    self.id = id
    self.version = version
    self.sha256 = sha256
    self.license = license
    self.norms = norms
    self.build = build
  }

  /// The path of a library's manifest.
  public static func path(of library: String) -> String {
    (library as NSString).deletingPathExtension + ".norma.json"
  }

  /// Reads the manifest beside a library; nil when there is none.
  ///
  /// - Throws: `data` when it cannot be understood.
  public static func beside(_ library: String) throws(NormaError) -> PluginManifest? {
    let path = path(of: library)
    guard let file = Descriptor(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) else {
      if errno == ENOENT { return nil }
      throw NormaError(.io, "its manifest '\(path)' cannot be read: \(reason(errno))")
    }
    guard let bytes = file.contents() else {
      throw NormaError(.io, "its manifest cannot be read: \(reason(errno))")
    }
    do throws(NormaError) {
      return try PluginManifest(parsing: bytes)
    } catch {
      throw error.prefixed("its manifest '\(path)'")
    }
  }

  /// Reads the text of a manifest.
  ///
  /// - Throws: `data` with what is wrong.
  public init(parsing bytes: [UInt8]) throws(NormaError) {
    do {
      self = try JSONDecoder().decode(PluginManifest.self, from: Data(bytes))
    } catch {
      throw NormaError(
        .data, "is not { id, version, sha256, license, norms, build }",
        help: "correct it, or remove it: it is optional", underlying: error)
    }
  }

  /// Throws `unavailable` unless the library is the one it speaks of.
  func require(_ digest: Digest) throws(NormaError) {
    guard sha256 == digest.hexadecimal else {
      throw NormaError(
        .unavailable,
        "its manifest says sha256 \(sha256.prefix(12))..., the library has"
          + " \(digest.hexadecimal.prefix(12))...",
        help: "the library was changed or exchanged: get it again, or write the manifest anew")
    }
  }

  /// Throws `unavailable` unless the plugin is what it says.
  func require(_ identity: PluginIdentity, norms ids: [String]) throws(NormaError) {
    for (name, said, found) in [
      ("id", id, identity.id), ("version", version, identity.version),
      ("license", license, identity.license),
      ("norms", norms.sorted().joined(separator: ", "), ids.sorted().joined(separator: ", ")),
    ] where said != found {
      throw NormaError(
        .unavailable, "its manifest says \(name) '\(said)', the library '\(found)'",
        help: "write the manifest anew")
    }
  }
}
