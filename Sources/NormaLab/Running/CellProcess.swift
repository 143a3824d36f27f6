import Foundation
public import NormaCore

/// A cell to be run by a process of its own: which of a script's experiments, which cell, and the folders of
/// the experiments so far.
public struct CellTask: Sendable, Codable {
  /// The experiment, counted from 1 in the order of the script.
  public let experiment: Int
  /// The cell, from 0.
  public let cell: Int
  /// The folders of the experiments up to this one.
  public let folders: [String]
}

/// A process that runs one cell.
public protocol CellProcess: AnyObject {
  /// Whether it has ended.
  var hasEnded: Bool { get }
  /// Asks it to stop at its next step, with a checkpoint.
  func stop()
  /// Why it ended, once it has and left no result; `io` when it could not write.
  var failure: NormaError { get }
}

/// How far the cells of a sweep are that run side by side.
public struct SweepProgress: Sendable {
  /// A cell at work.
  public struct Running: Sendable {
    /// The cell.
    public let cell: Cell
    /// Steps done.
    public let steps: Int
    /// Steps of the whole run; 0 while that is not known.
    public let totalSteps: Int
    /// The mean loss of its latest steps.
    public let loss: Double?
  }

  /// The cells at work.
  public let running: [Running]
  /// Cells that are done.
  public let done: Int
  /// All cells.
  public let cells: Int
}

extension Lab {
  /// Runs cells in processes of their own, several at a time; the folder is what they have in common.
  func runBeside(
    _ sweep: Sweep, _ results: inout [Int: CellResult], until end: ContinuousClock.Instant?
  ) throws(NormaError) {
    var running: [Watched] = []
    do throws(NormaError) {
      try runBeside(sweep, &results, &running, until: end)
    } catch {
      // The others keep what they have.
      for watched in running { watched.process.stop() }
      let limit = ContinuousClock.now + .seconds(20)
      while running.contains(where: { !$0.process.hasEnded }), ContinuousClock.now < limit {
        usleep(20_000)
      }
      throw error
    }
  }

  private func runBeside(
    _ sweep: Sweep, _ results: inout [Int: CellResult], _ running: inout [Watched],
    until end: ContinuousClock.Instant?
  ) throws(NormaError) {
    guard let start = options.startCell else { return }
    var waiting = sweep.cells.filter { results[$0.index] == nil }[...]
    var isStopping = false
    while !running.isEmpty || !(waiting.isEmpty || isStopping) {
      let isOver = end.map { ContinuousClock.now >= $0 } ?? false
      if !isStopping, options.isInterrupted() || isOver {
        isStopping = true
        for watched in running { watched.process.stop() }
      }
      while !isStopping, running.count < options.jobs, let cell = waiting.popFirst() {
        guard let path = sweep.folder(of: cell) else { continue }
        let task = CellTask(experiment: experiments, cell: cell.index, folders: folders)
        let process = try start(task)
        running.append(Watched(cell, path, process: process))
      }
      for (place, watched) in running.enumerated().reversed() where watched.process.hasEnded {
        running.remove(at: place)
        if let result = try result(of: watched, sweep, isStopping) {
          results[watched.cell.index] = result
          options.observer(.found(result))
          try sweep.write(results, self)
        }
      }
      options.observer(
        .sweep(
          SweepProgress(
            running: running.map(\.progress), done: results.count, cells: sweep.cells.count)))
      if !running.isEmpty { usleep(20_000) }
    }
    if options.isInterrupted() {
      try sweep.write(results, self, atOnce: true)
      throw NormaError(
        .interrupted, "interrupted after \(results.count) of \(sweep.cells.count) cells",
        help: sweep.folder.map { "--resume --out \($0) goes on from there" })
    }
    for cell in waiting { results[cell.index] = CellResult(cell: cell, status: .outOfTime) }
  }

  /// What a process left of its cell; nil when it was stopped on its way.
  private func result(
    of watched: Watched, _ sweep: Sweep, _ isStopping: Bool
  ) throws(NormaError) -> CellResult? {
    if SavedRun.exists(in: watched.folder), let end = try SavedRun(watched.folder).end,
      end["status"] != "out_of_time"
    {
      return CellResult(watched.cell, end: end, folder: watched.folder)
    }
    if isStopping {
      return options.isInterrupted() ? nil : CellResult(cell: watched.cell, status: .outOfTime)
    }
    let error = watched.process.failure
    // The folder is the user's, not the cell's: no other cell could be written either.
    if error.code == .io { throw error }
    options.observer(.error(error.prefixed("cell \(watched.cell.label)")))
    return CellResult(cell: watched.cell, status: .failed(error))
  }
}

/// A process at work on a cell, and what its folder says of it.
private final class Watched {
  let cell: Cell
  let folder: String
  let process: any CellProcess
  private var looked = ContinuousClock.now
  private var step: (done: Int, loss: Double?) = (0, nil)
  private var total = 0

  init(_ cell: Cell, _ folder: String, process: any CellProcess) {
    self.cell = cell
    self.folder = folder
    self.process = process
  }

  /// How far it is, looked up twice a second.
  var progress: SweepProgress.Running {
    if looked.duration(to: .now) > .milliseconds(500) {
      looked = .now
      let path = folder + "/events.jsonl"
      if total == 0 {
        total = Folder.lines(path, first: true).first?["steps"].count ?? 0
      }
      if let latest = Folder.lines(path, first: false).last(where: { $0["type"] == "step" }) {
        step = (latest["step"].count ?? 0, latest["loss"].double)
      }
    }
    return SweepProgress.Running(
      cell: cell, steps: step.done, totalSteps: total, loss: step.loss)
  }
}
