import CNormaABI
import Foundation
import NormaCore
import NormaNorms
import NormaSystem

/// A plugin whose library is open and whose descriptors were read.
struct LoadedPlugin: Sendable {
  let identity: PluginIdentity
  let entries: [NormEntry]
  let notes: [String]

  /// Opens the library, agrees on a version and reads all descriptors.
  ///
  /// - Throws: `unavailable`, with the reason.
  init(_ file: PluginFile, host: HostTable) throws(NormaError) {
    let path = file.path
    let manifest = try PluginManifest.beside(path)
    try manifest?.require(file.digest)
    _ = try ELFFile(file.bytes)
    let (read, changed) = try FloatingPoint.preserved { () throws(NormaError) in
      try Self.read(SharedLibrary(file).entry(), path, host)
    }
    identity = read.identity
    try manifest?.require(read.identity, norms: read.descriptors.map(\.schema.name))
    entries = zip(read.descriptors, read.definitions).map {
      NormEntry(
        PluginNorm($0, read.identity, path: path, host: host, definition: $1),
        source: .plugin(
          PluginOrigin(
            id: read.identity.id, version: read.identity.version,
            sha256: file.digest.hexadecimal, path: path)))
    }
    notes =
      changed ? ["it changed the floating-point mode when loaded (-ffast-math?); undone"] : []
  }

  private static func read(
    _ entry: SharedLibrary.Entry, _ path: String, _ host: HostTable
  ) throws(NormaError) -> (
    identity: PluginIdentity, descriptors: [PluginDescriptor], definitions: [NormDefinition?]
  ) {
    let speaker = Speaker(name: "its entry function", plugin: path, path: path)
    var raw: UnsafePointer<norma_plugin>?
    try speaker.check("load") { entry(host.pointer, &raw, $0) }
    try requireVersion(raw)
    let plugin = try norma_plugin.read(raw, "the plugin descriptor")
    let identity = PluginIdentity(
      id: try plugin.id.text("the plugin's id"),
      version: try plugin.version.text("the plugin's version"),
      license: try plugin.license.text("the plugin's licence"),
      url: try plugin.url.text("the plugin's url"),
      build: try plugin.build.text("the plugin's build information"),
      interface: "\(plugin.abi_major).\(plugin.abi_minor)")
    guard !identity.id.isEmpty, !identity.version.isEmpty else {
      throw NormaError(.unavailable, "the plugin has no id or no version")
    }
    guard let getNorm = plugin.get_norm, (1...1000).contains(plugin.norm_count) else {
      throw NormaError(.unavailable, "the plugin offers no norm")
    }
    var descriptors: [PluginDescriptor] = []
    var definitions: [NormDefinition?] = []
    for index in 0..<plugin.norm_count {
      var norm: UnsafePointer<norma_norm>?
      try speaker.check("get_norm") { getNorm(index, &norm, $0) }
      let descriptor = try PluginDescriptor(norm, index: index)
      guard !descriptors.contains(where: { $0.schema.name == descriptor.schema.name }) else {
        throw NormaError(.unavailable, "the plugin has two norms '\(descriptor.schema.name)'")
      }
      descriptors.append(descriptor)
      definitions.append(try Self.definition(of: descriptor, plugin, speaker))
    }
    return (identity, descriptors, definitions)
  }

  /// The formula that the library carries for a norm; nil when it has none.
  private static func definition(
    of descriptor: PluginDescriptor, _ plugin: norma_plugin, _ speaker: Speaker
  ) throws(NormaError) -> NormDefinition? {
    guard let getExtension = plugin.get_extension else { return nil }
    let name: StaticString = "definition/1"
    let raw = name.withUTF8Buffer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { text in
        let word = norma_string(data: text.baseAddress, length: UInt64(text.count))
        return speaker.inside("get_extension") { getExtension(descriptor.index, word) }
      }
    }
    guard let raw else { return nil }
    do throws(NormaError) {
      let text = try norma_definition.read(raw, "the table of definition/1").text.text("its text")
      return try StoredDefinition(reading: text).definition(descriptor.schema)
    } catch {
      throw NormaError(
        .unavailable, "norm \(descriptor.schema.name): \(error.message)", help: error.help)
    }
  }

  /// Accepts every plugin that this interface is new enough for.
  private static func requireVersion(_ raw: UnsafePointer<norma_plugin>?) throws(NormaError) {
    guard let raw else {
      throw NormaError(.unavailable, "its entry function succeeded but gave no plugin")
    }
    // These fields are the same in every major version; the rest is read once they fit.
    let prefix = MemoryLayout<norma_plugin>.offset(of: \.norm_count) ?? 20
    guard raw.pointee.struct_size >= prefix else {
      throw NormaError(
        .unavailable, "the plugin descriptor has struct_size \(raw.pointee.struct_size)",
        help: "set struct_size to the sizeof of the struct")
    }
    let major = raw.pointee.abi_major
    let required = "\(major).\(raw.pointee.required_minor)"
    guard major == NORMA_ABI_MAJOR else {
      throw NormaError(
        .unavailable,
        "it speaks plugin interface \(required), and this Norma \(PluginLoader.interface)",
        help: major > NORMA_ABI_MAJOR
          ? "update Norma, or get a build of the plugin for interface \(NORMA_ABI_MAJOR)"
          : "get a build of the plugin for interface \(NORMA_ABI_MAJOR)")
    }
    guard raw.pointee.required_minor <= NORMA_ABI_MINOR else {
      throw NormaError(
        .unavailable,
        "it needs plugin interface \(required), and this Norma speaks \(PluginLoader.interface)",
        help: "update Norma, or get a build of the plugin that requires at most"
          + " \(PluginLoader.interface)")
    }
  }
}
