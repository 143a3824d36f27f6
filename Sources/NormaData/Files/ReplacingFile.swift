internal import Foundation
internal import NormaCore

/// A file written beside its final place, synced, then renamed over it.
struct ReplacingFile: ~Copyable {
  private let path: String
  private let temporary: String
  private let descriptor: Int32

  /// Starts writing; throws `io` when the folder does not exist or cannot be written.
  init(_ path: String) throws(NormaError) {
    let temporary = "\(path).\(getpid()).part"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { throw ReplacingFile.failure(path) }
    self.path = path
    self.temporary = temporary
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
    // After a commit the name is gone and this does nothing.
    unlink(temporary)
  }

  /// Appends the values as they lie in memory.
  func write<Element: BitwiseCopyable>(_ values: [Element]) throws(NormaError) {
    let isComplete = values.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let part = UnsafeRawBufferPointer(rebasing: rest)
        let written = Foundation.write(descriptor, part.baseAddress, part.count)
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { return false }
        rest = rest.dropFirst(written)
      }
      return true
    }
    guard isComplete else { throw ReplacingFile.failure(path) }
  }

  /// Syncs and gives the file its name.
  consuming func commit() throws(NormaError) {
    guard fsync(descriptor) == 0, rename(temporary, path) == 0 else {
      throw ReplacingFile.failure(path)
    }
  }

  private static func failure(_ path: String) -> NormaError {
    NormaError(
      .io, "cannot write '\(path)': \(String(cString: strerror(errno)))",
      help: "check that the folder exists and may be written, and that the disk is not full")
  }
}
