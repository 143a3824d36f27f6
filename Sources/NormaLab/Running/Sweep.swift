import NormaCore
import NormaData

/// An experiment being run: its cells, its data and where it is kept.
struct Sweep {
  let spec: ExperimentSpec
  let cells: [Cell]
  let splits: DataSplits
  /// nil when nothing is written.
  let folder: String?

  /// The folder of a cell: the experiment's own where there is but one.
  func folder(of cell: Cell) -> String? {
    folder.map { cells.count > 1 ? "\($0)/\(cell.folderName(of: cells.count))" : $0 }
  }

  /// Writes the index of the cells that are done.
  func write(_ results: [Int: CellResult], _ lab: Lab) throws(NormaError) {
    guard let folder, cells.count > 1 else { return }
    let done = cells.compactMap { results[$0.index] }
    try Folder.write(
      lab.sweepJSON(spec, cells, done).indented(depth: 3), to: folder + "/sweep.json")
  }
}
