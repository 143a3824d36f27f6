import ArgumentParser
import Foundation
import NormaCompiler
import NormaConformance
import NormaCore
import NormaNorms
import NormaTerminal

/// `norma norms check`.
struct NormsCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Hold norms to the whole contract: values, gradients, layouts, hard inputs.",
    discussion: """
      Output, gradients and buffers are compared with the same formula in float64, and gradients with \
      central differences, in training and inference: ranks 2 to 5, odd sizes, channels last, second \
      and over several axes, strides, batches of one and of none, constants, mean 1e6, values of \
      1e18, outliers. Results must be the same bits when repeated and on any number of threads, and \
      nothing else may be written. Without --executor that is done on the tile interpreter and, where \
      there is a C compiler, in native code, for which dozens of shapes are compiled the first time.

      A line a check, with the largest error and what is allowed, relative to the scale of the \
      tensor. A check that does not hold shows the input and the command that repeats it; the exit \
      status is then 2.

      Examples:
        norma norms check rms
        norma norms check mine.lua
        norma norms check group --hyper groups=4 --executor tiles --json
      """)

  @Argument(help: "Norms, or scripts whose norms are checked.", completion: .norms)
  var names: [String]

  @OptionGroup var executorOptions: ExecutorOptions

  @Option(help: ArgumentHelp("A hyper-parameter, or preset=NAME; repeatable.", valueName: "k=v"))
  var hyper: [String] = []

  @Option(help: "The seed of all values that are tried.")
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp("Show only checks whose name contains this text.", valueName: "text"))
  var only: String?

  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    // What is checked is worth waiting for.
    var executors = executorOptions
    executors.compileWait = max(executors.compileWait, 60)
    let reports = try registryOptions.withNorms(names, hyper: hyper) { chosen, registry in
      try executors.withExecutor { executor throws(NormaError) in
        try check(chosen, registry, executor)
      }
    }
    if output.json { try output.write(json: reports) }
    let failed = reports.flatMap { report in
      report.checks.filter { !$0.passed }.map { _ in report.norm }
    }
    guard failed.isEmpty else {
      throw NormaError(
        .gate,
        "\(failed.count) check(s) did not hold: \(Set(failed).sorted().joined(separator: ", "))")
    }
  }

  private func check(
    _ specs: [NormSpec], _ registry: NormRegistry, _ chosen: Executor
  ) throws(NormaError) -> [Report] {
    // Machine code is made by the same formula: what differences say is said once.
    var executors = [chosen]
    if executorOptions.executor == .auto, case .native(let session) = chosen {
      executors = session.hasCompiler ? [.tiles, chosen] : [.tiles]
    }
    var reports: [Report] = []
    var known: Set<String> = []
    for spec in specs {
      for (number, executor) in executors.enumerated() {
        var options = ConformanceOptions()
        options.executor = executor
        options.seed = seed
        options.differences = number == 0
        if executor.isReference { options.threads = [1] }
        let results = checkNorm(spec, in: registry, options: options)
        known.formUnion(results.map(\.name))
        let report = Report(
          norm: spec.label, name: spec.name, executor: executor.name,
          // What did not run on the executor that was asked for says nothing of it.
          checks: results.filter { result in
            only.map { result.name.contains($0) } ?? true
              || !result.passed && result.name == NormCheckNames.machineCode
          })
        if !output.json { try output.write(lines: lines(report)) }
        reports.append(report)
      }
    }
    if let only, !known.contains(where: { $0.contains(only) }) {
      throw NormaError(
        .usage, "no check's name contains '\(only)'",
        help: "the checks: " + known.sorted().joined(separator: ", "))
    }
    return reports
  }

  // MARK: text

  private func lines(_ report: Report) -> [StyledText] {
    let held = report.checks.count { $0.passed }
    var lines = [
      StyledText(report.norm, .cyan)
        + StyledText("  \(report.executor): \(held) of \(report.checks.count) checks hold")
    ]
    let width = report.checks.map(\.name.count).max() ?? 0
    for check in report.checks {
      let mark =
        !check.passed
        ? StyledText("FAIL", .red.union(.bold))
        : check.inputs == 0 ? StyledText("skip", .dim) : StyledText("pass", .green)
      var facts: [String] = []
      if let text = check.errorText { facts.append(text) }
      if check.inputs > 0 { facts.append("\(check.inputs) inputs") }
      let padding = String(repeating: " ", count: width - check.name.count)
      lines.append(
        StyledText("  ") + mark + StyledText("  \(check.name)\(padding)  ")
          + StyledText(facts.joined(separator: ", "), .dim))
      lines += check.message.split(separator: "\n").map { StyledText("        \($0)") }
      if !check.passed {
        if !check.input.isEmpty { lines.append(StyledText("        on \(check.input)")) }
        lines.append(StyledText("        again: \(again(report, check))"))
      }
    }
    return lines
  }

  /// The command that repeats a check.
  private func again(_ report: Report, _ check: CheckResult) -> String {
    var words = ["norma norms check", report.name]
    for script in registryOptions.scripts + names.filter(NormChoice.isScript) {
      words += ["--script", ShellText.quoted(script)]
    }
    for setting in hyper { words += ["--hyper", ShellText.quoted(setting)] }
    words += ["--executor", report.executor]
    if seed != 1 { words += ["--seed", "\(seed)"] }
    return (words + ["--only", ShellText.quoted(check.name)]).joined(separator: " ")
  }

  /// What was found out about a norm on one executor.
  private struct Report: Encodable {
    let norm: String
    let name: String
    let executor: String
    let checks: [CheckResult]
  }
}
