import Foundation
import NormaCore
import NormaSystem

/// A library as it was read: what is hashed, checked and loaded are the same bytes, whatever becomes of the
/// file.
struct PluginFile: Sendable {
  /// The real path, without links.
  let path: String
  let bytes: [UInt8]
  let digest: Digest

  /// Reads a library that the user named.
  ///
  /// - Throws: `input_missing` when there is none; `unavailable` when others could have written it.
  init(_ given: String) throws(NormaError) {
    guard let real = realpath(given, nil) else {
      throw NormaError(
        .inputMissing, "there is no such file", help: "check the path of the library")
    }
    defer { free(real) }
    try self.init(real: String(cString: real))
  }

  /// Reads a library found in a folder, given by its real path.
  ///
  /// - Throws: as `init(_:)`; `unavailable` for a link that leads out of the folder.
  init(_ name: String, in folder: String) throws(NormaError) {
    guard let real = realpath(folder + "/" + name, nil) else {
      throw NormaError(
        .inputMissing, "it is a symbolic link to nothing", help: "remove it, or mend the link")
    }
    defer { free(real) }
    let path = String(cString: real)
    guard (path as NSString).deletingLastPathComponent == folder else {
      throw NormaError(
        .unavailable, "it is a symbolic link out of its folder, to \(path)",
        help: "put the library itself there, or name its own folder")
    }
    try self.init(real: path)
  }

  private init(real path: String) throws(NormaError) {
    try Self.requireOthersOut(path)
    guard let file = Descriptor(open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)),
      let status = file.status
    else {
      throw NormaError(
        .unavailable, "it cannot be read: \(reason(errno))",
        help: "check the permissions of the file")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw NormaError(
        .unavailable, status.isFolder ? "it is a folder" : "it is no regular file",
        help: "name the library itself, or list the folder in \(PluginLoader.searchPathVariable)")
    }
    try Self.require(status, path)
    guard let bytes = file.contents() else {
      throw NormaError(.unavailable, "it cannot be read: \(reason(errno))")
    }
    self.path = path
    self.bytes = bytes
    digest = try Digest(of: bytes)
  }

  /// Throws `unavailable` when somebody else could replace the file: it, or a folder above it, belongs to
  /// another user or may be written by others.
  private static func requireOthersOut(_ path: String) throws(NormaError) {
    var folder = (path as NSString).deletingLastPathComponent
    while true {
      var status = stat()
      guard lstat(folder, &status) == 0 else {
        throw NormaError(.unavailable, "'\(folder)' cannot be read: \(reason(errno))")
      }
      try require(status, folder)
      if folder == "/" || folder.isEmpty { return }
      folder = (folder as NSString).deletingLastPathComponent
    }
  }

  private static func require(_ status: stat, _ path: String) throws(NormaError) {
    guard status.st_uid == 0 || status.st_uid == geteuid() else {
      throw NormaError(
        .unavailable, "'\(path)' belongs to user \(status.st_uid), who could put other code there",
        help: "copy the library to a folder of your own")
    }
    // In a sticky folder, such as /tmp, others cannot replace what is not theirs.
    let isSticky = status.isFolder && status.st_mode & S_ISVTX != 0
    guard status.st_mode & 0o022 == 0 || isSticky else {
      throw NormaError(
        .unavailable, "others may write '\(path)' and put other code there",
        help: "chmod go-w '\(path)'")
    }
  }
}
