import Foundation
import NormaCore
import NormaLab
import NormaSystem

/// This program again, with the same arguments, for one cell of a sweep.
final class StartedCell: CellProcess {
  private let child: RunningChild

  /// Starts it.
  ///
  /// - Parameter threads: how many it may use, where the user did not say.
  init(_ task: CellTask, arguments: [String], threads: Int?) throws(NormaError) {
    let text: String
    do {
      text = String(decoding: try JSONEncoder().encode(task), as: UTF8.self)
    } catch {
      throw NormaError(.internal, "a cell's task cannot be written", underlying: error)
    }
    // Behind the command's name: what follows `--` is no option.
    var own = Array(arguments.dropFirst())
    let more = ["--cell", text] + (threads.map { ["--threads", "\($0)"] } ?? [])
    own.insert(contentsOf: more, at: min(1, own.count))
    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    child = try RunningChild(
      program, own, environment: ProcessInfo.processInfo.environment)
  }

  /// Reads what was passed on.
  static func task(_ text: String) throws(NormaError) -> CellTask {
    do {
      return try JSONDecoder().decode(CellTask.self, from: Data(text.utf8))
    } catch {
      throw NormaError(.usage, "--cell is for processes that norma starts", underlying: error)
    }
  }

  var hasEnded: Bool {
    child.read(waiting: 0)
    return child.hasEnded
  }

  func stop() { child.signal(SIGINT) }

  var failure: NormaError {
    let end = child.end()
    let lines = child.printed.split(separator: "\n").map(String.init)
    if case .exited(NormaError.Code.io.exitStatus) = end {
      let said = lines.last { $0.hasPrefix("norma: ") }?.dropFirst("norma: ".count)
      let help = lines.last { $0.hasPrefix("hint: ") }?.dropFirst("hint: ".count)
      return NormaError(
        .io, said.map(String.init) ?? "a cell's process cannot write", help: help.map(String.init))
    }
    let how =
      switch end {
      case .exited(let status): "status \(status)"
      case .signalled(let signal): "signal \(signal)"
      case .timedOut: "it took too long"
      }
    let words = lines.last.map { ", \($0)" } ?? ""
    return NormaError(.failure, "its process ended: \(how)\(words)")
  }
}
