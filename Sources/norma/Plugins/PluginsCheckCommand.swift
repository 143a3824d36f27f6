import ArgumentParser
import Foundation
import NormaCore
import NormaPlugins
import NormaSystem
import NormaTerminal

/// `norma plugins check`.
struct PluginsCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Hold a compiled plugin to the interface, each check in a process of its own.",
    discussion: """
      Level 0 reads the file and runs none of its code. 1 loads it and reads what it says of itself. 2 \
      calls its functions as other hosts would: longer arguments, no room for errors, no memory. 3 is \
      the contract of 'norma norms check', and calls at once. 4 puts walls around its memory, gives it \
      random bits and looks for leaks.

      A check that does not hold says why (FAIL), how the process ended (CRASH), or that it did not end \
      (TIMEOUT), and shows the command that repeats it, in one process for a debugger; the exit status \
      is then 2.

      Examples:
        norma plugins check build/example_scale.so
        norma plugins check mine.so --level 3 --json
        gdb --args norma plugins check mine.so --in-process --only "it loads and describes its norms"
      """)

  @Argument(help: "The library.", completion: .file(extensions: ["so"]))
  var library: String

  @Option(help: "Only checks up to this level, 0 to 4.")
  var level = 4

  @Option(help: ArgumentHelp("Only checks whose name contains this text.", valueName: "text"))
  var only: String?

  @Option(help: "The seed of everything that is drawn.")
  var seed: UInt64 = 1

  @Option(help: ArgumentHelp("How long one check may take.", valueName: "seconds"))
  var timeout = 60.0

  @Option(help: ArgumentHelp("A library that it may need, by name; repeatable.", valueName: "name"))
  var allow: [String] = []

  @Flag(help: "Run the checks in this process, for a debugger: a crash ends it.")
  var inProcess = false

  @Flag(
    help: ArgumentHelp("Tell results by lines for the process that asked.", visibility: .hidden))
  var lines = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (0...4).contains(level) else {
      throw NormaError(.usage, "--level must be from 0 to 4, got \(level)")
    }
    guard timeout > 0, timeout <= 86400 else {
      throw NormaError(.usage, "--timeout must be above 0 and at most 86400 s, got \(timeout)")
    }
  }

  func run() throws {
    guard FileManager.default.fileExists(atPath: library) else {
      throw NormaError(.inputMissing, "there is no library '\(library)'", help: "check the path")
    }
    // Whoever asked may be stopped, and cannot take it along then.
    if lines { StartedProcess.endWithParent(after: timeout + 5) }
    var check = PluginCheck(library)
    check.seed = seed
    check.allowed = allow
    if lines { check.progress = { TextStream.output.write(PluginCheckRun.line(trying: $0)) } }
    let (items, clause) = try chosen()
    var found: [PluginCheckResult] = []
    let terminal = output.terminal
    func tell(_ result: PluginCheckResult) {
      if let clause, !result.isFailure || result.outcome == .fail, !result.name.contains(clause) {
        return
      }
      found.append(result)
      if lines {
        TextStream.output.write(PluginCheckRun.line(result))
      } else if !output.json {
        for line in text(result) { TextStream.output.write(line.rendered(for: terminal) + "\n") }
      }
    }
    if inProcess {
      for item in items { check.run(item, tell) }
    } else {
      try PluginProbe.run(check, limit: .seconds(timeout)).run(items, tell)
    }
    if lines {
      TextStream.output.write(PluginCheckRun.end)
      return
    }
    if output.json { try output.write(json: found.map { Item($0, again: again($0)) }) }
    if let clause, found.isEmpty {
      throw NormaError(
        .usage, "no check's name contains '\(clause)'",
        help: "the checks: " + PluginCheck.items.map(\.name).joined(separator: "; "))
    }
    let failed = found.filter(\.isFailure)
    guard failed.isEmpty else {
      throw NormaError(
        .gate, "\(failed.count) of \(found.count) checks of '\(library)' do not hold")
    }
  }

  /// The checks that were asked for; where a clause of one was named, that clause.
  private func chosen() throws(NormaError) -> (items: [PluginCheck.Item], clause: String?) {
    let items = PluginCheck.items.filter { $0.level <= level }
    guard let only else { return (items, nil) }
    let exact = items.filter { $0.name == only }
    let chosen = exact.isEmpty ? items.filter { $0.name.contains(only) } : exact
    return chosen.isEmpty ? (items.filter(\.hasClauses), only) : (chosen, nil)
  }

  private func text(_ result: PluginCheckResult) -> [StyledText] {
    let mark =
      switch result.outcome {
      case .pass: StyledText("PASS", .green)
      case .skip: StyledText("SKIP", .dim)
      default: StyledText(result.outcome.rawValue, .red.union(.bold))
      }
    var line = mark + StyledText("  \(result.level)  ")
    if !result.norm.isEmpty { line = line + StyledText(result.norm + "  ", .cyan) }
    line = line + StyledText(result.name)
    guard result.isFailure else {
      return result.message.isEmpty ? [line] : [line + StyledText("  \(result.message)", .dim)]
    }
    var lines = [line, StyledText("      \(result.message)")]
    if let again = again(result) { lines.append(StyledText("      again: \(again)")) }
    return lines
  }

  /// The command that repeats a check that does not hold; nil where nothing needs repeating.
  private func again(_ result: PluginCheckResult) -> String? {
    guard result.isFailure else { return nil }
    // What a crash says on its way is worth seeing.
    return "norma plugins check \(ShellText.quoted(library))"
      + (result.outcome == .fail ? "" : " --in-process") + " --only"
      + " \(ShellText.quoted(result.name))" + (seed == 1 ? "" : " --seed \(seed)")
  }

  private struct Item: Encodable {
    let check: String
    let level: Int
    let norm: String
    let outcome: PluginCheckResult.Outcome
    let message: String
    let again: String?

    init(_ result: PluginCheckResult, again: String?) {
      check = result.name
      level = result.level
      norm = result.norm
      outcome = result.outcome
      message = result.message
      self.again = again
    }
  }
}
