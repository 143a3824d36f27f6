import ArgumentParser
import Foundation
import NormaCore
import NormaLab
import NormaLua
import NormaNorms
import NormaTerminal

/// `norma advise`.
struct AdviseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "advise",
    abstract: "Say which norm suits a script's model, why, and what is likely to go wrong.",
    discussion: """
      Looks at each experiment of the script instead of running it: what its model is made of, where its \
      norms stand, their channels and positions, data, batch, steps, rate. Norms are put in order by the \
      sum of what speaks against them, each reason with its source: 1 is a difference that shows, 4 a run \
      spoilt. Memory is that of the planned model, time that of three steps. --measure trains all of them for \
      a short while over equal seeds and says where that agrees; what was measured comes first then.

      Examples:
        norma advise compare.lua
        norma advise compare.lua --batch 4
        norma advise compare.lua --batch 64 --workers 8      8 samples a worker
        norma advise compare.lua --measure --seeds 5 --minutes 10
      """)

  @Argument(help: "The script.", completion: .file(extensions: ["lua"]))
  var file: String

  @Option(help: ArgumentHelp("Samples of a step, instead of the script's.", valueName: "count"))
  var batch: Int?

  @Option(
    help: ArgumentHelp(
      "How many workers share a batch, each with statistics of its own.", valueName: "count"))
  var workers = 1

  @Flag(help: "Train short paired runs and show whether they agree.")
  var measure = false

  @Option(help: ArgumentHelp("Seeds of each norm when measuring.", valueName: "count"))
  var seeds = 3

  @Option(
    help: ArgumentHelp(
      "How long the steps of an experiment's runs should take together; validation comes on top.",
      valueName: "time"))
  var minutes = 3.0

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Change a setting of the experiments, such as steps=500; repeatable.", valueName: "key=value")
  )
  var set: [String] = []

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var executorOptions: ExecutorOptions
  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    func check<Number: Comparable>(
      _ name: String, _ value: Number, _ range: ClosedRange<Number>
    ) throws(NormaError) {
      guard range.contains(value) else {
        throw NormaError(
          .usage,
          "--\(name) must be from \(range.lowerBound) to \(range.upperBound), got \(value)")
      }
    }
    if let batch { try check("batch", batch, 1...1_000_000_000) }
    try check("workers", workers, 1...1_000_000)
    // One seed says nothing of chance.
    try check("seeds", seeds, 2...100)
    try check("minutes", minutes, 0.01...10_000)
  }

  func run() throws {
    let signals = StopSignals()
    let display = RunDisplay(isQuiet: !measure, color: output.color, isJSON: false)
    var found: [Advice] = []
    do throws(NormaError) {
      try executorOptions.withExecutor(waiting: 600) { executor throws(NormaError) in
        try survey(executor, signals, display) { found.append($0) }
      }
    } catch {
      display.end()
      guard signals.isRequested else { throw error }
      throw signals.error(error)
    }
    display.end()
    guard !found.isEmpty else {
      throw NormaError(
        .script, "'\(file)' has no experiment, and advice goes by a model with its data",
        help: "end it with: experiment { model = \"...\", data = ..., train = ... }")
    }
    if output.json {
      try output.write(
        text: JSONValue.list(found.map(\.json)).indented(depth: 4))
    } else {
      try output.write(
        text: found.map { $0.lines(for: output.terminal) }.joined(separator: [""])
          .map { $0.rendered(for: output.terminal) + "\n" }.joined())
    }
  }

  private func survey(
    _ executor: Executor, _ signals: StopSignals, _ display: RunDisplay,
    _ add: @escaping (Advice) -> Void
  ) throws(NormaError) {
    var wanted = AdviceOptions()
    wanted.batch = batch
    wanted.workers = workers
    wanted.measures = measure
    wanted.seeds = seeds
    wanted.time = .seconds(minutes * 60)
    var options = LabOptions()
    for text in set { options.overrides.append(try SettingOverride(parsing: text)) }
    options.threads = threads.count
    options.executor = executor
    options.writes = false
    options.version = Norma.version
    options.isInterrupted = { signals.isRequested }
    options.observer = { display.show($0) }
    let registry = try registryOptions.knownNorms()
    var surveying = options
    surveying.survey = { spec, splits throws(NormaError) in
      add(try Lab(registry: registry, options: options).advise(spec, on: splits, wanted))
    }
    var limits = registryOptions.limits.options
    limits.interrupter = signals.interrupter
    // What a script says of results is not for runs that were not made.
    limits.print = { _ in }
    let session = try ScriptSession(registry: registry, options: limits)
    try session.registerExperiments(lab: Lab(registry: registry, options: surveying))
    try session.load(scripts: registryOptions.scripts)
    try session.run(file: file)
  }
}

extension Advice {
  /// The advice for people.
  func lines(for terminal: Terminal) -> [StyledText] {
    let width = max(terminal.width ?? 110, 40)
    func wrapped(_ text: String, _ indent: Int, style: Style = .plain) -> [StyledText] {
      var lines: [String] = []
      var line = ""
      for word in text.split(separator: " ") {
        if !line.isEmpty, line.count + word.count + 1 > width - indent {
          lines.append(line)
          line = ""
        }
        line += (line.isEmpty ? "" : " ") + word
      }
      return (lines + [line]).map {
        StyledText(String(repeating: " ", count: indent)) + StyledText($0, style)
      }
    }
    var lines = [StyledText("advice for '\(facts.name)'", .bold)] + wrapped(facts.text, 2)
    lines += wrapped("now: " + current.map(\.label).joined(separator: ", "), 2)
    if let evidence { lines += [""] + evidence.lines(wrapped) }
    lines += [
      "",
      StyledText("by what is known", .bold)
        + "   what speaks against each: 1 may show in results, 4 and more spoils a run",
    ]
    for choice in choices {
      var words = [choice.cost.map { "against it \($0)" } ?? "ruled out"]
      if let bytes = choice.bytes { words.append(NumberText.bytes(bytes)) }
      if let seconds = choice.stepSeconds {
        words.append(NumberText.number(seconds * 1000, decimals: 2) + " ms a step")
      }
      // Those with the same cost share a place; the cheapest stands first.
      let place = choices.firstIndex { $0.cost == choice.cost }.map { $0 + 1 } ?? 0
      lines.append(
        StyledText(choice.cost == nil ? "  –  " : "  \(place)  ")
          + StyledText(choice.norm.label, .bold) + StyledText("   " + words.joined(separator: ", "))
      )
      for reason in choice.reasons {
        lines += wrapped("\(reason.text) (\(reason.source))", 5, style: .dim)
      }
    }
    if !risks.isEmpty {
      lines += ["", StyledText("risks", .bold)]
      for risk in risks {
        lines += wrapped("\(risk.change == nil ? "·" : "!") \(risk.text) (\(risk.source))", 2)
        if let change = risk.change { lines += wrapped("write: \(change)", 4, style: .cyan) }
      }
    }
    lines += ["", StyledText("change", .bold)]
    lines += wrapped(change ?? "nothing: what is known speaks for \(current[0].label)", 2)
    return lines
  }
}

extension AdviceEvidence {
  fileprivate func lines(
    _ wrapped: (_ text: String, _ indent: Int, _ style: Style) -> [StyledText]
  ) -> [StyledText] {
    var lines = [
      StyledText("measured", .bold)
        + StyledText(
          "   \(measure.rawValue) after \(steps) steps, \(seeds) seeds, ± half the 95 % interval")
    ]
    var table = Table(["", Table.Column("norm", .left), Table.Column(measure.rawValue, .left)])
    for (index, result) in results.enumerated() {
      let half = result.average?.halfInterval.map { " ± \(NumberText.number($0))" } ?? ""
      let value = result.average.map { NumberText.number($0.mean) + half }
      let words = [value].compactMap { $0 } + Set(result.reasons).sorted()
      table.append(["  \(index + 1)", "\(result.norm.label)", "\(words.joined(separator: ", "))"])
    }
    lines += table.lines()
    lines += wrapped(
      "of \(pairs.count) pairs that the advice puts in order, \(count(.held)) differ clearly as it says,"
        + " \(count(.disagrees)) the other way, and \(count(.unclear)) not clearly", 2, .plain)
    var told: Set<String> = []
    for pair in pairs where pair.verdict == .disagrees {
      let text = pair.comparison?.text ?? "\(pair.better.label) failed"
      lines += wrapped(
        "! the advice puts \(pair.better.label) before \(pair.worse.label), these runs do not: \(text)",
        2, .yellow)
      if let rule = pair.rule, told.insert(rule.text).inserted {
        lines += wrapped(
          "the rule: \(rule.text) (\(rule.source)); these runs are of \(steps) steps and this model",
          4, .dim)
      }
    }
    return lines
  }
}
