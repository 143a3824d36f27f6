import ArgumentParser
import NormaCore
import NormaLua

/// What scripts may use.
struct ScriptLimits: ParsableArguments {
  @Option(help: "How many instructions a script may run without calling Norma.")
  var instructions: Int?

  @Option(
    help: ArgumentHelp(
      "Seconds a script itself may take, without the work it asks for; 0 is no limit. (default: 2)",
      valueName: "seconds"))
  var scriptSeconds: Double?

  @Option(
    help: ArgumentHelp(
      "MiB that a script's own values may take; 0 is no limit. (default: 1024)", valueName: "mib"))
  var scriptMemory: Int?

  mutating func validate() throws {
    if let instructions, instructions < 1 {
      throw NormaError(.usage, "--instructions must be 1 or more, got \(instructions)")
    }
    if let scriptSeconds, !(0...1e6).contains(scriptSeconds) {
      throw NormaError(.usage, "--script-seconds must be 0 or more, got \(scriptSeconds)")
    }
    if let scriptMemory, !(0...1 << 30).contains(scriptMemory) {
      throw NormaError(.usage, "--script-memory must be 0 or more, got \(scriptMemory)")
    }
  }

  /// The options of an interpreter with these limits.
  var options: Interpreter.Options {
    var options = Interpreter.Options()
    if let instructions { options.instructions = UInt64(instructions) }
    if let scriptSeconds { options.seconds = scriptSeconds }
    if let scriptMemory { options.memoryBytes = scriptMemory << 20 }
    return options
  }
}
