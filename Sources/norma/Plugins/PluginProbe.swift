import Foundation
import NormaCore
import NormaPlugins

/// The first look at a library, in processes of their own: what `plugins trust` does, and what happens to
/// an unknown one in a system folder.
enum PluginProbe {
  /// A run of the checks by this program.
  static func run(
    _ check: PluginCheck, limit: Duration
  ) -> PluginCheckRun {
    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    return PluginCheckRun(check, program: program, limit: limit) { item in
      ["plugins", "check", check.path, "--in-process", "--lines", "--only", item.name]
        + ["--seed", "\(check.seed)", "--timeout", "\(limit.components.seconds + 1)"]
        + check.allowed.flatMap { ["--allow", $0] }
    }
  }

  /// Reads the file and loads it elsewhere.
  ///
  /// - Throws: `unavailable` with the first thing that does not hold.
  @Sendable static func check(_ path: String) throws(NormaError) {
    try check(PluginCheck(path))
  }

  /// The same with settings of the check.
  static func check(_ check: PluginCheck) throws(NormaError) {
    var failure: PluginCheckResult?
    try run(check, limit: .seconds(20)).run(PluginCheck.items.filter { $0.level <= 1 }) { result in
      if result.isFailure { failure = failure ?? result }
    }
    guard let failure else { return }
    throw NormaError(
      .unavailable, "\(failure.name): \(failure.outcome.rawValue), \(failure.message)",
      help: "norma plugins check \(check.path)")
  }
}
