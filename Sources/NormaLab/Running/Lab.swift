import Foundation
public import NormaCore
public import NormaData
import NormaNetwork
public import NormaNorms

/// Runs experiments: cell after cell, each in a folder of its own, telling an observer what happens.
public final class Lab {
  /// The norms models may use.
  public let registry: NormRegistry
  /// The data sets experiments may use.
  public let catalog: DataCatalog
  /// What the command line says.
  public let options: LabOptions
  private var loaded: (spec: DataSpec, splits: DataSplits)?
  private(set) var experiments = 0
  /// The folders of the experiments so far.
  private(set) var folders: [String] = []
  /// Those that were not there before.
  private var madeFolders: Set<String> = []

  /// Makes a lab.
  public init(
    registry: NormRegistry, catalog: DataCatalog = DataCatalog(),
    options: LabOptions = LabOptions()
  ) {
    self.registry = registry
    self.catalog = catalog
    self.options = options
  }

  /// Runs an experiment, or in a dry run finds out what it would do.
  ///
  /// A cell that fails or diverges is a result with its reason, unless it is the only one or no cell
  /// completes; then its error is thrown.
  /// - Throws: `usage` for an experiment that cannot be, `io` when its folder cannot be written,
  ///   `interrupted` after the results so far were kept.
  public func run(_ given: ExperimentSpec) throws(NormaError) -> ExperimentResult {
    let spec: ExperimentSpec
    do throws(NormaError) {
      spec = try given.applying(options.overrides)
    } catch {
      // Not the script's mistake, even where a script's line asks for it.
      var mistake = error
      mistake.code = NormaError.Code("setting", exitStatus: NormaError.Code.usage.exitStatus)
      throw mistake
    }
    if options.onlyReads {
      return ExperimentResult(spec: spec, cells: [], folder: nil, isDryRun: true)
    }
    let cells = try spec.cells(registry)
    let splits = try load(spec.data, at: spec.place)
    if let rule = spec.train.stop, splits.validate.isEmpty,
      [.validationLoss, .validationAccuracy].contains(rule.measure)
    {
      throw NormaError(
        .usage,
        "experiment '\(spec.name)' stops by \(rule.measure.rawValue), but the data has no validation"
          + " part",
        place: spec.place, help: "give the data validate = 1000, or stop by train_loss")
    }
    experiments += 1
    if let survey = options.survey {
      try survey(spec, splits)
      return ExperimentResult(spec: spec, cells: [], folder: nil, isDryRun: true)
    }
    if options.isDryRun {
      let plan = try plan(spec, cells, splits)
      options.observer(.plan(plan))
      return ExperimentResult(spec: spec, cells: [], folder: nil, isDryRun: true)
    }
    let folder = try options.writes ? experimentFolder(spec, cells, splits) : nil
    folders += folder.map { [$0] } ?? []
    let sweep = Sweep(spec: spec, cells: cells, splits: splits, folder: folder)
    if let (task, end) = options.only, task.experiment == experiments {
      guard cells.indices.contains(task.cell) else {
        throw NormaError(.internal, "there is no cell \(task.cell)")
      }
      _ = try run(cells[task.cell], of: sweep, until: nil)
      end()
    }
    options.observer(.experiment(name: spec.name, cells: cells.count, folder: folder))
    let results = try run(sweep)
    let failures = results.compactMap { $0.failure }
    if failures.count == results.count, let first = failures.first {
      throw failures.count > 1
        ? first.noting("all \(failures.count) cells failed; this is the first's reason") : first
    }
    return ExperimentResult(spec: spec, cells: results, folder: folder)
  }

  /// Writes what an experiment found as a page into its folder; nil where nothing is written.
  ///
  /// - Throws: `script` for a name that leads out of the folder; `io` when it cannot be written.
  public func report(
    _ result: ExperimentResult, as name: String
  ) throws(NormaError) -> String? {
    guard let folder = result.folder, let report = options.report, options.only == nil else {
      return nil
    }
    let path = try Folder.place(name, in: folder, for: "report", such: "report.html")
    let cells = result.cells.map { $0.cell.folderName(of: result.cells.count) }
      .filter { SavedRun.exists(in: "\(folder)/\($0)") }
    try report(folder, result.cells.count > 1 ? cells : [], path)
    return path
  }

  /// Runs the cells that are not done; all results in the order of the cells.
  private func run(_ sweep: Sweep) throws(NormaError) -> [CellResult] {
    var results: [Int: CellResult] = [:]
    if let folder = sweep.folder, options.only == nil { Folder.clear(folder) }
    if options.resumes {
      for cell in sweep.cells {
        guard let result = try finished(cell, of: sweep) else { continue }
        results[cell.index] = result
        options.observer(.found(result))
      }
    }
    if options.only != nil {
      // The process of a later experiment's cell trains nothing of this one.
      return sweep.cells.map { results[$0.index] ?? CellResult(cell: $0, status: .outOfTime) }
    }
    let end = sweep.spec.budget.map { ContinuousClock.now + $0 }
    if options.jobs > 1, sweep.cells.count > 1, sweep.folder != nil, options.startCell != nil {
      try runBeside(sweep, &results, until: end)
    }
    for cell in sweep.cells where results[cell.index] == nil {
      if let end, ContinuousClock.now >= end {
        results[cell.index] = CellResult(cell: cell, status: .outOfTime)
        continue
      }
      let result = try run(cell, of: sweep, until: end)
      results[cell.index] = result
      let isInterrupted = if case .interrupted = result.status { true } else { false }
      try sweep.write(results, self, atOnce: isInterrupted)
      if isInterrupted { throw interruption(result, sweep) }
    }
    try sweep.write(results, self)
    return sweep.cells.compactMap { results[$0.index] }
  }

  private func interruption(_ result: CellResult, _ sweep: Sweep) -> NormaError {
    let count = sweep.cells.count
    return NormaError(
      .interrupted,
      "interrupted after \(result.steps) steps"
        + (count > 1 ? " of cell \(result.cell.index + 1) of \(count)" : ""),
      help: sweep.folder.map { "--resume --out \($0) goes on from there" })
  }

  /// What a folder says of a cell that is done; nil where it is not, or failed for reasons that another
  /// try may not meet.
  private func finished(_ cell: Cell, of sweep: Sweep) throws(NormaError) -> CellResult? {
    guard let path = sweep.folder(of: cell), SavedRun.exists(in: path) else { return nil }
    let saved = try SavedRun(path)
    // A cell that cannot be built says so when it is tried.
    guard let now = try? determinants(cell, of: sweep.spec, on: sweep.splits) else { return nil }
    try require(saved, to: now)
    guard let end = saved.end, end["status"] != "out_of_time",
      end["status"] != "failed" || options.only != nil
    else { return nil }
    // A kill between the last event and the removal leaves it behind.
    if end["status"] != "failed" { unlink("\(path)/\(RunProgress.file)") }
    return CellResult(cell, end: end, folder: path)
  }

  /// The data, read once for experiments that share it.
  private func load(_ spec: DataSpec, at place: SourcePlace?) throws(NormaError) -> DataSplits {
    if let loaded, loaded.spec == spec { return loaded.splits }
    do throws(NormaError) {
      let splits = try catalog.load(spec)
      loaded = (spec, splits)
      return splits
    } catch {
      throw error.at(place)
    }
  }

  /// Trains a cell, from its checkpoint where the folder has one.
  private func run(
    _ cell: Cell, of sweep: Sweep, until end: ContinuousClock.Instant?
  ) throws(NormaError) -> CellResult {
    let (spec, path, isOne) = (sweep.spec, sweep.folder(of: cell), sweep.cells.count == 1)
    var folder: RunFolder?
    let observer = options.observer
    let tell = { (event: RunEvent) in
      folder?.append(event)
      observer(event)
    }
    var cellOptions = options
    let isInterrupted = options.isInterrupted
    let isOver = { end.map { ContinuousClock.now >= $0 } ?? false }
    cellOptions.isInterrupted = { isInterrupted() || isOver() || folder?.failure != nil }
    let keep = { (run: CellRun) throws(NormaError) in
      guard let path, let events = try folder?.sync() else { return }
      var metadata = run.checkpoint
      metadata[RunProgress.eventsKey] = "\(events)"
      try run.network.saveCheckpoint(
        to: "\(path)/\(RunProgress.file)", dataset: run.savedData, metadata: metadata)
    }
    let saved = try path.flatMap { path throws(NormaError) in
      try options.resumes && SavedRun.exists(in: path) ? SavedRun(path) : nil
    }
    let found = Result { () throws(NormaError) in
      try self.determinants(cell, of: spec, on: sweep.splits)
    }
    if let saved, let now = try? found.get() { try require(saved, to: now) }
    var run: CellRun?
    var weights: String?
    var status = CellResult.Status.completed
    var isRestoring = false
    do throws(NormaError) {
      let determinants = try found.get()
      let training = try CellRun(
        cell, of: spec, on: sweep.splits, repeating(saved, cellOptions), registry: registry,
        saves: keep, tell: tell)
      run = training
      isRestoring = true
      let events = try saved.map { saved throws(NormaError) in
        try restore(training, from: saved)
      }
      isRestoring = false
      if let path {
        folder = try RunFolder(
          path, configuration: configuration(spec, cell, training, determinants),
          sources: options.sources(), keeping: events ?? 0)
      }
      let start = RunEvent.run(
        RunStart(
          experiment: spec.name, cell: cell, cells: sweep.cells.count, folder: path,
          steps: training.totalSteps, stepsPerEpoch: training.stepsPerEpoch,
          epochs: training.epochs, parameters: training.network.parameterCount,
          done: training.steps))
      if events ?? 0 > 0 { observer(start) } else { tell(start) }
      var isWhole = try training.train()
      if isWhole, spec.measuresTest { isWhole = try training.measureTest() }
      try folder?.check()
      if isWhole {
        if let path {
          let file = path + "/final.safetensors"
          try training.network.save(
            to: file, dataset: training.savedData, metadata: ["norma.step": "\(training.steps)"])
          weights = file
        }
      } else {
        status = isInterrupted() ? .interrupted : .outOfTime
        try keep(training)
        let checkpoint = path.map { "\($0)/\(RunProgress.file)" }
        tell(.interrupted(steps: training.steps, checkpoint: checkpoint))
      }
    } catch {
      // The folder is the user's, not the cell's: no other cell could be written either.
      if error.code == .io { throw error }
      // What cannot be gone on with is left as it is.
      if isRestoring { throw error }
      if folder == nil, let saved,
        saved.checkpoint != nil || saved.end.map({ $0["status"] != "failed" }) ?? false
      {
        throw error
      }
      status = .failed(error)
      if folder == nil, isOne, saved == nil {
        // Nothing began: the same command shall find the folder as it was.
        if let path, madeFolders.contains(path) { rmdir(path) }
      } else if folder == nil, let path {
        let known = (try? found.get()) ?? [.init("settings", cell.settingsJSON)]
        folder = try RunFolder(
          path, configuration: configuration(spec, cell, run, known), sources: options.sources())
      }
      tell(.error(isOne ? error : error.prefixed("cell \(cell.label)")))
    }
    let result = CellResult(
      cell: cell, status: status, measures: complete(run?.measures ?? [:]),
      steps: run?.steps ?? 0, weights: weights, stoppedEarly: run?.stoppedEarly ?? false)
    tell(.done(result))
    _ = try folder?.sync()
    if let path, leavesNothing(status) { unlink("\(path)/\(RunProgress.file)") }
    return result
  }

  /// Whether nothing is left to go on from.
  private func leavesNothing(_ status: CellResult.Status) -> Bool {
    switch status {
    case .completed: true
    // What failed for another reason is tried again, from where it stood.
    case .failed(let error): error.code == .diverged
    case .interrupted, .outOfTime: false
    }
  }

  /// The options under which a saved run gives the same bits as it would have: what ran its norms runs
  /// them again.
  private func repeating(_ saved: SavedRun?, _ options: LabOptions) -> LabOptions {
    guard let saved, saved.checkpoint != nil else { return options }
    var options = options
    let executors = Set(saved.configuration["norms"].items.compactMap { $0["executor"].string })
    if executors.contains(Executor.tiles.name), case .native = options.executor {
      options.executor = .tiles
    }
    return options
  }

  /// Puts a run where its checkpoint says; how many bytes of its events belong to it.
  private func restore(_ run: CellRun, from saved: SavedRun) throws(NormaError) -> Int {
    guard let path = saved.checkpoint else { return 0 }
    let file = try SafeTensors(contentsOf: path)
    guard let events = file.metadata[RunProgress.eventsKey].flatMap({ Int($0) }), events >= 0 else {
      throw NormaError(
        .data, "'\(path)' does not say where its run stood", help: "delete it to start the run anew"
      )
    }
    let before = saved.configuration["norms"].items.map { $0["executor"] }
    let now = run.network.norms.map { JSONValue.text($0.executor) }
    guard before == now else {
      throw NormaError(
        .unavailable,
        "'\(saved.folder)' ran its norms on \(Self.words(before)), and now they would run on"
          + " \(Self.words(now)): it would not go on bit for bit",
        help: "resume with the --executor and the C compiler that it began with, or delete"
          + " \(path) to start it anew")
    }
    try run.restore(file, from: path)
    let hash = ScriptText.hash(options.sources())
    if saved.configuration["scripts"]["hash"] != .text(hash) {
      options.observer(
        .warning(
          "the scripts are not those that \(saved.folder) began with; it has them in lua/"))
    }
    return events
  }

  private static func words(_ executors: [JSONValue]) -> String {
    Set(executors.compactMap(\.string)).sorted().joined(separator: " and ")
  }

  /// Adds what `accuracy` and `loss` stand for.
  private func complete(_ given: [Measure: Double]) -> [Measure: Double] {
    var measures = given
    measures[.accuracy] =
      given[.validationAccuracy] ?? given[.testAccuracy] ?? given[.trainAccuracy]
    measures[.loss] = given[.validationLoss] ?? given[.testLoss] ?? given[.trainLoss]
    return measures
  }

  /// The folder of the next experiment: what `--out` says, numbered from the second experiment of a
  /// script on; to resume without it, the latest of that name.
  private func experimentFolder(
    _ spec: ExperimentSpec, _ cells: [Cell], _ splits: DataSplits
  ) throws(NormaError) -> String {
    if let task = options.only?.task, task.folders.indices.contains(experiments - 1) {
      return task.folders[experiments - 1]
    }
    if let out = options.out {
      let trimmed = out.count > 1 && out.hasSuffix("/") ? String(out.dropLast()) : out
      let path = experiments > 1 ? "\(trimmed)-\(experiments)" : trimmed
      for file in ["run.json", "sweep.json", "events.jsonl"]
      where !options.resumes && Folder.exists("\(path)/\(file)") {
        throw NormaError(
          .usage, "'\(path)' already holds a run",
          help: "go on with it by --resume, or choose another folder with --out")
      }
      if !Folder.exists(path) { madeFolders.insert(path) }
      try Folder.make(path)
      try requireSame(spec, cells.count, in: path)
      return path
    }
    if options.resumes, let latest = latestFolder(of: spec, cells, splits) { return latest }
    var seconds = time(nil)
    var clock = tm()
    localtime_r(&seconds, &clock)
    let date = [clock.tm_year + 1900, clock.tm_mon + 1, clock.tm_mday].map(Self.twoDigits)
    let hour = [clock.tm_hour, clock.tm_min, clock.tm_sec].map(Self.twoDigits)
    let base = "runs/\(date.joined())-\(hour.joined())-\(Cell.slug(spec.name))"
    var path = base
    var number = 2
    while Folder.exists(path) {
      path = "\(base)-\(number)"
      number += 1
    }
    try Folder.make(path)
    madeFolders.insert(path)
    return path
  }

  /// The folder below `runs` with the latest run of an experiment: one that holds what is to be run, or else
  /// one of its name.
  private func latestFolder(
    of spec: ExperimentSpec, _ cells: [Cell], _ splits: DataSplits
  ) -> String? {
    let pattern = try? Regex("[0-9]{8}-[0-9]{6}-\(Cell.slug(spec.name))(-[0-9]+)?")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "runs")) ?? []
    // By time, then by number: the tenth of a second comes after its ninth.
    func order(_ name: String) -> (Substring, Int) {
      (name.prefix(15), name.split(separator: "-").last.flatMap { Int($0) } ?? 0)
    }
    let own = names.filter { name in pattern.map { name.wholeMatch(of: $0) != nil } ?? false }
      .sorted { order($0) > order($1) }.map { "runs/" + $0 }
      .filter { !folders.contains($0) }
    var named: String?
    for folder in own {
      let sweep = Sweep(spec: spec, cells: cells, splits: splits, folder: folder)
      for cell in cells {
        guard let path = sweep.folder(of: cell), let saved = try? SavedRun(path),
          saved.configuration["experiment"] == .text(spec.name)
        else { continue }
        named = named ?? folder
        let now = try? determinants(cell, of: spec, on: splits)
        if let now, (try? require(saved, to: now)) != nil { return folder }
        break
      }
    }
    return named
  }

  private static func twoDigits(_ value: Int32) -> String {
    value < 10 ? "0\(value)" : "\(value)"
  }
}

extension Cell {
  /// `003-norm-batch-seed-2`: the number sorts, the rest is for people.
  func folderName(of count: Int) -> String {
    let width = max(3, "\(count)".count)
    let digits = "\(index + 1)"
    let number = String(repeating: "0", count: max(0, width - digits.count)) + digits
    let words = settings.map { Cell.slug("\($0.name) \($0.value.label)") }
    return ([number] + words).joined(separator: "-")
  }

  /// Letters and digits of a name, joined by hyphens.
  static func slug(_ name: String) -> String {
    let words = name.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
    let text = words.joined(separator: "-").prefix(60)
    return text.isEmpty ? "run" : String(text)
  }
}
