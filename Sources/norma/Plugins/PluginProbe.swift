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

  /// Looks at a library once for each content: what was seen stands in the user's cache.
  @Sendable static func checkOnce(_ path: String, _ content: Digest) throws(NormaError) {
    let seen = cacheFolder.map { $0 + "/" + content.hexadecimal }
    if let seen, FileManager.default.fileExists(atPath: seen) { return }
    try check(PluginCheck(path))
    guard let folder = cacheFolder, let seen else { return }
    // Without a cache it is looked at again next time.
    try? FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    _ = FileManager.default.createFile(atPath: seen, contents: nil)
  }

  private static var cacheFolder: String? {
    let environment = ProcessInfo.processInfo.environment
    let base =
      environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
      ?? environment["HOME"].map { $0 + "/.cache" }
    return base.map { $0 + "/norma/plugins" }
  }

  /// Reads the file and loads it elsewhere.
  ///
  /// - Throws: `unavailable` with the first thing that does not hold.
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
