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
    var environment = environment
    environment[StartedProcess.parentVariable] = "\(getpid())"
    let settings = environment.map { "\($0.key)=\($0.value)" }
    let source = input.number
    var printed: Int32 = -1
    let started = withCStrings([path] + arguments) { arguments in
      withCStrings(settings) { settings in
        ExitCleanup.start { norma_start(path, arguments, settings, source, &$0, &printed) }
      }
    }
    guard case .success(let process) = started, let output = Descriptor(printed) else {
      var why = ""
      if case .failure(let error) = started { why = reason(error.number) }
      throw NormaError(.unavailable, "'\(path)' cannot be started: \(why)")
    }
    var text: [UInt8] = []
    var isOpen = true
    var isLate = false
    while !Self.hasEnded(process), !isLate {
      // A grandchild may keep the stream open, so its end alone does not tell.
      if isOpen {
        isOpen = Self.read(output, into: &text, keeping: bytes, waiting: 50)
      } else {
        usleep(500)
      }
      isLate = ContinuousClock.now >= deadline
    }
    while isOpen, Self.isReadable(output, waiting: 0) {
      isOpen = Self.read(output, into: &text, keeping: bytes, waiting: 0)
    }
    let status = ExitCleanup.end(process)
    self.output = String(decoding: text.prefix(bytes), as: UTF8.self)
    if isLate {
      ending = .timedOut
    } else {
      ending = status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
    }
  }

  private static func hasEnded(_ process: pid_t) -> Bool {
    var information = siginfo_t()
    // Left as it is for whoever reaps it.
    let result = waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT)
    return result != 0 && errno != EINTR || information.si_signo != 0
  }

  private static func isReadable(_ output: borrowing Descriptor, waiting milliseconds: Int32)
    -> Bool
  {
    var request = pollfd(fd: output.number, events: Int16(POLLIN), revents: 0)
    return poll(&request, 1, milliseconds) > 0
  }

  /// Reads what is there; false at the end of the stream.
  private static func read(
    _ output: borrowing Descriptor, into text: inout [UInt8], keeping bytes: Int,
    waiting milliseconds: Int32
  ) -> Bool {
    guard isReadable(output, waiting: milliseconds) else { return true }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(output.number, &buffer, buffer.count)
    if count > 0, text.count < bytes { text += buffer.prefix(count) }
    return count > 0 || count < 0 && errno == EINTR
  }
}

/// This process, as one that another started.
package enum StartedProcess {
  /// The environment variable in which a child finds the number of the process that started it.
  static let parentVariable = "NORMA_PARENT_PROCESS"

  /// Lets it end with the process that started it, and after so many seconds at the latest.
  package static func endWithParent(after seconds: Double) {
    let parent = getenv(parentVariable).flatMap { pid_t(String(cString: $0)) } ?? getppid()
    norma_end_with_parent(parent, UInt32(min(max(seconds.rounded(.up), 1), 1e6)))
  }
}

/// Calls `body` with the strings as C has them: pointers, and a null after the last.
private func withCStrings<Result>(
  _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
  let copies = strings.map { strdup($0) }
  defer { for copy in copies { free(copy) } }
  return body(copies + [nil])
}
