import Dispatch
package import NormaCore
import Synchronization

/// One text that a session was asked for. What it holds is decided by the session's next `settle`, and
/// never changes after.
package final class NativeUnit: Sendable {
  /// The name of its machine code; nil when nothing can be compiled here.
  package let key: Digest?
  private let decided: Mutex<NativeLibrary?> = Mutex(nil)

  init(key: Digest?) {
    self.key = key
  }

  /// The machine code, when it was ready in time.
  package var library: NativeLibrary? { decided.withLock { $0 } }

  func decide(_ library: NativeLibrary?) {
    decided.withLock { $0 = library }
  }
}

/// The work of getting one text's library, shared by all units of that text.
final class NativeJob: Sendable {
  let key: Digest
  let text: String
  private let finished = DispatchGroup()
  private let result: Mutex<NativeLibrary?> = Mutex(nil)

  init(key: Digest, text: String) {
    self.key = key
    self.text = text
    finished.enter()
  }

  /// Ends the work; called once.
  func finish(_ library: NativeLibrary?) {
    result.withLock { $0 = library }
    finished.leave()
  }

  /// Waits for the end; whether it came by the deadline, and the library unless that failed.
  func wait(until deadline: DispatchTime) -> (isFinished: Bool, library: NativeLibrary?) {
    guard finished.wait(timeout: deadline) == .success else { return (false, nil) }
    return (true, result.withLock { $0 })
  }
}
