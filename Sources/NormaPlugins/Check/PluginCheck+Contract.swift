import NormaConformance
import NormaCore
import NormaNorms

/// Levels 3 and 4: results, threads and memory.
extension PluginCheck {
  static let memory: [LoadedCheck] = [StrainCheck.wallAfter, .wallBefore, .randomBits, .leaks].map {
    strain($0)
  }
  static let together = strain(.concurrency)

  private static func strain(_ strain: StrainCheck) -> LoadedCheck {
    LoadedCheck(strain.rawValue) { check, norm, registry throws(NormaError) in
      var options = ConformanceOptions()
      options.seed = check.seed
      options.progress = check.progress
      try strain.run(NormSpec(norm.schema.name), in: registry, options: options)
    }
  }

  func checkContract(_ norm: PluginNorm, _ registry: NormRegistry, _ report: Report) {
    var options = ConformanceOptions()
    options.seed = seed
    options.progress = progress
    for spec in variants(norm) { checkContract(spec, registry, options, report) }
  }

  /// The defaults, and each setting that fixes what is computed at another value.
  private func variants(_ norm: PluginNorm) -> [NormSpec] {
    let name = norm.schema.name
    var specs = [NormSpec(name)]
    for parameter in norm.schema.hyper {
      var others: [HyperValue] = []
      switch (parameter.kind, parameter.defaultValue) {
      case (.bool, .bool(let value)): others = [.bool(!value)]
      case (.choice(let words), let value):
        others = words.map { .choice($0) }.filter { $0 != value }
      case (.int(let bounds, .some, _), let value):
        others = [.int(3)].filter { $0 != value && bounds.contains(3) }
      default: break
      }
      specs += others.map { NormSpec(name, [parameter.name: $0]) }
    }
    return specs
  }

  private func checkContract(
    _ spec: NormSpec, _ registry: NormRegistry, _ options: ConformanceOptions, _ report: Report
  ) {
    let name = spec.hyper.isEmpty ? spec.name : spec.label
    for result in checkNorm(spec, in: registry, options: options) {
      var message = result.errorText.map { result.passed ? "" : "\($0); " } ?? ""
      message += result.message
      if !result.passed, !result.input.isEmpty { message += " [on \(result.input)]" }
      report(
        PluginCheckResult(
          result.name, level: 3, norm: name,
          result.passed ? (result.inputs == 0 ? .skip : .pass) : .fail, message))
    }
  }
}
