public import NormaCore
import NormaNetwork

extension CellResult {
  /// Copies the final weights into the experiment's folder under `name`; returns where they are.
  ///
  /// - Throws: `script` for a name that leads out of the folder; `io` when it cannot be written.
  public func save(as name: String, in folder: String) throws(NormaError) -> String {
    let path = try Folder.place(name, in: folder, for: "save", such: "best.safetensors")
    guard let weights else {
      throw NormaError(
        .script, "save: this cell has no weights to save",
        help: "they are made again where its folder is deleted and the script run with --resume")
    }
    try SafeTensors(contentsOf: weights).write(to: path)
    return path
  }
}
