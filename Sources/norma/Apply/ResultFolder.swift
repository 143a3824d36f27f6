import Foundation
import NormaCore
import NormaData

/// An array that goes to a file.
struct ResultArray {
  /// The file's name without its extension.
  let name: String
  let shape: [Int]
  let values: [Float]
}

/// The folder that arrays are written to.
struct ResultFolder {
  private let folder: String

  /// Makes the folder if absent.
  ///
  /// - Throws: `io` naming the folder and the reason.
  init(_ folder: String) throws(NormaError) {
    guard !folder.isEmpty else {
      throw NormaError(.usage, "--out is empty", help: "name a folder, such as --out out")
    }
    self.folder = folder
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    } catch {
      let system = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
      throw refusal(system.map { String(cString: strerror(Int32($0.code))) } ?? "it is a file")
    }
    guard access(folder, W_OK | X_OK) == 0 else {
      throw refusal(String(cString: strerror(errno)))
    }
  }

  func path(of array: ResultArray) -> String {
    (folder.hasSuffix("/") ? folder : folder + "/") + array.name + ".npy"
  }

  /// Throws `usage` when an array would take the place of a file that was read.
  func require(_ array: ResultArray, apartFrom files: [String]) throws(NormaError) {
    func identity(_ path: String) -> [UInt64]? {
      var found = stat()
      return stat(path, &found) == 0 ? [UInt64(found.st_dev), UInt64(found.st_ino)] : nil
    }
    let path = path(of: array)
    guard let own = identity(path), let file = files.first(where: { identity($0) == own }) else {
      return
    }
    throw NormaError(
      .usage, "'\(path)' would take the place of '\(file)', which was read",
      help: "choose another folder with --out; nothing was written")
  }

  /// Writes an array as float32.
  func write(_ array: ResultArray) throws(NormaError) {
    try NPY.write(array.values, shape: array.shape, to: path(of: array))
  }

  private func refusal(_ reason: String) -> NormaError {
    NormaError(
      .io, "cannot write to the folder '\(folder)': \(reason)",
      help: "choose an --out that is a folder you may write to, or that does not exist yet")
  }
}
