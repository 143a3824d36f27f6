import Glibc
package import NormaCore
import NormaSystem

/// Compiled libraries in a private folder, each under the hash of all that made it.
///
/// Any number of processes may share it: files appear whole, under their final name, or not at all.
package final class NativeCache: Sendable {
  /// The environment variable that names the folder.
  package static let variable = "NORMA_CACHE"
  /// Appends bytes to an open file as `write` does: the count, or -1 with `errno`.
  package typealias Writer = @Sendable (Int32, UnsafeRawPointer?, Int) -> Int

  /// What looking for a key gave.
  package enum Finding {
    /// The library's bytes, verified.
    case library([UInt8])
    /// There is no such entry.
    case missing
    /// The entry was cut off or altered, and has been removed.
    case damaged
  }

  /// The folder.
  package let path: String
  private let folder: Folder
  private let byteLimit: Int
  private let write: Writer

  /// Opens the cache of the user: in `NORMA_CACHE`, else in `norma/native` of `XDG_CACHE_HOME`, else of
  /// `~/.cache`.
  ///
  /// - Throws: as `init(path:)`; `unavailable` when the environment names none of them.
  package convenience init(environment: [String: String]) throws(NormaError) {
    if let path = environment[Self.variable], !path.isEmpty {
      try self.init(path: path)
    } else if let base = UserFolder.cache.path(environment) {
      try self.init(path: base + "/native")
    } else {
      throw NormaError(
        .unavailable, "there is no folder for compiled kernels: HOME is not set",
        help: "name a folder in \(Self.variable)")
    }
  }

  /// Opens the folder, made for this user alone when it is missing; `byteLimit` bounds all its files.
  ///
  /// - Throws: `io` when it cannot be made or opened, `unavailable` when others could put code there.
  package init(
    path: String, byteLimit: Int = 256 << 20, write: @escaping Writer = { Glibc.write($0, $1, $2) }
  ) throws(NormaError) {
    Self.make(path)
    guard let folder = Folder(path), let status = folder.status else {
      let number = errno
      var link = stat()
      if lstat(path, &link) == 0, link.st_mode & S_IFMT == S_IFLNK {
        throw Self.refusal(.unavailable, path, "it is a symbolic link")
      }
      throw Self.refusal(.io, path, reason(number))
    }
    guard status.st_uid == geteuid() else {
      throw Self.refusal(.unavailable, path, "it belongs to another user")
    }
    guard status.st_mode & 0o022 == 0 else {
      throw Self.refusal(.unavailable, path, "others may write in it")
    }
    self.path = path
    self.folder = folder
    self.byteLimit = byteLimit
    self.write = write
  }

  /// Looks for the library of a key, and counts as its use.
  ///
  /// - Throws: `unavailable` when it cannot be hashed.
  package func library(for key: Digest) throws(NormaError) -> Finding {
    let name = key.hexadecimal + ".so"
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
    guard let file = Descriptor(openat(folder.number, name, flags)) else { return .missing }
    if let bytes = file.contents(), let library = try CacheEntry.library(in: bytes, key: key) {
      futimens(file.number, nil)
      return .library(library)
    }
    folder.remove(name)
    return .damaged
  }

  /// Keeps a library under its key, then removes what was used longest ago until all fits the limit.
  ///
  /// - Throws: `io` when it cannot be written.
  package func store(_ library: [UInt8], for key: Digest) throws(NormaError) {
    let bytes = try CacheEntry.file(of: library, key: key)
    let random = UInt64.random(in: .min ... .max)
    let temporary = "\(key.hexadecimal).\(String(random, radix: 16)).part"
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    guard let file = Descriptor(openat(folder.number, temporary, flags, 0o600)) else {
      throw writeFailure()
    }
    guard append(bytes, to: file), fsync(file.number) == 0,
      renameat(folder.number, temporary, folder.number, key.hexadecimal + ".so") == 0
    else {
      let failure = writeFailure()
      folder.remove(temporary)
      throw failure
    }
    trim()
  }

  private func append(_ bytes: [UInt8], to file: borrowing Descriptor) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        write(file.number, $0.baseAddress?.advanced(by: done), $0.count - done)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }

  /// Brings the folder below its limit, and clears what a killed process was writing.
  private func trim() {
    var entries: [(name: String, size: Int, used: Int)] = []
    for name in folder.names() {
      guard let status = folder.status(of: name) else { continue }
      if name.hasSuffix(".so") {
        entries.append((name, Int(status.st_size), status.modified))
      } else if name.hasSuffix(".part"), status.isStale {
        folder.remove(name)
      }
    }
    var total = entries.reduce(0) { $0 + $1.size }
    for entry in entries.sorted(by: { $0.used < $1.used }) where total > byteLimit {
      folder.remove(entry.name)
      total -= entry.size
    }
  }

  /// Makes the folder and those above it; whether that worked shows when it is opened.
  private static func make(_ path: String) {
    guard mkdir(path, 0o700) != 0, errno == ENOENT else { return }
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
    make(String(path[..<slash]))
    mkdir(path, 0o700)
  }

  private func writeFailure() -> NormaError {
    NormaError(
      .io, "compiled kernels cannot be kept in '\(path)': \(reason(errno))",
      help: "make it writable with some space left, or name another folder in \(Self.variable)")
  }

  private static func refusal(
    _ code: NormaError.Code, _ path: String, _ why: String
  ) -> NormaError {
    NormaError(
      code, "compiled kernels cannot be kept in '\(path)': \(why)",
      help: "name a folder in \(variable) that is yours alone (mode 0700)")
  }
}
