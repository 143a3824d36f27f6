import ArgumentParser
import Foundation
import NormaCore
import NormaLab
import NormaLua
import NormaNorms
import NormaSystem
import NormaTerminal

/// `norma run`: a script's experiments, with progress on stderr and the script's prints on stdout.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a Lua script: train what its experiments describe and print what it prints.",
    discussion: """
      Standard output gets what the script prints; progress and warnings go to standard error. Each \
      run is kept in a folder of plain files: run.json, events.jsonl, final.safetensors and lua/, \
      the scripts as they were. A sweep's folder holds one numbered folder a cell and sweep.json.

      --set changes a setting of every experiment, also a swept one: norm, batch, seed, rate, \
      epochs, steps, train, validate, test, or an option of the model. A norm's settings stand in \
      parentheses: --set 'norm=group(groups=4)'.

      The first Ctrl-C ends the run with a checkpoint (status 130), the second at once. --resume \
      goes on from it, mid-epoch and bit for bit, also after a crash: a checkpoint is written once a \
      minute. Cells of a sweep that are done are not run again. A run that diverges ends with \
      status 3 and saves no weights; in a sweep it is a row that says so. A script's second experiment \
      goes to FOLDER-2.

      Examples:
        norma run scripts/experiments/first.lua
        norma run sweep.lua --set norm=rms --set seed=3 --out runs/rms
        norma run sweep.lua --out runs/rms --resume --jobs 2
        norma run sweep.lua --dry-run
        norma run sweep.lua --steps 10 --quiet
      """)

  @Argument(help: "The script.")
  var file: String

  @Option(help: "Change a setting: key=value, such as norm=rms or batch=8; repeatable.")
  var set: [String] = []

  @Option(help: "Train each cell for at most this many steps.")
  var steps: Int?

  @Option(help: "The folder for results; by default a new one below runs.")
  var out: String?

  @Flag(
    help: ArgumentHelp(
      "Go on with what the folder holds; without --out, with the latest run of the experiment's"
        + " name. Starts anew where there is none."))
  var resume = false

  @Option(
    name: .customLong("checkpoint"),
    help: ArgumentHelp("Steps between checkpoints; without it one a minute.", valueName: "steps"))
  var checkpointEvery: Int?

  @Option(
    help: ArgumentHelp(
      "How many cells of a sweep run at a time, each in a process of its own, sharing the cores.",
      valueName: "count"))
  var jobs = 1

  @Option(help: ArgumentHelp("Run one cell for the process that asks.", visibility: .hidden))
  var cell: String?

  @OptionGroup var threads: ThreadOptions

  @OptionGroup var executorOptions: ExecutorOptions

  @Flag(help: "Only say what would be done: cells, memory, files, time from three steps.")
  var dryRun = false

  @Flag(help: "Write events to standard output, one JSON object a line; prints go to stderr.")
  var json = false

  @Flag(help: "Show no progress.")
  var quiet = false

  @Option(help: "Colour the text: auto, always or never.")
  var color: ColorChoice = .auto

  @OptionGroup var registryOptions: RegistryOptions

  mutating func validate() throws {
    if let steps, steps < 1 {
      throw NormaError(.usage, "--steps must be 1 or more, got \(steps)")
    }
    if !(1...256).contains(jobs) {
      throw NormaError(.usage, "--jobs must be from 1 to 256, got \(jobs)")
    }
    if let steps = checkpointEvery, steps < 1 {
      throw NormaError(.usage, "--checkpoint must be 1 or more, got \(steps)")
    }
  }

  func run() throws {
    if cell != nil { StartedProcess.endWithParent() }
    let signals = StopSignals()
    let display = RunDisplay(
      isQuiet: quiet || cell != nil, color: color, isJSON: json && cell == nil)
    do throws(NormaError) {
      try run(signals, display)
    } catch {
      display.end()
      // The script may have made something else of the stop: what was asked for is what counts.
      guard signals.isRequested else { throw error }
      throw signals.error(error)
    }
    display.end()
    if signals.isRequested { throw signals.error(nil) }
  }

  private func run(_ signals: StopSignals, _ display: RunDisplay) throws(NormaError) {
    try executorOptions.withExecutor(waiting: resume || cell != nil ? 600 : nil) {
      executor throws(NormaError) in
      try run(signals, display, executor)
    }
  }

  private func run(
    _ signals: StopSignals, _ display: RunDisplay, _ executor: Executor
  ) throws(NormaError) {
    var lab = LabOptions()
    for text in set { lab.overrides.append(try SettingOverride(parsing: text)) }
    lab.steps = steps
    lab.out = out
    lab.resumes = resume
    lab.checkpointEvery = checkpointEvery
    lab.threads = threads.count
    lab.jobs = jobs
    if jobs > 1 {
      let shared = threads.threads == nil ? max(1, threads.count / jobs) : nil
      lab.startCell = { task throws(NormaError) in
        try StartedCell(task, arguments: CommandLine.arguments, threads: shared)
      }
    }
    if let cell {
      let task = try StartedCell.task(cell)
      lab.only = (task, { Foundation.exit(signals.isRequested ? 130 : 0) })
      lab.resumes = true
      lab.jobs = 1
    }
    lab.executor = executor
    lab.isDryRun = dryRun
    lab.version = Norma.version
    lab.processor = Machine.processor
    lab.isInterrupted = { signals.isRequested }
    lab.observer = { display.show($0) }
    let running = RunningScripts()
    lab.sources = { running.texts }

    var options = registryOptions.limits.options
    options.interrupter = signals.interrupter
    let isSilent = dryRun || cell != nil
    options.print = { if !isSilent { display.print($0) } }
    let registry = try registryOptions.knownNorms()
    let writer = ReportWriter(registry)
    lab.report = { folder, cells, path throws(NormaError) in
      try writer.report(try SavedRuns(folder, cells: cells)).write(to: path)
    }
    let laboratory = Lab(registry: registry, options: lab)
    let session = try ScriptSession(registry: laboratory.registry, options: options)
    try session.registerExperiments(lab: laboratory)
    running.session = session
    try session.load(scripts: registryOptions.scripts)
    try session.run(file: file)
  }
}

/// The scripts of a session, for the lab that is made before it.
private final class RunningScripts {
  weak var session: ScriptSession?
  var texts: [ScriptText] {
    session?.sources.map { ScriptText($0.name, $0.text) } ?? []
  }
}
