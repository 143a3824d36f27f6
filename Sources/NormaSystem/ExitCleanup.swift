import Glibc
import Synchronization

/// Ends what compilations have started when the process exits before they are through.
///
/// Children and temporary folders belong to the process, so their list does too.
enum ExitCleanup {
  private struct State {
    var isRegistered = false
    var isExiting = false
    var groups: Set<pid_t> = []
    var folders: Set<String> = []
  }
  private static let state = Mutex(State())

  /// Starts a process by `start`, which returns an error number; none starts once the exit began.
  static func start(_ start: (inout pid_t) -> Int32) -> Result<pid_t, ErrorNumber> {
    state.withLock { state in
      guard !state.isExiting else { return .failure(ErrorNumber(ECANCELED)) }
      register(&state)
      var process: pid_t = 0
      let failure = start(&process)
      guard failure == 0 else { return .failure(ErrorNumber(failure)) }
      state.groups.insert(process)
      return .success(process)
    }
  }

  /// Ends the process and all that it started, and returns its status as `waitpid` gives it.
  static func end(_ process: pid_t) -> Int32 {
    // One lock around both, so that a number that is free again is never signalled.
    state.withLock { state in
      guard state.groups.remove(process) != nil else { return SIGKILL }
      return kill(process)
    }
  }

  static func add(folder: String) {
    state.withLock { state in
      register(&state)
      state.folders.insert(folder)
    }
  }

  static func remove(folder: String) {
    _ = state.withLock { $0.folders.remove(folder) }
  }

  private static func kill(_ process: pid_t) -> Int32 {
    Glibc.kill(-process, SIGKILL)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    return status
  }

  private static func register(_ state: inout State) {
    guard !state.isRegistered else { return }
    state.isRegistered = atexit { ExitCleanup.run() } == 0
  }

  private static func run() {
    state.withLock { state in
      state.isExiting = true
      for process in state.groups { _ = kill(process) }
      for folder in state.folders { ScratchFolder.remove(folder) }
      state.groups = []
    }
  }
}

/// An `errno` as an error.
struct ErrorNumber: Error {
  let number: Int32
  init(_ number: Int32) { self.number = number }
}
