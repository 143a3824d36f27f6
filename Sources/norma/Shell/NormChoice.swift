import Foundation
import NormaCore
import NormaLua
import NormaNorms

/// Norms as arguments name them: by name, or by the script that defines them.
enum NormChoice {
  /// Whether an argument is a script.
  static func isScript(_ name: String) -> Bool { name.hasSuffix(".lua") }
}

extension RegistryOptions {
  /// Hands over the norms that were asked for, those of a script in the order of their definition.
  ///
  /// - Throws: `usage` for an unknown norm or setting, and for a script without norms.
  func withNorms<Result>(
    _ names: [String], hyper: [String],
    _ body: (_ specs: [NormSpec], _ registry: NormRegistry) throws -> Result
  ) throws -> Result {
    let registry = try knownNorms()
    let session = try session(registry, trains: false)
    return try withExtendedLifetime(session) {
      try session.load(scripts: scripts)
      var specs: [NormSpec] = []
      for name in names {
        guard NormChoice.isScript(name) else {
          specs.append(try Settings.norm(name, hyper: hyper))
          continue
        }
        let before = Dictionary(
          uniqueKeysWithValues: registry.all.map { ($0.schema.name, $0.source) })
        if !scripts.contains(name) { try session.load(scripts: [name]) }
        let file = URL(fileURLWithPath: name).lastPathComponent
        let defined = registry.all.compactMap { entry -> (String, Int, String)? in
          guard case .script(let place) = entry.source else { return nil }
          let isNew = before[entry.schema.name] != entry.source
          guard isNew || place.file == file else { return nil }
          return (place.file, place.line, entry.schema.name)
        }
        guard !defined.isEmpty else {
          throw NormaError(
            .usage, "'\(name)' defines no norm", help: "norm.define(\"name\", { forward = ... })")
        }
        for (_, _, norm) in defined.sorted(by: <) where !specs.contains(where: { $0.name == norm })
        {
          specs.append(try Settings.norm(norm, hyper: hyper))
        }
      }
      for spec in specs {
        do throws(NormaError) {
          _ = try registry.entry(spec.name).schema.resolve(spec.hyper, preset: spec.preset)
        } catch {
          var error = error
          let script = spec.name + ".lua"
          if !registry.names.contains(spec.name), FileManager.default.fileExists(atPath: script) {
            error.help = "there is \(script): --script \(script) reads it"
          }
          throw error
        }
      }
      return try body(specs, registry)
    }
  }
}
