import Foundation
import Testing

/// Where norms stand in a transformer is model code: `scripts/experiments/models.lua`.
struct PlacementTests {
  @Test(
    "Each placement builds and trains",
    arguments: ["pre", "post", "sandwich", "res_post", "deep", "sphere"])
  func trains(_ place: String) throws {
    let bench = try Workbench()
    let models = Command.root.appending(path: "scripts/experiments/models.lua")
    try FileManager.default.copyItem(at: models, to: bench.folder.appending(path: "models.lua"))
    let text = String(repeating: "the quick brown fox jumps over the lazy dog. ", count: 60)
    try Data(text.utf8).write(to: bench.folder.appending(path: "text.txt"))
    let script = """
      require "models"
      local r = experiment { model = "gpt", data = dataset "\(bench.path("text.txt"))" {},
        options = { depth = 2, width = 16, heads = 2, place = "\(place)" },
        train = { steps = 12, batch = 4, optimizer = optim.adamw { rate = 1e-2 } } }
      print(r:best { by = "loss" }.loss)
      """
    try Data(script.utf8).write(to: bench.folder.appending(path: "run.lua"))
    let found = try Command([
      "run", bench.path("run.lua"), "--executor", "tiles", "--out", bench.path("out"),
    ])
    #expect(found.status == 0, "\(found.errors)")
    // A guess among the symbols of the text costs log(28) = 3.33.
    let loss = found.output.split(separator: "\n").compactMap { Double($0) }.last
    #expect(try #require(loss, "\(found.output)") < 3.3)
  }

  @Test("A place that does not exist is named with those that do")
  func unknown() throws {
    let bench = try Workbench()
    let models = Command.root.appending(path: "scripts/experiments/models.lua")
    try FileManager.default.copyItem(at: models, to: bench.folder.appending(path: "models.lua"))
    let script = """
      require "models"
      experiment { model = "gpt", data = dataset "jargon-text" {}, options = { place = "pro" },
        train = { steps = 1 } }
      """
    try Data(script.utf8).write(to: bench.folder.appending(path: "run.lua"))
    let found = try Command(["run", bench.path("run.lua"), "--out", bench.path("out")])
    #expect(found.status == 65)
    #expect(found.errors.contains("no place 'pro'; it has: pre post sandwich res_post deep sphere"))
  }
}
