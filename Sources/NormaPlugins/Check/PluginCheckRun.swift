import Foundation
public import NormaCore
import NormaSystem

/// The checks of a plugin, each in a process of its own: whatever one does, the others go on.
public struct PluginCheckRun: Sendable {
  /// What begins each line by which a process tells a result.
  public static let mark = "norma-check: "
  /// The line that says what is tried next.
  public static func line(trying what: String) -> String { "\n\(mark)\(trying)\(what)\n" }
  private static let trying = "on "

  /// The line after all results: a process that ends without it has not tried everything.
  public static let end = "\n\(mark)end\n"

  /// The checks.
  public var check: PluginCheck
  /// The program that runs one of them and tells results by lines.
  public var program: String
  /// Its arguments for a check.
  public var arguments: @Sendable (PluginCheck.Item) -> [String]
  /// How long one may take.
  public var limit: Duration

  /// Makes a run.
  public init(
    _ check: PluginCheck, program: String, limit: Duration,
    arguments: @escaping @Sendable (PluginCheck.Item) -> [String]
  ) {
    self.check = check
    self.program = program
    self.arguments = arguments
    self.limit = limit
  }

  /// A result as a line for whoever started the process.
  public static func line(_ result: PluginCheckResult) -> String {
    let text = (try? JSONEncoder().encode(result)).map { String(decoding: $0, as: UTF8.self) }
    return "\n\(mark)\(text ?? "")\n"
  }

  /// Runs checks in order; those that make no sense once the library does not load are passed over.
  ///
  /// - Throws: `unavailable` when no process can be started.
  public func run(
    _ items: [PluginCheck.Item], _ report: PluginCheck.Report
  ) throws(NormaError) {
    var stopped = ""
    for item in items {
      guard stopped.isEmpty else {
        report(PluginCheckResult(item.name, level: item.level, .skip, stopped))
        continue
      }
      let results = try results(of: item)
      for result in results { report(result) }
      let failed = results.contains { $0.isFailure }
      if failed, item == PluginCheck.items.first, !isLibrary { stopped = "the file is no library" }
      if results.contains(where: { $0.outcome == .timeout }) { stopped = "a check did not end" }
      if failed, item.level == 1, item.name == PluginCheck.loading[0].name {
        stopped = "the library does not load"
      }
    }
  }

  /// Whether its code can be looked at in any other way than by reading the file.
  private var isLibrary: Bool {
    guard let file = try? PluginFile(check.path) else { return false }
    return (try? ELFFile(file.bytes).dynamic()) != nil
  }

  private func results(of item: PluginCheck.Item) throws(NormaError) -> [PluginCheckResult] {
    if item.level == 0 {
      var results: [PluginCheckResult] = []
      check.run(item) { results.append($0) }
      return results
    }
    var environment = ProcessInfo.processInfo.environment
    // What a crash leaves behind is told by its signal; the command that repeats it shows the rest.
    environment["SWIFT_BACKTRACE"] = "enable=no"
    let child = try ChildProcess(
      program, arguments(item), environment: environment,
      input: SealedMemory([]), within: limit, keeping: 1 << 20)
    var results: [PluginCheckResult] = []
    var rest: [Substring] = []
    var isWhole = false
    var place = ""
    for line in child.output.split(separator: "\n") {
      guard line.hasPrefix(Self.mark) else {
        rest.append(line)
        continue
      }
      if line == Self.mark + "end" { isWhole = true }
      if line.hasPrefix(Self.mark + Self.trying) { place = " " + line.dropFirst(Self.mark.count) }
      let text = Data(line.dropFirst(Self.mark.count).utf8)
      if let result = try? JSONDecoder().decode(PluginCheckResult.self, from: text) {
        results.append(result)
      }
    }
    func ended(_ outcome: PluginCheckResult.Outcome, _ message: String) {
      // The last words are most likely about it. What our own name for a crash has below it, set in, is how
      // to try it with this command.
      let said = rest.filter { !$0.hasPrefix("  ") }
      let words = (said.isEmpty ? rest : said).suffix(3).map { String($0.prefix(200)) }
        .joined(separator: " / ")
      results.append(
        PluginCheckResult(
          item.name, level: item.level, outcome,
          message + place + (words.isEmpty ? "" : ": \(words)")))
    }
    switch child.ending {
    case .timedOut: ended(.timeout, "it did not end within \(limit.components.seconds) s")
    case .signalled(let signal):
      ended(.crash, "signal \(signal), \(String(cString: strsignal(signal)))")
    case .exited(let status) where !isWhole: ended(.crash, "it exited with status \(status)")
    case .exited:
      if !rest.isEmpty {
        results.append(
          PluginCheckResult(
            item.name, level: item.level, .fail,
            "it wrote to a standard stream: '\(rest[0].prefix(80))'; host->log is for messages"))
      }
    }
    return results
  }
}
