import NormaCore
import NormaData

/// An experiment being run: its cells, its data and where it is kept.
final class Sweep {
  let spec: ExperimentSpec
  let cells: [Cell]
  let splits: DataSplits
  /// nil when nothing is written.
  let folder: String?
  /// When the report was written last, and how long that took.
  private var reported: (at: ContinuousClock.Instant, took: Duration)?

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

  /// Writes the index of the cells that are done, and the report where it is due.
  func write(_ results: [Int: CellResult], _ lab: Lab) throws(NormaError) {
    guard let folder, cells.count > 1 else { return }
    let done = cells.compactMap { results[$0.index] }
    try Folder.write(
      lab.sweepJSON(spec, cells, done).indented(depth: 3), to: folder + "/sweep.json")
    guard let report = lab.options.report, !done.isEmpty else { return }
    let isLast = done.count == cells.count
    let start = ContinuousClock.now
    // A page that takes long is rewritten less often, so that it costs one part in twenty at most.
    if let reported, !isLast, start < reported.at + reported.took * 20 { return }
    try report(folder, folder + "/report.html", isLast ? nil : cells.count)
    reported = (.now, .now - start)
  }
}
