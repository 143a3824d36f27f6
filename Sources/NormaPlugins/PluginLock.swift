public import NormaCore
public import NormaNorms
import Foundation
import NormaSystem

/// The libraries that the user trusts, by the hash of their content: `norma.lock`.
///
/// A plugin runs with all rights of the process. The hash says which library it is, and that it is still
/// the one that was trusted; it keeps nothing in a cage.
public struct PluginLock: Sendable, Hashable, Codable {
  /// The environment variable that names another lock file, such as a project's.
  public static let variable = "NORMA_LOCK"

  /// The version of the format.
  private var format = 1
  /// The libraries, by id; where each was when it was trusted is for messages only.
  public private(set) var plugins: [PluginOrigin] = []

  private enum CodingKeys: String, CodingKey { case format, plugins }

  /// An empty one.
  public init() {}

  /// The entry of a library with this content.
  public func entry(of digest: Digest) -> PluginOrigin? {
    plugins.first { $0.sha256 == digest.hexadecimal }
  }

  /// The entry of the library that was trusted at a path.
  public func entry(at path: String) -> PluginOrigin? { plugins.first { $0.path == path } }

  /// Adds a library; what was trusted under its id or at its path before is no more.
  public mutating func trust(_ entry: PluginOrigin) {
    plugins.removeAll { $0.id == entry.id || $0.path == entry.path }
    plugins.append(entry)
    plugins.sort { ($0.id, $0.path) < ($1.id, $1.path) }
  }

  /// Takes out the libraries with this id or path; says how many there were.
  public mutating func forget(_ word: String) -> Int {
    let count = plugins.count
    plugins.removeAll { $0.id == word || $0.path == word }
    return count - plugins.count
  }

  // MARK: files

  /// The lock file's path: in `NORMA_LOCK`, else `norma/norma.lock` of `XDG_CONFIG_HOME` or `~/.config`.
  ///
  /// - Throws: `unavailable` when the environment names none of them.
  public static func path(_ environment: [String: String]) throws(NormaError) -> String {
    if let path = environment[variable], !path.isEmpty {
      guard path.hasPrefix("/") else {
        throw NormaError(
          .usage, "\(variable) is '\(path)', which is no absolute path",
          help: "write it from the root on, such as $PWD/norma.lock")
      }
      return path
    }
    if let folder = UserFolder.configuration.path(environment) { return folder + "/norma.lock" }
    throw NormaError(
      .unavailable, "there is no place for norma.lock: HOME is not set",
      help: "name the file in \(variable)")
  }

  /// Reads a lock file; a missing one trusts nothing.
  ///
  /// - Throws: `data` for what is no lock file, `unavailable` when others could have written it.
  public init(contentsOf path: String) throws(NormaError) {
    guard let file = Descriptor(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) else {
      guard errno == ENOENT else {
        throw NormaError(.io, "cannot read '\(path)': \(reason(errno))")
      }
      self.init()
      return
    }
    guard let status = file.status, status.st_mode & S_IFMT == S_IFREG,
      status.st_uid == geteuid() || status.st_uid == 0, status.st_mode & 0o022 == 0
    else {
      throw NormaError(
        .unavailable, "others may write '\(path)', so it says nothing of whom to trust",
        help: "chmod go-w '\(path)', or remove it and trust your plugins again")
    }
    guard let bytes = file.contents() else {
      throw NormaError(.io, "cannot read '\(path)': \(reason(errno))")
    }
    do throws(NormaError) {
      try self.init(parsing: bytes)
    } catch {
      throw error.prefixed("'\(path)'")
    }
  }

  /// Reads the text of a lock file.
  ///
  /// - Throws: `data` with what is wrong.
  public init(parsing bytes: [UInt8]) throws(NormaError) {
    let help = "remove it and trust your plugins again: norma plugins trust LIBRARY"
    do {
      self = try JSONDecoder().decode(PluginLock.self, from: Data(bytes))
    } catch {
      throw NormaError(.data, "it is no lock file of Norma", help: help, underlying: error)
    }
    guard format == 1 else {
      throw NormaError(
        .data, "it has format \(format), and this Norma reads format 1", help: "update Norma")
    }
    for entry in plugins {
      guard entry.sha256.utf8.count == 64,
        entry.sha256.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
      else {
        throw NormaError(
          .data, "the sha256 of '\(entry.id)' is '\(entry.sha256)', not 64 hexadecimal digits",
          help: help)
      }
    }
  }

  /// Writes the file for this user alone, whole or not at all; makes its folder.
  ///
  /// - Throws: `io`.
  public func write(to path: String) throws(NormaError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      let folder = (path as NSString).deletingLastPathComponent
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
      let data = try encoder.encode(self) + Data("\n".utf8)
      let beside = path + ".\(getpid()).part"
      guard
        FileManager.default.createFile(
          atPath: beside, contents: data, attributes: [.posixPermissions: 0o600])
      else { throw NormaError(.io, reason(errno)) }
      guard rename(beside, path) == 0 else {
        let number = errno
        unlink(beside)
        throw NormaError(.io, reason(number))
      }
    } catch let error as NormaError {
      throw error.prefixed("cannot write '\(path)'")
    } catch {
      throw NormaError(.io, "cannot write '\(path)'", underlying: error)
    }
  }
}
