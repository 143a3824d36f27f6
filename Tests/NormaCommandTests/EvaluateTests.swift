import Foundation
import Testing

/// Weights whose norm the model's own script defines.
struct EvaluateTests {
  private func script(_ bench: Workbench, _ name: String, factor: String) throws -> String {
    let text = """
      norm.define("mine", { forward = function(x) return x / (x:abs():mean("channel") + \(factor)) end })
      model("net", { input = { 2 }, nn.linear { 8 }, nn.norm "mine", nn.linear { 3 } })
      print(experiment { model = "net", data = dataset "spirals" {}, train = { steps = 4 } })
      """
    try Data(text.utf8).write(to: bench.folder.appending(path: name))
    return bench.path(name)
  }

  @Test(
    "A script with an experiment gives its norms to other commands, and trains for none of them")
  func definitions() throws {
    let bench = try Workbench()
    let one = try script(bench, "one.lua", factor: "1e-3")
    let out = bench.path("kept")
    let run = try Command(["run", one, "--executor", "tiles", "--out", out])
    #expect(run.status == 0, "\(run.errors)")
    // A folder stands for the weights that its run ended with.
    let evaluate = ["evaluate", out, "--data", "spirals", "--script"]
    for script in [one, out + "/lua/one.lua"] {
      let command = try Command(evaluate + [script])
      #expect(command.status == 0 && command.output.contains("accuracy"), "\(command.errors)")
      #expect(!command.errors.contains("warning"))
    }
    // Data that is not there would be missed by an experiment that runs.
    let text = try String(contentsOfFile: one, encoding: .utf8)
    let other = text.replacing("dataset \"spirals\" {}", with: "dataset \"./nothing\" {}")
    try Data(other.utf8).write(to: bench.folder.appending(path: "two.lua"))
    for words in [["norms", "show", "mine", "--script"], ["norms", "card"]] {
      let command = try Command(words + [bench.path("two.lua")])
      #expect(command.status == 0 && command.output.contains("mine"), "\(command.errors)")
    }
  }

  @Test("Another formula than the weights were trained with is told")
  func otherFormula() throws {
    let bench = try Workbench()
    let one = try script(bench, "one.lua", factor: "1e-3")
    let out = bench.path("kept")
    #expect(try Command(["run", one, "--executor", "tiles", "--out", out]).status == 0)
    let other = try script(bench, "two.lua", factor: "100")
    let command = try Command(
      ["evaluate", out + "/final.safetensors", "--data", "spirals", "--script", other])
    #expect(command.status == 0)
    #expect(command.errors.contains("warning: ") && command.errors.contains("+ 100)"))
  }
}
