import Foundation
import Testing

/// `run --resume` in a folder that holds something else.
struct ResumeMistakeTests {
  private static let axes = "{ 'norm', { 'layer', 'mine' } }, { 'seed', { 1, 2 } }"

  private func run(
    _ bench: Workbench, _ sweep: String, formula: String = "x / (x:abs():mean('channel') + 1e-3)",
    head: String = "", units: Int = 8
  ) throws -> Command {
    let script = """
      \(head)norm.define("mine", { forward = function(x) return \(formula) end })
      model("net", { input = { 2 }, norm = "mine", nn.linear { \(units) }, nn.norm(), nn.linear { 3 } })
      print(experiment { model = "net", data = dataset "spirals" {}, sweep = { \(sweep) },
        train = { steps = 4, batch = 8 } })
      """
    try Data(script.utf8).write(to: bench.folder.appending(path: "one.lua"))
    return try Command(
      [
        "run", bench.path("one.lua"), "--executor", "tiles", "--resume", "--out",
        bench.path("kept"),
      ])
  }

  @Test("Cells of another formula, another model or another sweep are refused with the difference")
  func others() throws {
    let bench = try Workbench()
    let first = try run(bench, Self.axes)
    #expect(first.status == 0, "\(first.errors)")
    let formula = try run(bench, Self.axes, formula: "x / (x:abs():mean('channel') + 100)")
    #expect(formula.status == 64)
    #expect(formula.errors.contains("holds another run: its norm 'mine'"), "\(formula.errors)")
    #expect(formula.errors.contains("+ 0.001)") && formula.errors.contains("+ 100)"))
    let model = try run(bench, Self.axes, units: 9)
    #expect(model.errors.contains("its model.layers[1].options.units was 8, now it is 9"))
    let sweep = try run(bench, "{ 'norm', { 'layer' } }, { 'seed', { 1, 2 } }")
    #expect(sweep.status == 64)
    #expect(sweep.errors.contains("holds another sweep: its axes[1].values"), "\(sweep.errors)")
    let single = try run(bench, "")
    #expect(
      single.status == 64 && single.errors.contains("holds a sweep, and this is a single run"))
    // Nothing of it was changed, and a line more in the script changes nothing.
    let again = try run(bench, Self.axes, head: "-- a comment\n")
    #expect(again.status == 0 && again.output == first.output, "\(again.errors)")
  }

  @Test("A sweep is not written into a single run's folder")
  func single() throws {
    let bench = try Workbench()
    #expect(try run(bench, "").status == 0)
    let sweep = try run(bench, Self.axes)
    #expect(sweep.status == 64 && sweep.errors.contains("holds a single run, and this is a sweep"))
  }

  @Test("A damaged run.json, and more steps than a sum holds, are told")
  func damage() throws {
    let bench = try Workbench()
    #expect(try run(bench, "").status == 0)
    for (text, words) in [
      ("[1, 2]", "is damaged: it is no object"), ("{", "is damaged: it is no JSON"),
    ] {
      try Data(text.utf8).write(to: URL(filePath: bench.path("kept/run.json")))
      let found = try run(bench, "")
      #expect(found.status == 65 && found.errors.contains(words), "\(found.errors)")
      #expect(found.errors.contains("hint: bring the file back, or delete its folder"))
    }
    let long = try Command(
      ["run", bench.path("one.lua"), "--set", "epochs=1e18", "--out", bench.path("long")])
    #expect(long.status == 65 && long.errors.contains("1 to 1000000000"), "\(long.errors)")
  }

  @Test("A value twice would count as a repetition")
  func doubled() throws {
    let bench = try Workbench()
    let found = try run(bench, "{ 'seed', { 1, 1 } }")
    #expect(
      found.status == 65 && found.errors.contains("the axis 'seed' has 1 twice"), "\(found.errors)")
  }

  @Test("A run that never began leaves its folder as it was: the same command works once it can")
  func neverBegan() throws {
    let bench = try Workbench()
    let script = bench.folder.appending(path: "one.lua")
    func run(_ norm: String, _ folder: String) throws -> Command {
      let text = """
        model("net", { input = { 2 }, nn.linear { 8 }, nn.norm\(norm), nn.linear { 3 } })
        print(experiment { model = "net", data = dataset "spirals" {}, train = { steps = 4 } })
        """
      try Data(text.utf8).write(to: script)
      return try Command(
        ["run", script.path, "--executor", "tiles", "--out", bench.path(folder)])
    }
    #expect(try run("()", "new").status == 65)
    #expect(!FileManager.default.fileExists(atPath: bench.path("new")))
    #expect(try run(" \"rms\"", "new").status == 0)
    // A folder that was there stays.
    try FileManager.default.createDirectory(
      atPath: bench.path("old"), withIntermediateDirectories: false)
    #expect(try run("()", "old").status == 65)
    #expect(try bench.names("old") == [])
  }
}
