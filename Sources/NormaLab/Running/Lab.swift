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
  private var experiments = 0

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
    let cells = try spec.cells(registry)
    let splits = try load(spec.data, at: spec.place)
    experiments += 1
    if options.isDryRun {
      let plan = try plan(spec, cells, splits)
      options.observer(.plan(plan))
      return ExperimentResult(spec: spec, cells: [], folder: nil, isDryRun: true)
    }
    let folder = try options.writes ? newFolder(spec.name) : nil
    options.observer(.experiment(name: spec.name, cells: cells.count, folder: folder))
    var results: [CellResult] = []
    for cell in cells {
      let path = folder.map { cells.count > 1 ? "\($0)/\(cell.folderName(of: cells.count))" : $0 }
      let result = try run(cell, of: spec, count: cells.count, on: splits, in: path)
      results.append(result)
      if let folder, cells.count > 1 {
        try Folder.write(
          sweepJSON(spec, cells, results).indented(depth: 3), to: folder + "/sweep.json")
      }
      if case .interrupted = result.status {
        throw NormaError(
          .interrupted,
          "interrupted after \(result.steps) steps"
            + (cells.count > 1 ? " of cell \(cell.index + 1) of \(cells.count)" : ""),
          help: folder.map { "what was measured is in \($0)" })
      }
    }
    let failures = results.compactMap { $0.failure }
    if failures.count == results.count, let first = failures.first {
      throw failures.count > 1
        ? first.noting("all \(failures.count) cells failed; this is the first's reason") : first
    }
    return ExperimentResult(spec: spec, cells: results, folder: folder)
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

  private func run(
    _ cell: Cell, of spec: ExperimentSpec, count: Int, on splits: DataSplits, in path: String?
  ) throws(NormaError) -> CellResult {
    var folder: RunFolder?
    let observer = options.observer
    let tell = { (event: RunEvent) in
      folder?.append(event)
      observer(event)
    }
    var run: CellRun?
    var weights: String?
    var status = CellResult.Status.completed
    do throws(NormaError) {
      let training = try CellRun(
        cell, of: spec, on: splits, options, registry: registry, tell: tell)
      run = training
      if let path {
        folder = try RunFolder(
          path, configuration: configuration(spec, training), sources: options.sources())
      }
      tell(
        .run(
          RunStart(
            experiment: spec.name, cell: cell, cells: count, folder: path,
            steps: training.totalSteps, stepsPerEpoch: training.stepsPerEpoch,
            epochs: training.epochs, parameters: training.network.parameterCount)))
      var isWhole = try training.train()
      if isWhole, spec.measuresTest { isWhole = try training.measureTest() }
      if let path {
        let file = path + (isWhole ? "/final.safetensors" : "/interrupted.safetensors")
        try training.network.save(
          to: file, dataset: training.savedData,
          metadata: ["norma.step": "\(training.steps)"])
        if isWhole { weights = file }
      }
      if !isWhole {
        status = .interrupted
        tell(
          .interrupted(
            steps: training.steps, checkpoint: path.map { $0 + "/interrupted.safetensors" }))
      }
    } catch {
      // The folder is the user's, not the cell's: no other cell could be written either.
      if error.code == .io { throw error }
      status = .failed(error)
      tell(.error(count > 1 ? error.prefixed("cell \(cell.label)") : error))
    }
    let result = CellResult(
      cell: cell, status: status, measures: complete(run?.measures ?? [:]),
      steps: run?.steps ?? 0, weights: weights)
    tell(.done(result))
    folder?.flush()
    return result
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
  /// script on.
  private func newFolder(_ name: String) throws(NormaError) -> String {
    if let out = options.out {
      let trimmed = out.count > 1 && out.hasSuffix("/") ? String(out.dropLast()) : out
      let path = experiments > 1 ? "\(trimmed)-\(experiments)" : trimmed
      for file in ["run.json", "sweep.json", "events.jsonl"] where Folder.exists("\(path)/\(file)")
      {
        throw NormaError(
          .usage, "'\(path)' already holds a run", help: "choose another folder with --out")
      }
      try Folder.make(path)
      return path
    }
    var seconds = time(nil)
    var clock = tm()
    localtime_r(&seconds, &clock)
    let date = [clock.tm_year + 1900, clock.tm_mon + 1, clock.tm_mday].map(Self.twoDigits)
    let hour = [clock.tm_hour, clock.tm_min, clock.tm_sec].map(Self.twoDigits)
    let base = "runs/\(date.joined())-\(hour.joined())-\(Cell.slug(name))"
    var path = base
    var number = 2
    while Folder.exists(path) {
      path = "\(base)-\(number)"
      number += 1
    }
    try Folder.make(path)
    return path
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
