import Foundation
import NormaCore

/// A file or folder that comes with Norma: in a checkout, or installed in `share/norma`.
struct InstalledFile {
  /// Where it lies in a checkout.
  let checkout: String
  /// Where it lies in `share/norma`.
  let shared: String

  /// The plugin interface.
  static let header = InstalledFile(
    checkout: "Sources/CNormaABI/include/norma_plugin.h", shared: "norma_plugin.h")

  /// What is the same in all packages for PyTorch.
  static let torch = InstalledFile(
    checkout: "Sources/NormaExport/Templates/torch", shared: "torch")

  /// Its path.
  ///
  /// - Throws: `unavailable` where it is not beside this program.
  func path() throws(NormaError) -> String {
    guard let path = NormSearch.besideProgram([checkout, "share/norma/" + shared]) else {
      throw NormaError(
        .unavailable, "'\(checkout)' is not beside this program",
        help: "run it from a checkout, or from where it was installed")
    }
    return path
  }

  /// The folder it lies in.
  static func folder(of file: InstalledFile) throws(NormaError) -> String {
    (try file.path() as NSString).deletingLastPathComponent
  }
}
