import Foundation
import NormaCore
import NormaNorms

/// Norms as arguments name them: by name, or by the script that defines them.
enum NormChoice {
  /// Whether an argument is a script.
  static func isScript(_ name: String) -> Bool { name.hasSuffix(".lua") }

  /// The norms that were asked for, those of a script in the order of their definition.
  ///
  /// - Throws: `usage` for an unknown norm or setting, and for a script without norms.
  static func specs(
    _ names: [String], hyper: [String], in registry: NormRegistry
  ) throws(NormaError) -> [NormSpec] {
    var specs: [NormSpec] = []
    for name in names {
      guard isScript(name) else {
        specs.append(try Settings.norm(name, hyper: hyper))
        continue
      }
      let file = URL(fileURLWithPath: name).lastPathComponent
      let defined = registry.all.compactMap { entry -> (Int, String)? in
        guard case .script(let place) = entry.source, place.file == file else { return nil }
        return (place.line, entry.schema.name)
      }
      guard !defined.isEmpty else {
        throw NormaError(
          .usage, "'\(name)' defines no norm", help: "norm.define(\"name\", { forward = ... })")
      }
      for (_, norm) in defined.sorted(by: <) {
        specs.append(try Settings.norm(norm, hyper: hyper))
      }
    }
    for spec in specs {
      _ = try registry.entry(spec.name).schema.resolve(spec.hyper, preset: spec.preset)
    }
    return specs
  }
}
