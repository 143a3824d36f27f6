import Foundation

/// How the threads of networks wait for each other.
///
/// They are libgomp's, which spin for 300,000 rounds before they sleep, some milliseconds. Where the machine
/// has other work, that is time in which nobody works, once for each kernel of a step. Measured on two cores
/// with two other busy processes: a transformer's step 215 to 616 ms, and 127 to 143 with 10,000 rounds; on
/// an idle machine 59 and 53 ms.
enum ThreadWaiting {
  private static let variable = "GOMP_SPINCOUNT"
  private static let rounds = "10000"
  /// What already says how they wait.
  private static let settings = [variable, "OMP_WAIT_POLICY"]

  /// Begins the program anew with a limit, because libgomp reads it as it is loaded; does nothing where
  /// the environment has one.
  static func limit() {
    guard settings.allSatisfy({ getenv($0) == nil }) else { return }
    guard setenv(variable, rounds, 0) == 0 else { return }
    // It comes back only where it fails: then threads wait as they did.
    execv("/proc/self/exe", CommandLine.unsafeArgv)
  }
}
