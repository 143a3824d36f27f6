import ArgumentParser
import Foundation
import NormaCompiler
import NormaCore
import NormaNorms
import NormaTerminal

/// What runs the norms, and how long a model waits for its machine code.
struct ExecutorOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What runs the norms: native (machine code made by the C compiler), tiles, reference"
        + " (float64), or auto: native where it is ready in time.",
      valueName: "executor"))
  var executor: ExecutorChoice = .auto

  @Option(
    help: ArgumentHelp(
      "How long a model waits for its native code before it runs on tiles (auto).",
      valueName: "seconds"))
  var compileWait = 2.0

  func validate() throws {
    guard compileWait >= 0, compileWait <= 3600 else {
      throw NormaError(.usage, "--compile-wait must be from 0 to 3600 seconds, got \(compileWait)")
    }
  }

  /// Does something with the chosen executor; afterwards says on stderr what kept native code away.
  ///
  /// - Parameters:
  ///   - isOneCall: whether nothing is compiled unless native code is asked for by name.
  ///   - seconds: how long a model waits at least; what goes on with a run must run what that ran.
  func withExecutor<Result>(
    isOneCall: Bool = false, waiting seconds: Double? = nil,
    _ body: (Executor) throws(NormaError) -> Result
  ) throws(NormaError) -> Result {
    switch executor {
    case .auto where isOneCall: return try body(.tiles)
    case .tiles: return try body(.tiles)
    case .reference: return try body(.reference)
    case .auto, .native:
      // Whoever asks for native code by name gets it, however long that takes.
      let least = executor == .native ? 600 : seconds ?? 0
      let session = NativeSession(
        environment: ProcessInfo.processInfo.environment,
        cores: ProcessInfo.processInfo.activeProcessorCount,
        wait: .seconds(max(compileWait, least)))
      if executor == .native, !session.hasCompiler {
        throw NormaError(
          .unavailable, "--executor native: \(session.notes.first ?? "there is no C compiler")")
      }
      defer { for note in session.notes { TextStream.error.write("note: \(note)\n") } }
      return try body(.native(session))
    }
  }
}
