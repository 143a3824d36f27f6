import Foundation
import Testing

/// `norma run` on sweeps: side by side, stopped, gone on with.
struct SweepTests {
  private static let script = """
    model("net", { input = { 2 }, norm = "batch",
      nn.linear { 16 }, nn.norm(), nn.relu(), nn.linear { 3 } })
    local data = dataset "spirals" { train = 96, validate = 30 }
    local first = experiment { name = "first", model = "net", data = data, train = { epochs = 1, batch = 16 } }
    local r = experiment { name = "second", model = "net", data = data,
      sweep = { { "norm", { "batch", norm.group { groups = 5 }, "rms" } }, { "rate", { 0.1, 1e30 } } },
      train = { epochs = 2, batch = 16 } }
    print(r:table { rows = "norm", columns = "rate", value = { "loss", "accuracy" } })
    print(r:compare { "batch", "rms", value = "loss", at = { rate = 0.1 } })
    """

  private func run(_ bench: Workbench, _ out: String, _ options: [String] = []) throws -> Command {
    let path = bench.path("sweep.lua")
    try Data(Self.script.utf8).write(to: URL(filePath: path))
    return try Command(
      ["run", path, "--out", bench.path(out), "--executor", "tiles", "--threads", "1"] + options)
  }

  @Test("Cells side by side give the same table, those that fail or diverge among them")
  func sideBySide() throws {
    let bench = try Workbench()
    let (one, two) = (try run(bench, "one"), try run(bench, "two", ["--jobs", "2"]))
    #expect(one.status == 0 && two.status == 0, "\(two.errors)")
    #expect(one.output.contains("diverged") && one.output.contains("failed"))
    #expect(one.output == two.output)
    #expect(try bench.names("one-2") == bench.names("two-2"))
    // A log has lines, and nothing for a terminal.
    #expect(two.errors.contains("norm=rms rate=0.1 done loss="))
    #expect(!two.errors.contains("\u{1B}"))
    for cell in try bench.names("one-2") where cell.contains("rate-0-1") {
      let files = ["one-2", "two-2"].map { folder in
        try? Data(contentsOf: URL(filePath: bench.path("\(folder)/\(cell)/final.safetensors")))
      }
      #expect(files[0] == files[1])
    }
    let again = try run(bench, "two", ["--resume", "--json"])
    #expect(again.status == 0)
    #expect(!again.output.contains("\"type\":\"step\""))
    let cells = try bench.names("two-2").filter { $0.first?.isNumber ?? false }
    // What failed is tried again, all else is found; the first experiment is a single run.
    let told = again.output.matches(of: /"type":"(found|done)"/)
    #expect(told.count == 1 + cells.count)
    let third = try run(bench, "two", ["--resume", "--set", "batch=8"])
    #expect(
      third.status == 64 && third.errors.contains("settings.batch was not there, now it is 8"))
  }

  @Test("A folder that another process holds ends the whole sweep, side by side too")
  func locked() throws {
    let bench = try Workbench()
    #expect(try run(bench, "one").status == 0)
    let cells = try bench.names("one-2").filter { $0.hasPrefix("00") }
    for cell in cells { try FileManager.default.removeItem(atPath: bench.path("one-2/" + cell)) }
    let held = bench.path("one-2/" + cells[2])
    try FileManager.default.createDirectory(atPath: held, withIntermediateDirectories: true)
    let file = open(held + "/events.jsonl", O_RDWR | O_CREAT, 0o644)
    defer { close(file) }
    try #require(flock(file, LOCK_EX | LOCK_NB) == 0)
    for options in [[], ["--jobs", "2"]] {
      let found = try run(bench, "one", ["--resume"] + options)
      #expect(found.status == 74, "\(found.errors)")
      #expect(found.errors.contains("another process runs in"), "\(found.errors)")
      #expect(found.output.isEmpty)
    }
    #expect(flock(file, LOCK_UN) == 0)
    let free = try run(bench, "one", ["--resume", "--jobs", "2"])
    #expect(free.status == 0 && free.output.contains("diverged"), "\(free.errors)")
  }

  @Test("What cannot be is told before anything runs")
  func mistakes() throws {
    let bench = try Workbench()
    for (options, words) in [
      (["--jobs", "0"], "--jobs must be from 1 to 256, got 0"),
      (["--checkpoint", "0"], "--checkpoint must be 1 or more"),
      (["--cell", "x"], "--cell is for processes that norma starts"),
    ] {
      let found = try run(bench, "none", options)
      #expect(found.status == 64 && found.errors.contains(words), "\(found.errors)")
    }
    #expect(try !bench.names(".").contains("none"))
  }
}
