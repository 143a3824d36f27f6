import CNormaABI
import Foundation
import NormaCore
import NormaPlugins
import NormaSystem

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

  /// Looks at a library once for each content, processor and version of Norma: what was found stands in the
  /// user's cache.
  @Sendable static func checkOnce(_ path: String, _ content: Digest) throws(NormaError) {
    let folder = UserFolder.cache.path(ProcessInfo.processInfo.environment).map { $0 + "/plugins" }
    let features = String(norma_host_cpu_features(), radix: 16)
    let seen = folder.map { "\($0)/\(content.hexadecimal)-\(features)-\(Norma.version)" }
    if let seen, let found = try? String(contentsOfFile: seen, encoding: .utf8) {
      guard found.isEmpty else { throw refusal(found, path) }
      return
    }
    let failure = try failure(of: PluginCheck(path))
    // A machine that is too busy says nothing about a library; without a cache it is looked at again.
    if let folder, let seen, failure?.outcome != .timeout {
      try? FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      try? Data((failure.map(words) ?? "").utf8).write(to: URL(filePath: seen), options: .atomic)
    }
    if let failure { throw refusal(words(failure), path) }
  }

  /// Reads the file and loads it elsewhere.
  ///
  /// - Throws: `unavailable` with the first thing that does not hold.
  static func check(_ check: PluginCheck) throws(NormaError) {
    if let failure = try failure(of: check) { throw refusal(words(failure), check.path) }
  }

  private static func failure(of check: PluginCheck) throws(NormaError) -> PluginCheckResult? {
    var failure: PluginCheckResult?
    try run(check, limit: .seconds(20)).run(PluginCheck.items.filter { $0.level <= 1 }) { result in
      if result.isFailure { failure = failure ?? result }
    }
    return failure
  }

  private static func words(_ failure: PluginCheckResult) -> String {
    "\(failure.name): \(failure.outcome.rawValue), \(failure.message)"
  }

  private static func refusal(_ words: String, _ path: String) -> NormaError {
    NormaError(.unavailable, words, help: "norma plugins check \(path)")
  }
}
