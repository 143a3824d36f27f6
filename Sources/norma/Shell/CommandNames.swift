import ArgumentParser
import NormaCore

/// The names of commands, checked before anything else so that a mistyped one gets the nearest.
enum CommandNames {
  /// Follows the arguments' leading words down the tree of commands.
  ///
  /// - Throws: `usage` at the first word that should be a command and is none.
  static func check(
    _ arguments: [String], in root: any ParsableCommand.Type
  ) throws(NormaError) {
    var command = root
    var path = root._commandName
    for word in arguments {
      let subcommands = command.configuration.subcommands
      guard !subcommands.isEmpty, !word.hasPrefix("-"), word != "help" else { return }
      guard let next = subcommands.first(where: { $0._commandName == word }) else {
        let names = subcommands.map { $0._commandName }
        throw NormaError(
          .usage, "'\(path)' has no command '\(word)'\(Suggestion.phrase(for: word, among: names))",
          help: "the commands are \(names.joined(separator: ", ")); see '\(path) --help'")
      }
      command = next
      path += " " + word
    }
  }
}
