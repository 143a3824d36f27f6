import Foundation
public import NormaCore
import NormaNetwork

extension CellResult {
  /// Copies the final weights into the experiment's folder under `name`; returns where they are.
  ///
  /// - Throws: `script` for a name that leads out of the folder; `io` when it cannot be written.
  public func save(as name: String, in folder: String) throws(NormaError) -> String {
    guard !name.isEmpty, !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
      throw NormaError(
        .script, "save: '\(name)' leads out of the run's folder",
        help: "give a name such as best.safetensors; it goes to \(folder)")
    }
    guard let weights else {
      throw NormaError(.script, "save: this cell has no weights to save")
    }
    let path = folder + "/" + name
    try Folder.make((path as NSString).deletingLastPathComponent)
    try SafeTensors(contentsOf: weights).write(to: path)
    return path
  }
}
