import Foundation
import NormaCore
import NormaData
import NormaLab
import NormaNetwork
import NormaNorms
import Testing

@Test("A single run learns, tells its events in order, and leaves a whole folder")
func singleRun() throws {
  let scratch = try Scratch()
  let events = Events()
  let lab = lab {
    $0.writes = true
    $0.out = scratch.path + "/a/b"
    $0.observer = events.add
    $0.version = "test"
    $0.sources = { [ScriptText("x.lua", "print(1)"), ScriptText("../../lib/y.lua", "return 2")] }
  }
  let result = try lab.run(spiralExperiment(length: .epochs(40)))
  #expect(result.cells.count == 1)
  #expect(try #require(result.cells[0][.accuracy]) > 0.6)
  #expect(try #require(result.cells[0][.stepTime]) > 0)
  #expect(events.types.first == "experiment" && events.types.last == "done")
  #expect(events.types.filter { $0 == "step" }.count == 240)
  #expect(events.types.filter { $0 == "eval" }.count == 40)

  let run = try scratch.object("a/b/run.json")
  #expect(run["seed"] as? Int == 1)
  let norms = try #require(run["norms"] as? [[String: Any]])
  #expect(norms.map { $0["fused"] as? [String] } == [["relu"]])
  #expect((run["versions"] as? [String: Any])?["norma"] as? String == "test")
  #expect(((run["scripts"] as? [String: Any])?["hash"] as? String)?.count == 16)
  #expect(try scratch.text("a/b/lua/x.lua") == "print(1)")
  #expect(try scratch.text("a/b/lua/lib/y.lua") == "return 2")
  let lines = try scratch.text("a/b/events.jsonl").split(separator: "\n")
  let types = try lines.map { line in
    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
  }.compactMap { $0?["type"] as? String }
  #expect(types.count == lines.count)
  #expect(types.first == "run" && types.last == "done")
  #expect(Set(types) == ["run", "step", "norms", "eval", "epoch", "done"])
  let watched = events.all.compactMap {
    if case .norms(let report) = $0 { report.step } else { nil }
  }
  #expect(watched == [1, 50, 100, 150, 200, 240])
  let saved = try ModelSpec(savedIn: scratch.path + "/a/b/final.safetensors")
  #expect(saved.layers == spiralModel.layers)
  #expect(
    try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/a/b").sorted()
      == ["events.jsonl", "final.safetensors", "lua", "run.json"])
}

@Test("Norms are watched as often as is asked for", arguments: [0, 7])
func watchedSteps(interval: Int) throws {
  let events = Events()
  var spec = spiralExperiment(length: .steps(16))
  spec.observations = interval == 0 ? .never : .every(interval)
  _ = try lab { $0.observer = events.add }.run(spec)
  let watched = events.all.compactMap {
    if case .norms(let report) = $0 { report.step } else { nil }
  }
  #expect(watched == (interval == 0 ? [] : [1, 7, 14, 16]))
}

@Test("A folder that holds a run, or cannot be a folder, is refused before training")
func unusableFolders() throws {
  let scratch = try Scratch()
  try "".write(toFile: scratch.path + "/file", atomically: true, encoding: .utf8)
  let events = Events()
  func run(_ out: String) throws {
    _ = try lab {
      $0.writes = true
      $0.out = out
      $0.observer = events.add
    }.run(spiralExperiment(length: .steps(1)))
  }
  for path in [scratch.path + "/file", scratch.path + "/file/below", "/proc/none/x"] {
    let error = #expect(throws: NormaError.self) { try run(path) }
    #expect(error?.code == .io)
    #expect(error?.message.contains(path) == true)
    #expect(error?.help?.contains("--out") == true)
  }
  #expect(!events.types.contains("step"))
  try run(scratch.path + "/run")
  let error = #expect(throws: NormaError.self) { try run(scratch.path + "/run") }
  #expect(error?.message.contains("already holds a run") == true)
}

@Test("A sweep has a numbered folder a cell and an index; a script's next experiment lies beside")
func sweepFolders() throws {
  let scratch = try Scratch()
  let lab = lab {
    $0.writes = true
    $0.out = scratch.path + "/s"
  }
  let spec = spiralExperiment([norms("rms", "none")], length: .steps(2))
  let result = try lab.run(spec)
  _ = try lab.run(spiralExperiment(length: .steps(2)))
  #expect(scratch.has("s/001-norm-rms/final.safetensors"))
  #expect(scratch.has("s/002-norm-none/run.json"))
  #expect(scratch.has("s-2/final.safetensors"))
  let index = try scratch.object("s/sweep.json")
  let results = try #require(index["results"] as? [[String: Any]])
  #expect(results.map { $0["folder"] as? String } == ["001-norm-rms", "002-norm-none"])
  let saved = try result.best(by: .loss).save(as: "best.safetensors", in: scratch.path + "/s")
  #expect(FileManager.default.fileExists(atPath: saved))
  #expect(throws: NormaError.self) {
    try result.cells[0].save(as: "../out.safetensors", in: scratch.path + "/s")
  }
}

@Test("Weights have the same bits with any number of threads")
func threads() throws {
  var all: [[SafeTensors.Tensor]] = []
  for threads in 1...3 {
    let scratch = try Scratch()
    _ = try lab {
      $0.writes = true
      $0.out = scratch.path + "/r"
      $0.threads = threads
    }.run(spiralExperiment(length: .steps(20)))
    all.append(try SafeTensors(contentsOf: scratch.path + "/r/final.safetensors").tensors)
  }
  #expect(all[0] == all[1] && all[0] == all[2])
}

@Test("A cell that diverges is a row with its reason; alone it is an error with status 3")
func divergence() throws {
  let result = try lab().run(
    spiralExperiment([axis("rate", 0.05, 1e30)], length: .steps(20)))
  guard case .failed(let reason) = result.cells[1].status else {
    Issue.record("the second cell should diverge")
    return
  }
  #expect(reason.code == .diverged)
  #expect(reason.message.contains("at step"))
  let text = result.summary.text
  #expect(text.contains("diverged"))
  #expect(text.contains("cell rate="))
  let error = #expect(throws: NormaError.self) {
    try lab().run(spiralExperiment(length: .steps(20), rate: 1e30))
  }
  #expect(error?.code.exitStatus == 3)
}

@Test("A cell that cannot be built is a row; when none can, its error is thrown")
func unbuildable() throws {
  let result = try lab().run(
    spiralExperiment([norms("batch"), axis("batch", 1, 8)], length: .steps(2)))
  #expect(result.cells.map { $0.shortReason } == ["failed", nil])
  let error = #expect(throws: NormaError.self) {
    try lab().run(spiralExperiment([norms("batch"), axis("batch", 1)], length: .steps(2)))
  }
  #expect(error?.notes.contains { $0.contains("small > layer 2") } == true)
}

@Test("A stop keeps what was measured, and a checkpoint under a name of its own")
func interruption() throws {
  let scratch = try Scratch()
  var steps = 0
  let error = #expect(throws: NormaError.self) {
    try lab {
      $0.writes = true
      $0.out = scratch.path + "/r"
      $0.observer = { if case .step = $0 { steps += 1 } }
      $0.isInterrupted = { steps >= 5 }
    }.run(spiralExperiment([axis("seed", 1, 2)], length: .steps(100)))
  }
  #expect(error?.code.exitStatus == 130)
  #expect(steps == 5)
  #expect(scratch.has("r/001-seed-1/checkpoint.safetensors"))
  #expect(!scratch.has("r/001-seed-1/final.safetensors"))
  #expect(!scratch.has("r/002-seed-2"))
  let events = try scratch.text("r/001-seed-1/events.jsonl")
  #expect(events.contains(#""type":"interrupted","step":5"#))
  let results = try scratch.object("r/sweep.json")["results"] as? [[String: Any]]
  #expect(results?.first?["status"] as? String == "interrupted")
}

@Test("--steps shortens a run; a dry run plans every cell and trains none to its end")
func shortRuns() throws {
  #expect(
    try lab { $0.steps = 3 }.run(spiralExperiment(length: .epochs(50))).cells[0].steps == 3)
  let events = Events()
  let result = try lab {
    $0.isDryRun = true
    $0.observer = events.add
  }.run(spiralExperiment([norms("rms", "batch"), axis("seed", 1, 2)], length: .epochs(50)))
  #expect(result.isDryRun && result.cells.isEmpty)
  guard case .plan(let plan)? = events.all.first, events.all.count == 1 else {
    Issue.record("a dry run tells one plan")
    return
  }
  #expect(plan.cells.count == 4)
  #expect(plan.cells.allSatisfy { $0.parameters == 131 && $0.steps == 300 || $0.parameters == 115 })
  #expect(plan.cells.allSatisfy { $0.norms.map(\.fused) == [["relu"]] })
  #expect(plan.seconds > 0)
}

@Test("Data that does not fit the model is refused with the shape to write")
func wrongShapes() {
  var spec = spiralExperiment(length: .steps(1))
  spec.data.name = "shapes"
  let error = #expect(throws: NormaError.self) { try lab().run(spec) }
  #expect(error?.help == "write input = { 28, 28, 1 }")
  spec = spiralExperiment(length: .steps(1))
  spec.data.options = ["classes": 5]
  let classes = #expect(throws: NormaError.self) { try lab().run(spec) }
  #expect(classes?.help == "end it with nn.linear { 5 }")
  spec = spiralExperiment([axis("batch", 97)], length: .steps(1))
  let batch = #expect(throws: NormaError.self) { try lab().run(spec) }
  #expect(batch?.message.contains("a batch of 97 does not fit in 96 samples") == true)
}
