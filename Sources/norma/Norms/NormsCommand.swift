import ArgumentParser

/// `norma norms`: the norms there are.
struct NormsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "norms",
    abstract: "List norms, show what they are and do, check and time them, start new ones.",
    discussion: """
      Examples:
        norma norms list
        norma norms show batch
        norma norms card rms layer
        norma norms check rms
        norma norms bench layer --shape 4096x1024
      """,
    subcommands: [
      NormsListCommand.self, NormsShowCommand.self, NormsCardCommand.self, NormsCheckCommand.self,
      NormsBenchCommand.self,
      NormsNewCommand.self,
    ])
}
