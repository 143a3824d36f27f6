import CSystem
import Glibc
package import NormaCore

/// A program run to its end, or to the end of its time.
package struct ChildProcess {
  /// How it ended.
  package enum Ending: Equatable {
    case exited(Int32)
    case signalled(Int32)
    case timedOut
  }

  package let ending: Ending
  /// The first of what it printed, on both streams.
  package let output: String

  /// Runs the program at `path`; all that it started has ended when this returns.
  ///
  /// - Parameter bytes: how much is kept of what it prints.
  /// - Throws: `unavailable` when it cannot be started.
  package init(
    _ path: String, _ arguments: [String], environment: [String: String],
    input: borrowing SealedMemory, within limit: Duration, keeping bytes: Int = 1 << 14
  ) throws(NormaError) {
    let deadline = ContinuousClock.now + limit
    let child = try RunningChild(
      path, arguments, environment: environment, input: input.number, keeping: bytes)
    var isLate = false
    while !child.hasEnded, !isLate {
      // A grandchild may keep the stream open, so its end alone does not tell.
      child.read(waiting: 50)
      isLate = ContinuousClock.now >= deadline
    }
    let how = child.end()
    ending = isLate ? .timedOut : how
    output = child.printed
  }
}

/// This process, as one that another started.
package enum StartedProcess {
  /// The environment variable in which a child finds the number of the process that started it.
  static let parentVariable = "NORMA_PARENT_PROCESS"

  /// Lets it end with the process that started it, and after so many seconds at the latest, where a limit
  /// is given.
  package static func endWithParent(after seconds: Double? = nil) {
    let parent = getenv(parentVariable).flatMap { pid_t(String(cString: $0)) } ?? getppid()
    norma_end_with_parent(parent, seconds.map { UInt32(min(max($0.rounded(.up), 1), 1e6)) } ?? 0)
  }
}
