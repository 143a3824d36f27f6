@preconcurrency import CEdit
import Foundation
import NormaSystem

/// Lines typed on a terminal, with editing, history and completion by libedit.
///
/// SAFETY: libedit is one for the process; one editor is made, and used from one thread.
final class LineEditor {
  nonisolated(unsafe) private static var complete: (String) -> [String] = { _ in [] }
  nonisolated(unsafe) private static var found: [String] = []
  private let historyPath: String?

  /// Makes the editor; `complete` gives what a word that was begun may become.
  init(complete: @escaping (String) -> [String]) {
    Self.complete = complete
    let folder = UserFolder.data.path(ProcessInfo.processInfo.environment)
    historyPath = folder.map { $0 + "/history" }
    rl_readline_name = UnsafePointer(strdup("norma"))
    rl_completer_word_break_characters = strdup(" \t\n\"'()[]{},;=+-*/^<>~#")
    rl_attempted_completion_function = { text, _, _ in
      // Without a match nothing is completed: names of files are none of the console's business.
      rl_attempted_completion_over = 1
      guard let text else { return nil }
      LineEditor.found = LineEditor.complete(String(cString: text))
      return rl_completion_matches(text) { _, state in
        if state != 0 { LineEditor.found.removeFirst() }
        guard let next = LineEditor.found.first else { return nil }
        return strdup(next)
      }
    }
    using_history()
    if let historyPath { read_history(historyPath) }
  }

  deinit {
    guard let historyPath else { return }
    let folder = URL(fileURLWithPath: historyPath).deletingLastPathComponent()
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    stifle_history(1000)
    write_history(historyPath)
  }

  /// The next line; nil at the end of input.
  func line(prompt: String) -> String? {
    guard let typed = readline(prompt) else { return nil }
    defer { free(typed) }
    let line = String(cString: typed)
    if !line.allSatisfy(\.isWhitespace) { add_history(typed) }
    return line
  }
}
