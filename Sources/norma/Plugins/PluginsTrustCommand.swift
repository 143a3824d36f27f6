import ArgumentParser
import Foundation
import NormaCore
import NormaNorms
import NormaPlugins
import NormaTerminal

/// `norma plugins trust`.
struct PluginsTrustCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trust",
    abstract: "Let libraries be loaded from now on, as they are.",
    discussion: """
      A plugin runs with all rights of the program that loads it: trust says that you know who made \
      it. Its file is read and it is loaded once in a process of its own (levels 0 and 1 of \
      'norma plugins check'; a wrong gradient or a leak is found by the levels above). Its SHA-256 then \
      stands in norma.lock, in ~/.config/norma or where NORMA_LOCK says; a library with other bytes is \
      another library. Those of the system's folders need no trust.

      Examples:
        norma plugins trust build/example_scale.so
        norma plugins trust --remove org.example.scale
      """)

  @Argument(
    help: "The libraries, or with --remove ids or paths.", completion: .file(extensions: ["so"]))
  var libraries: [String]

  @Flag(help: "Trust them no more.")
  var remove = false

  @Option(
    help: ArgumentHelp("A library that they may need, by name; repeatable.", valueName: "name"))
  var allow: [String] = []

  @OptionGroup var output: OutputOptions

  func run() throws {
    let path = try PluginLock.path(ProcessInfo.processInfo.environment)
    var lock = try PluginLock(contentsOf: path)
    var lines: [StyledText] = []
    for library in libraries {
      if remove {
        let real = URL(fileURLWithPath: library).resolvingSymlinksInPath().path
        guard lock.forget(library) + lock.forget(real) > 0 else {
          throw NormaError(
            .usage, "'\(library)' was not trusted",
            help: lock.plugins.isEmpty
              ? "nothing is" : "trusted: " + lock.plugins.map(\.id).joined(separator: ", "))
        }
        lines.append(StyledText("\(library)  is trusted no more"))
        continue
      }
      guard FileManager.default.fileExists(atPath: library) else {
        throw NormaError(.inputMissing, "there is no library '\(library)'", help: "check the path")
      }
      var check = PluginCheck(library)
      check.allowed = allow
      let looked = try check.digest()
      do throws(NormaError) {
        try PluginProbe.check(check)
      } catch {
        throw error.prefixed("'\(library)' is not trusted")
      }
      // What was looked at elsewhere is loaded here only to be asked who it is.
      let record = try PluginLoader().load(library, into: .builtIn())
      guard let identity = record.identity, let digest = record.digest else {
        throw NormaError(.internal, "a plugin was loaded but not described")
      }
      guard digest == looked else {
        throw NormaError(
          .unavailable, "'\(library)' changed while it was looked at",
          help: "build it, then trust it")
      }
      if let old = lock.plugins.first(where: { $0.id == identity.id && $0.path != record.path }) {
        lines.append(StyledText("replaces \(old.path) under the id \(old.id)", .yellow))
      }
      lock.trust(
        PluginOrigin(
          id: identity.id, version: identity.version, sha256: digest.hexadecimal,
          path: record.path))
      lines.append(
        StyledText("\(identity.id) \(identity.version)", .bold)
          + StyledText("  \(record.norms.joined(separator: ", "))", .cyan)
          + StyledText("  sha256 \(digest.hexadecimal.prefix(12))...", .dim))
    }
    try lock.write(to: path)
    if output.json { return try output.write(json: lock.plugins) }
    try output.write(lines: lines)
  }
}
