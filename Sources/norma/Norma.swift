import ArgumentParser
import NormaPlugins
import NormaTerminal

/// The `norma` command.
@main
struct Norma: ParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "norma",
    abstract: "Normalization layers you can script, apply, train with and extend.",
    discussion: """
      A norm is a formula. Norma derives its gradient, compiles both into fused kernels and runs \
      them on arrays and in networks.

      Examples:
        norma run scripts/experiments/first.lua
        norma norms list
        norma norms show layer --plan
        norma apply rms --input x.npy --out out
        norma help topics
      """,
    version: "norma \(version)",
    subcommands: [
      RunCommand.self, EvaluateCommand.self, AdviseCommand.self, RunsCommand.self,
      ReportCommand.self,
      ExportRunCommand.self,
      ApplyCommand.self,
      NormsCommand.self,
      TestCommand.self, ReplCommand.self, LuaStubsCommand.self, PluginsCommand.self,
      CompileCommand.self, ExportCommand.self, DoctorCommand.self, CompletionsCommand.self,
      ManualCommand.self,
    ])

  /// Runs what the arguments ask for; every failure is rendered in one place.
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let runsNetworks: [any ParsableCommand.Type] = [
      RunCommand.self, EvaluateCommand.self, AdviseCommand.self, TestCommand.self, ReplCommand.self,
    ]
    if runsNetworks.contains(where: { $0._commandName == arguments.first }) {
      ThreadWaiting.limit()
    }
    PluginCrash.nameThem()
    do {
      let commands = configuration.subcommands.map { $0._commandName }
      if let text = try HelpTopic.asked(arguments, commands: commands) {
        TextStream.output.write(text)
        return
      }
      try CommandNames.check(arguments, in: self)
      var command = try parseAsRoot(arguments)
      try command.run()
    } catch {
      Failure.end(error, arguments: arguments)
    }
  }
}
