import Glibc
package import NormaCore

/// A private folder for one compilation, removed with its owner.
package struct ScratchFolder: ~Copyable {
  package let path: String
  private static let prefix = "norma-native-"
  /// Room for the object file and the library of one plan, many times over.
  private static let leastFree: UInt = 32 << 20

  /// Makes the folder where temporary files go (`TMPDIR`, `/tmp`), or in memory when there is no room.
  ///
  /// - Throws: `io` when no place can be written.
  package init(environment: [String: String]) throws(NormaError) {
    let places = Self.places(environment)
    for place in places {
      var space = statvfs()
      guard statvfs(place, &space) == 0, space.f_bavail * space.f_frsize >= Self.leastFree else {
        continue
      }
      var template = Array("\(place)/\(Self.prefix)XXXXXX".utf8CString)
      guard mkdtemp(&template) != nil else { continue }
      path = template.withUnsafeBufferPointer {
        String(decoding: $0.dropLast().map(UInt8.init), as: UTF8.self)
      }
      ExitCleanup.add(folder: path)
      return
    }
    throw NormaError(
      .io, "no room for temporary files in \(places.joined(separator: ", "))",
      help: "free some space there, or name another folder in TMPDIR")
  }

  deinit {
    Self.remove(path)
    ExitCleanup.remove(folder: path)
  }

  private static func places(_ environment: [String: String]) -> [String] {
    var places = ["/tmp", "/dev/shm"]
    if let chosen = environment["TMPDIR"], chosen.hasPrefix("/") { places.insert(chosen, at: 0) }
    return places
  }

  /// Removes what processes that were killed left behind over an hour ago.
  package static func removeStale(environment: [String: String]) {
    for place in places(environment) {
      guard let folder = Folder(place) else { continue }
      for name in folder.names() where name.hasPrefix(prefix) {
        guard let status = folder.status(of: name), status.isFolder, status.isStale,
          status.st_uid == geteuid()
        else { continue }
        remove("\(place)/\(name)")
      }
    }
  }

  /// Removes a folder and all in it.
  package static func remove(_ path: String) {
    if let folder = Folder(path) {
      for name in folder.names() {
        if folder.status(of: name)?.isFolder == true {
          remove("\(path)/\(name)")
        } else {
          folder.remove(name)
        }
      }
    }
    rmdir(path)
  }
}
