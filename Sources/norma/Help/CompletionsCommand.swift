import ArgumentParser
import NormaCore
import NormaTerminal

/// `norma completions`.
struct CompletionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completions",
    abstract: "Write the completions of a shell; they know the norms that there are.",
    discussion: """
      Examples:
        norma completions bash > ~/.local/share/bash-completion/completions/norma
        norma completions zsh > ~/.zfunc/_norma
        norma completions fish > ~/.config/fish/completions/norma.fish
      """)

  @Argument(help: "bash, zsh or fish.")
  var shell: String

  func run() throws {
    let names = CompletionShell.allCases.map(\.rawValue)
    guard let shell = CompletionShell(rawValue: shell) else {
      throw NormaError(
        .usage,
        "there are no completions for '\(shell)'" + Suggestion.phrase(for: shell, among: names),
        help: "there are some for \(names.joined(separator: ", "))")
    }
    TextStream.output.write(Norma.completionScript(for: shell))
  }
}
