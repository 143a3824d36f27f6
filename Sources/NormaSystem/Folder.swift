package import Glibc

/// An open file or folder, closed with its owner.
package struct Descriptor: ~Copyable, Sendable {
  package let number: Int32

  /// Takes over what `open` returned; nil when that failed.
  package init?(_ number: Int32) {
    guard number >= 0 else { return nil }
    self.number = number
  }

  deinit { close(number) }

  /// Its owner, mode, size and times.
  package var status: stat? {
    var status = stat()
    return fstat(number, &status) == 0 ? status : nil
  }

  /// What it holds from here to its end; nil when reading fails.
  package func contents() -> [UInt8]? {
    var bytes: [UInt8] = []
    var isWhole = false
    repeat {
      let start = bytes.count
      let room = max(1 << 16, start)
      bytes += [UInt8](repeating: 0, count: room)
      let count = bytes.withUnsafeMutableBytes {
        read(number, $0.baseAddress?.advanced(by: start), room)
      }
      if count < 0, errno != EINTR { return nil }
      bytes.removeLast(room - max(count, 0))
      isWhole = count == 0
    } while !isWhole
    return bytes
  }
}

/// A folder held open, so that what was checked is what is used.
package struct Folder: ~Copyable, Sendable {
  private let descriptor: Descriptor

  /// Opens the folder, which must not be a symbolic link; nil with `errno` otherwise.
  package init?(_ path: String) {
    guard let descriptor = Descriptor(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
    else { return nil }
    self.descriptor = descriptor
  }

  /// Its number, for the calls that take a name within a folder.
  package var number: Int32 { descriptor.number }

  /// Its owner and mode.
  package var status: stat? { descriptor.status }

  /// The names in it, without `.` and `..`.
  package func names() -> [String] {
    let copy = openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { return [] }
    guard let stream = fdopendir(copy) else {
      close(copy)
      return []
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Owner, size and times of a name in it, not following a symbolic link.
  package func status(of name: String) -> stat? {
    var status = stat()
    return fstatat(number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status : nil
  }

  /// Removes a file of it.
  package func remove(_ name: String) {
    unlinkat(number, name, 0)
  }
}

extension stat {
  /// When the content last changed, in nanoseconds since 1970.
  package var modified: Int { Int(st_mtim.tv_sec) * 1_000_000_000 + Int(st_mtim.tv_nsec) }

  /// Whether it is a folder.
  package var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }

  /// Whether it has not changed for an hour: what wrote it is gone.
  package var isStale: Bool { Int(time(nil)) - Int(st_mtim.tv_sec) > 3600 }
}

/// The system's words for an error number.
package func reason(_ number: Int32) -> String { String(cString: strerror(number)) }
