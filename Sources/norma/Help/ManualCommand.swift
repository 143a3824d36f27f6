import ArgumentParser
import Foundation
import NormaTerminal

/// `norma manual`.
struct ManualCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manual",
    abstract: "Write the manual page: all commands and topics of help.",
    discussion: """
      Examples:
        norma manual > /usr/local/share/man/man1/norma.1
        norma manual | man -l -
      """)

  func run() throws { TextStream.output.write(Self.page) }

  /// The page in the language of man(7); help stands in it as it is.
  static var page: String {
    var text = """
      .TH NORMA 1 "" "Norma \(Norma.version)" "User commands"
      .SH NAME
      norma \\- \(escaped(Norma.configuration.abstract))
      .SH SYNOPSIS
      .B norma
      .I command
      [\\fIoptions\\fR]
      .SH DESCRIPTION
      \(escaped(Norma.configuration.discussion.components(separatedBy: "\n\n")[0]))
      .SH COMMANDS

      """
    func add(_ command: any ParsableCommand.Type, _ path: [String]) {
      text +=
        ".SS \(escaped(path.joined(separator: " ")))\n"
        + verbatim(
          Norma.helpMessage(for: command, columns: 78))
      for next in command.configuration.subcommands { add(next, path + [next._commandName]) }
    }
    for command in Norma.configuration.subcommands {
      add(command, ["norma", command._commandName])
    }
    for topic in HelpTopic.all where topic.name != "status" && topic.name != "environment" {
      text += ".SH \(topic.name.uppercased())\n" + verbatim(topic.text())
    }
    for (title, name) in [("EXIT STATUS", "status"), ("ENVIRONMENT", "environment")] {
      let topic = HelpTopic.all.first { $0.name == name }
      text += ".SH \(title)\n" + verbatim(topic?.text() ?? "")
    }
    return text
  }

  private static func verbatim(_ text: String) -> String {
    ".nf\n"
      + text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { escaped(String($0)) + "\n" }.joined() + ".fi\n"
  }

  /// Text of a line: no backslash, hyphen or leading dot means anything to the formatter.
  private static func escaped(_ text: String) -> String {
    let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
  }
}
