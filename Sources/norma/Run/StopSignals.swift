import Dispatch
import Foundation
import NormaCore
import NormaLua
import Synchronization

/// SIGINT and SIGTERM: the first asks for a clean stop, the second ends the process at once.
///
/// SAFETY: `sources` is written by `init` alone; all else is atomic.
final class StopSignals: @unchecked Sendable {
  /// Stops scripts; the lab asks it at every step.
  let interrupter = Interrupter()
  private let first = Atomic<Int32>(0)
  private var sources: [any DispatchSourceSignal] = []

  init() {
    for number in [SIGINT, SIGTERM] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      sources.append(source)
      source.setEventHandler { [self] in received(number) }
      source.resume()
    }
  }

  private func received(_ number: Int32) {
    let (isFirst, _) = first.compareExchange(
      expected: 0, desired: number, ordering: .sequentiallyConsistent)
    guard isFirst else { _exit(128 + number) }
    interrupter.request()
  }

  /// Whether a stop was asked for.
  var isRequested: Bool { first.load(ordering: .relaxed) != 0 }

  /// The error a stopped command ends with: status 130 after SIGINT, 143 after SIGTERM.
  func error(_ cause: NormaError?) -> NormaError {
    let code = NormaError.Code(
      "interrupted", exitStatus: 128 + first.load(ordering: .relaxed))
    guard var error = cause, error.code == .interrupted else {
      return NormaError(code, "interrupted")
    }
    error.code = code
    return error
  }
}
