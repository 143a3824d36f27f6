import Foundation
import Testing

/// `norma runs` and where runs are found again.
@Suite("Runs that are kept")
struct RunsTests {
  /// Two norms and two seeds, and a single run beside them.
  private static func kept(_ bench: Workbench) throws {
    for (name, sweep) in [
      ("many", #"sweep = { { "norm", { "batch", "layer" } }, { "seed", { 1, 2 } } },"#),
      ("one", ""),
    ] {
      let path = bench.path(name + ".lua")
      try Data(
        """
        model("net", { input = { 2 }, norm = "rms", nn.linear { 16 }, nn.norm(), nn.relu(), nn.linear { 3 } })
        experiment { name = "\(name)", model = "net",
          data = dataset "spirals" { train = 96, validate = 30 }, \(sweep)
          train = { steps = 20, batch = 16 } }
        """.utf8
      ).write(to: URL(filePath: path))
      let found = try Command(
        ["run", path, "--out", bench.path("kept/" + name), "--executor", "tiles", "--quiet"])
      #expect(found.status == 0, "\(found.errors)")
    }
  }

  @Test("A list of what there is, a summary, and a comparison that can fail a build")
  func commands() throws {
    let bench = try Workbench()
    try Self.kept(bench)
    try FileManager.default.createDirectory(
      atPath: bench.path("kept/other"), withIntermediateDirectories: true)
    let list = try Command(["runs", "list", bench.path("kept")])
    #expect(list.status == 0 && !list.output.contains("other"))
    #expect(list.output.split(separator: "\n").count == 3)
    #expect(list.output.contains(/many +many +4 +done/))
    let show = try Command(["runs", "show", bench.path("kept/many")])
    #expect(show.output.contains(/batch .* ± .* 2\n/) && show.output.contains(" *"))
    let value = try Command([
      "runs", "show", bench.path("kept/many"), "--value", "val_loss", "--json",
    ])
    let rows = try #require(try value.json as? [[String: Any]])
    #expect(rows.count == 2)
    let measures = try #require(rows[0]["measures"] as? [String: [String: Any]])
    #expect(Array(measures.keys) == ["val_loss"] && measures["val_loss"]?["count"] as? Int == 2)
    let both = [bench.path("kept/one"), bench.path("kept/many")]
    let compare = try Command(["runs", "compare"] + both + ["--value", "val_loss"])
    #expect(compare.status == 0, "\(compare.errors)")
    #expect(compare.output.contains(/many +batch +[0-9.]+ ± [0-9.]+ +[+-][0-9.]+/))
    // The same twice is no more seeds; a folder above shows all that is in it.
    let twice = try Command(["runs", "show", bench.path("kept/many"), bench.path("kept/many/")])
    #expect(twice.output == show.output)
    let above = try Command(["runs", "show", bench.path("kept")])
    #expect(above.output.contains(/many +batch/) && above.output.contains(/one +/))
    let worse = try Command(
      ["runs", "compare"] + both.reversed() + ["--value", "parameters", "--within", "0"])
    #expect(worse.status == 0, "fewer parameters are no worse: \(worse.errors)")
    let more = try Command(
      ["runs", "compare"] + both + ["--value", "parameters", "--within", "0"])
    #expect(more.status == 2 && more.errors.contains("worse by more than"))
  }

  @Test("The same script before and after a change: settings are compared with their like")
  func beforeAndAfter() throws {
    let bench = try Workbench()
    try Self.kept(bench)
    let after = try Command(
      [
        "run", bench.path("many.lua"), "--out", bench.path("kept/after"), "--executor", "tiles",
        "--set", "steps=2", "--quiet",
      ])
    #expect(after.status == 0)
    let folders = [bench.path("kept/many"), bench.path("kept/after")]
    let found = try Command(
      ["runs", "compare"] + folders + ["--value", "train_loss", "--within", "0.01", "--json"])
    #expect(found.status == 2 && found.errors.contains("after batch: train_loss +"))
    let json = try #require(try found.json as? [String: Any])
    let comparisons = try #require(json["comparisons"] as? [[String: Any]])
    let pairs = comparisons.map { "\($0["from"] ?? "") > \($0["run"] ?? "")" }
    #expect(
      pairs == ["many batch > after batch", "many layer > after layer"])
    #expect(try Command(["runs", "show"] + folders).output.contains(/after +layer .* 2\n/))
  }

  @Test("What cannot be shown says why")
  func mistakes() throws {
    let bench = try Workbench()
    for (arguments, status, words) in [
      (["list", bench.path("none")], 66, "there is no folder"),
      (["show", bench.path("none")], 66, "there is no folder"),
      (["show", ".", "--value", "val_los"], 64, "did you mean 'val_loss'"),
      (["compare", "a", "--within=-1"], 64, "--within must be 0 or more"),
      (["compare", "a", "./a"], 64, "a folder is named twice"),
      (["lst"], 64, "did you mean 'list'"),
    ] {
      let found = try Command(["runs"] + arguments)
      #expect(found.status == status && found.errors.contains(words), "\(found.errors)")
    }
    let empty = try Command(["runs", "list", bench.folder.path])
    #expect(empty.status == 0 && empty.output.contains("there are no runs"))
  }

  @Test("Resumed without --out: the folder of the experiment that is meant, not of one like it")
  func resumesTheRightOne() throws {
    let bench = try Workbench()
    for (name, steps) in [("net", 3), ("net-2", 4), ("net", 5)] {
      let path = bench.path("x.lua")
      try Data(
        """
        model("m", { input = { 2 }, nn.linear { 3 } })
        experiment { name = "\(name)", model = "m", data = dataset "spirals" { train = 96, validate = 30 },
          train = { steps = \(steps), batch = 16 } }
        """.utf8
      ).write(to: URL(filePath: path))
      let arguments = [
        "-C", bench.folder.path, try Command.binary.get().path, "run", path, "--quiet",
        "--executor", "tiles",
      ]
      let env = URL(filePath: "/usr/bin/env")
      #expect(try Command(arguments, program: env).status == 0)
      let before = try bench.names("runs")
      // The same again finds what it made, though a later one has a like name.
      let again = try Command(arguments + ["--resume"], program: env)
      #expect(again.status == 0, "\(again.errors)")
      #expect(try bench.names("runs") == before)
    }
    #expect(try bench.names("runs").count == 3)
  }

  @Test("On a terminal of 60 columns no line is broken, and a sweep's table marks the best")
  func terminal() throws {
    let bench = try Workbench()
    let path = bench.path("sweep.lua")
    try Data(
      """
      model("net", { input = { 2 }, nn.linear { 64 }, nn.norm(), nn.relu(), nn.linear { 3 } })
      experiment { name = "a long name of an experiment", model = "net",
        data = dataset "spirals" { train = 96, validate = 30 },
        sweep = { { "norm", { "batch", norm.group { groups = 4, epsilon = 1e-3 } } }, { "seed", { 1, 2 } } },
        train = { steps = 400, batch = 16 } }
      """.utf8
    ).write(to: URL(filePath: path))
    let binary = try Command.binary.get().path
    for options in [[], ["--jobs", "2"]] {
      let out = bench.path("out\(options.count)")
      let command = ([binary, "run", path, "--out", out, "--executor", "tiles"] + options)
        .map { "'\($0)'" }.joined(separator: " ")
      // script gives the command a terminal and keeps what it writes there.
      let found = try Command(
        ["-qec", "stty cols 60 rows 30; \(command)", bench.path("typescript")],
        environment: ["TERM": "xterm-256color"], program: URL(filePath: "/usr/bin/script"))
      #expect(found.status == 0, "\(found.output)")
      #expect(found.output.contains("\u{1B}["))
      let shown = found.output.replacing(/\u{1B}\[[0-9;?]*[A-Za-z]/, with: "")
        .split(whereSeparator: \.isNewline)
      #expect(shown.allSatisfy { $0.count < 60 }, "\(shown.filter { $0.count >= 60 })")
      let table = shown.suffix(5)
      #expect(table.first?.hasPrefix("norm") == true && table.count { $0.contains(" *") } >= 1)
    }
    // The same into a file: lines only.
    let plain = try Command(["run", path, "--out", bench.path("plain"), "--executor", "tiles"])
    #expect(plain.status == 0 && !plain.errors.contains("\u{1B}") && !plain.errors.contains("\r"))
    #expect(plain.errors.split(separator: "\n").allSatisfy { $0.contains(/^\d{4}-\d\d-\d\dT/) })
  }
}
