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
      try strain.run(NormSpec(norm.schema.name), in: registry, options: options)
    }
  }

  func checkContract(_ norm: PluginNorm, _ registry: NormRegistry, _ report: Report) {
    var options = ConformanceOptions()
    options.seed = seed
    let name = norm.schema.name
    for result in checkNorm(NormSpec(name), in: registry, options: options) {
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
