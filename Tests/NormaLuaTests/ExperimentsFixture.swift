import Foundation
import NormaCore
import NormaLab
import NormaLua
import NormaNorms

/// What a script that trains printed, and the error it ended with.
struct Outcome {
  var printed: [String] = []
  var error: NormaError?
}

/// Runs a script with a lab that writes nothing unless told so.
func runLab(
  _ text: String, _ change: (inout LabOptions) -> Void = { _ in }
) throws -> Outcome {
  final class Lines {
    var all: [String] = []
  }
  let lines = Lines()
  var lab = LabOptions()
  lab.writes = false
  change(&lab)
  var options = Interpreter.Options()
  options.print = { lines.all.append($0) }
  let laboratory = Lab(registry: .builtIn(), options: lab)
  let session = try ScriptSession(registry: laboratory.registry, options: options)
  try session.registerExperiments(lab: laboratory)
  var outcome = Outcome()
  do {
    try session.interpreter.run(text: text, name: "test.lua")
  } catch { outcome.error = error }
  outcome.printed = lines.all
  return outcome
}

/// A model and data that train in milliseconds, before the text of a test.
let smallModel = """
  model("small", { input = { 2 }, norm = "rms", nn.linear { 16 }, nn.norm(), nn.relu(), nn.linear { 3 } })
  local points = dataset "spirals" { train = 96, validate = 30 }

  """
