import ArgumentParser
import Foundation
import NormaCore
import NormaTerminal

/// The one place where errors become text and exit statuses.
enum Failure {
  /// Ends the process as `error` asks; help and version requests are "errors" that succeed.
  static func end(_ error: any Error, arguments: [String]) -> Never {
    if let error = error as? NormaError {
      write(error, label: "norma: ", style: .red, arguments: arguments)
      exit(error.code.exitStatus)
    }
    let status = Norma.exitCode(for: error)
    if status.isSuccess { Norma.exit(withError: error) }
    // The parser's own complaints, in the same dress: what is wrong, then the usage.
    var lines = Norma.fullMessage(for: error).split(separator: "\n").map(String.init)
    if let first = lines.first, first.hasPrefix("Error: ") {
      lines[0] = String(first.dropFirst("Error: ".count))
    }
    let notes = lines.dropFirst().map { $0.trimmingCharacters(in: .whitespaces) }
    write(
      NormaError(.usage, lines.first ?? "wrong usage", notes: notes), label: "norma: ",
      style: .red, arguments: arguments)
    // What a command's own validation threw comes as a plain failure; it is wrong usage too.
    exit(status == .failure ? ExitCode.validationFailure.rawValue : status.rawValue)
  }

  /// Tells of a mistake after which the command goes on.
  static func show(_ error: NormaError) {
    write(error, label: "", style: .red, arguments: CommandLine.arguments)
  }

  /// Tells of something that does not stop the command.
  static func warn(_ error: NormaError, arguments: [String] = CommandLine.arguments) {
    write(error, label: "norma: warning: ", style: .yellow, arguments: arguments)
  }

  private static func write(
    _ error: NormaError, label: String, style: Style, arguments: [String]
  ) {
    var terminal = Terminal.detect(.error, color: colorChoice(arguments))
    // A message cut at the terminal's edge would lose the remedy.
    terminal.width = nil
    var lines: [StyledText] = []
    for (number, line) in error.description.components(separatedBy: "\n").enumerated() {
      if number == 0 {
        lines.append(StyledText(label, style.union(.bold)) + StyledText(line))
      } else if line.hasPrefix("hint: ") {
        lines.append(StyledText("hint: ", .cyan) + StyledText(String(line.dropFirst(6))))
      } else {
        lines.append(StyledText(line))
      }
    }
    TextStream.error.write(lines.map { $0.rendered(for: terminal) + "\n" }.joined())
  }

  /// `--color`, read by hand: the arguments may be what is wrong.
  private static func colorChoice(_ arguments: [String]) -> ColorChoice {
    for (index, argument) in arguments.enumerated() {
      if argument == "--color", index + 1 < arguments.count {
        return ColorChoice(rawValue: arguments[index + 1]) ?? .auto
      }
      if argument.hasPrefix("--color=") {
        return ColorChoice(rawValue: String(argument.dropFirst("--color=".count))) ?? .auto
      }
    }
    return .auto
  }
}
