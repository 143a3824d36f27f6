import NormaCore
import NormaData

/// An experiment being run: its cells, its data and where it is kept.
final class Sweep {
  let spec: ExperimentSpec
  let cells: [Cell]
  let splits: DataSplits
  /// nil when nothing is written.
  let folder: String?
  /// How many cells were written last, when, and how long that took.
  private var written: (cells: Int, at: ContinuousClock.Instant, took: Duration)?

  init(spec: ExperimentSpec, cells: [Cell], splits: DataSplits, folder: String?) {
    self.spec = spec
    self.cells = cells
    self.splits = splits
    self.folder = folder
  }

  /// The folder of a cell: the experiment's own where there is but one.
  func folder(of cell: Cell) -> String? {
    folder.map { cells.count > 1 ? "\($0)/\(cell.folderName(of: cells.count))" : $0 }
  }

  /// Writes the index of the cells that are done, and their report.
  ///
  /// - Parameter atOnce: whether also soon after the last time, since nothing comes after.
  func write(
    _ results: [Int: CellResult], _ lab: Lab, atOnce: Bool = false
  ) throws(NormaError) {
    guard let folder, cells.count > 1 else { return }
    let done = cells.compactMap { results[$0.index] }
    let start = ContinuousClock.now
    // What takes long is rewritten less often, so that it costs one part in twenty at most.
    if let written {
      let isSoon = start < written.at + written.took * 20
      if done.count == written.cells || (isSoon && !atOnce && done.count < cells.count) { return }
    }
    try Folder.write(
      lab.sweepJSON(spec, cells, done).indented(depth: 3), to: folder + "/sweep.json")
    // Training does not end for a page that can be written again.
    do throws(NormaError) {
      if let report = lab.options.report, !done.isEmpty {
        try report(folder, done.compactMap { name($0) }, folder + "/report.html")
      }
    } catch {
      lab.options.observer(.warning("report.html: \(error.message)"))
    }
    written = (done.count, .now, .now - start)
  }

  /// The name of a cell's folder, where it left one.
  private func name(_ result: CellResult) -> String? {
    let name = result.cell.folderName(of: cells.count)
    return folder.flatMap { SavedRun.exists(in: "\($0)/\(name)") ? name : nil }
  }
}
