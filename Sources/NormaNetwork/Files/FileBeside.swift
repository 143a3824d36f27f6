import Foundation
import NormaCore

/// A file written beside its final path, synced, then renamed; removed when it is not finished.
final class FileBeside {
  private let path: String
  private let temporary: String
  private var descriptor: Int32

  init(_ path: String) throws(NormaError) {
    self.path = path
    temporary = path + ".\(getpid()).partial"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw failure("cannot be written") }
  }

  deinit {
    if descriptor >= 0 {
      close(descriptor)
      unlink(temporary)
    }
  }

  private func failure(_ what: String) -> NormaError {
    NormaError(
      .io, "'\(path)' \(what): \(String(cString: strerror(errno)))",
      help: "check that its folder exists, is writable and has room")
  }

  func write(_ values: [some BitwiseCopyable]) throws(NormaError) {
    guard values.withUnsafeBytes({ put($0) }) else { throw failure("cannot be written") }
  }

  /// Whether all bytes were written; if not, `errno` says why.
  private func put(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var done = 0
    while let base = bytes.baseAddress, done < bytes.count {
      let count = Foundation.write(descriptor, base + done, bytes.count - done)
      if count < 0 && errno != EINTR { return false }
      done += max(count, 0)
    }
    return true
  }

  func finish() throws(NormaError) {
    guard fsync(descriptor) == 0 else { throw failure("cannot be synced") }
    close(descriptor)
    descriptor = -1
    guard rename(temporary, path) == 0 else {
      let error = failure("cannot be renamed into place")
      unlink(temporary)
      throw error
    }
  }
}
