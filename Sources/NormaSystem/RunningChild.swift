import CSystem
import Glibc
package import NormaCore

/// A program that was started and goes on beside this one, in a process group of its own.
package final class RunningChild {
  private let process: pid_t
  private let output: Descriptor
  private var text: [UInt8] = []
  private let limit: Int
  private var isOpen = true
  private var status: Int32?

  /// Starts the program at `path`; it ends with this process at the latest.
  ///
  /// - Parameters:
  ///   - input: what it reads; -1 for nothing.
  ///   - bytes: how much is kept of what it prints on both streams.
  /// - Throws: `unavailable` when it cannot be started.
  package init(
    _ path: String, _ arguments: [String], environment: [String: String], input: Int32 = -1,
    keeping bytes: Int = 1 << 14
  ) throws(NormaError) {
    var environment = environment
    environment[StartedProcess.parentVariable] = "\(getpid())"
    let settings = environment.map { "\($0.key)=\($0.value)" }
    var printed: Int32 = -1
    let started = withCStrings([path] + arguments) { arguments in
      withCStrings(settings) { settings in
        ExitCleanup.start { norma_start(path, arguments, settings, input, &$0, &printed) }
      }
    }
    guard case .success(let process) = started, let output = Descriptor(printed) else {
      var why = ""
      if case .failure(let error) = started { why = reason(error.number) }
      throw NormaError(.unavailable, "'\(path)' cannot be started: \(why)")
    }
    self.process = process
    self.output = output
    limit = bytes
  }

  deinit { _ = end() }

  /// Whether it has ended by itself.
  package var hasEnded: Bool {
    if status != nil { return true }
    var information = siginfo_t()
    // Left as it is for whoever reaps it.
    let result = waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT)
    return result != 0 && errno != EINTR || information.si_signo != 0
  }

  /// Asks it to stop.
  package func signal(_ number: Int32) {
    if !hasEnded { kill(process, number) }
  }

  /// Takes in what it has printed; waits a little where there is nothing.
  package func read(waiting milliseconds: Int32) {
    guard isOpen else {
      usleep(500)
      return
    }
    var wait = milliseconds
    while isOpen, isReadable(wait) {
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = Glibc.read(output.number, &buffer, buffer.count)
      if count > 0, text.count < limit { text += buffer.prefix(count) }
      isOpen = count > 0 || count < 0 && errno == EINTR
      wait = 0
    }
  }

  private func isReadable(_ milliseconds: Int32) -> Bool {
    var request = pollfd(fd: output.number, events: Int16(POLLIN), revents: 0)
    return poll(&request, 1, milliseconds) > 0
  }

  /// The first of what it printed.
  package var printed: String { String(decoding: text.prefix(limit), as: UTF8.self) }

  /// Ends it and all that it started; how it had ended before.
  package func end() -> ChildProcess.Ending {
    if status == nil {
      read(waiting: 0)
      status = ExitCleanup.end(process)
    }
    let status = status ?? 0
    return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
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
