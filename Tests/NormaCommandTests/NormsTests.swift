import Foundation
import Testing

/// `norma norms`, `plugins` and `doctor`, and what all commands share.
struct NormsTests {
  private let builtIns = ["batch", "group", "instance", "layer", "rms"]

  @Test("The list has every built-in and the zoo with their sources, as text and as JSON")
  func list() throws {
    let text = try Command(["norms", "list"])
    #expect(text.status == 0 && text.errors.isEmpty)
    for name in builtIns { #expect(text.output.contains("\n\(name) ")) }
    let items = try Command(["norms", "list", "--json"]).json as? [[String: Any]]
    let sources = Dictionary(
      uniqueKeysWithValues: (items ?? []).compactMap { item -> (String, String)? in
        guard let name = item["name"] as? String, let source = item["source"] as? String
        else { return nil }
        return (name, source)
      })
    #expect(sources.filter { $0.value == "built-in" }.keys.sorted() == builtIns)
    for (name, source) in sources where source != "built-in" {
      #expect(source.hasPrefix("zoo/\(name).lua:"))
    }
  }

  @Test("A page has formula, gradient, settings, state and paper", arguments: ["layer", "batch"])
  func show(name: String) throws {
    let page = try Command(["norms", "show", name])
    #expect(page.status == 0 && page.errors.isEmpty)
    for part in ["y = ", "dx = ", "dgamma = ", "epsilon", ">= 0", "gain", "arXiv", "built-in"] {
      #expect(page.output.contains(part), "\(part)")
    }
  }

  @Test("Batch norm's page tells its modes apart and shows its running buffers")
  func modes() throws {
    let page = try Command(["norms", "show", "batch"]).output
    #expect(page.contains("formula (train)") && page.contains("formula (infer)"))
    #expect(page.contains("running_mean = (1 - momentum) * running_mean + momentum * mean"))
    let infer = try Command(["norms", "show", "batch", "--mode", "infer"]).output
    #expect(!infer.contains("formula (train)"))
  }

  @Test("Settings change the page: without scale there is no gamma in the formula")
  func settings() throws {
    let page = try Command(["norms", "show", "rms", "--hyper", "scale=false", "--json"]).json
    let formulas = (page as? [String: Any])?["formulas"] as? [[String: Any]]
    #expect(
      formulas?.first?["forward"] as? [String]
        == ["y = x * rsqrt(mean_square(x, channel) + epsilon)"])
  }

  @Test("A plan is of the given shape; a shape the norm cannot take is refused")
  func plan() throws {
    let plan = try Command(["norms", "show", "layer", "--plan", "--shape", "64x32"])
    #expect(plan.status == 0 && plan.output.contains("64 rows of 32"))
    let groups = try Command(["norms", "show", "group", "--plan", "--shape", "8x128"])
    #expect(groups.output.contains("256 rows of 4, channels-last, a row for each group"))
    let refused = try Command(["norms", "show", "group", "--shape", "8x30"])
    #expect(refused.status == 64 && refused.errors.contains("1 2 3 5 6 10 15 30"))
    #expect(try Command(["norms", "show", "layer", "--shape", "3xx"]).status == 64)
    #expect(try Command(["norms", "show", "lyer"]).errors.contains("did you mean 'layer'?"))
  }

  @Test(
    "Built-in norms are interpreted as a few loops, not as one an operation",
    arguments: [
      ("rms", "70x50", "-1"), ("layer", "70x50", "-1"), ("group", "4x6x6x32", "-1"),
      ("group", "4x32x6x6", "1"), ("batch", "9x6x6x32", "-1"), ("batch", "9x32x6x6", "1"),
    ])
  func interpreted(_ norm: String, _ shape: String, _ axis: String) throws {
    let show = try Command([
      "norms", "show", norm, "--plan", "--shape", shape, "--axis", axis, "--mode", "train",
      "--executor", "tiles",
    ])
    let passes = show.output.split(separator: "\n").compactMap {
      $0.split(separator: ";").last.flatMap {
        $0.hasPrefix(" interpreted as ") ? $0.dropFirst(16) : nil
      }
    }
    let (statistics, sums) =
      switch norm {
      case "rms": ("sum", "sum, sum")
      case "batch": ("moments", "two sums")
      // The sums of the input's gradient and of gamma's have the same terms, but for factors.
      case "group": ("moments", "two sums with two sums")
      default: ("moments", "two sums, two sums")
      }
    #expect(
      passes.map(String.init) == [statistics, "normalize", sums, "gradient"], "\(show.output)")
  }

  @Test("A plan has the neighbours that --fuse names, and says what would run it")
  func fusedPlan() throws {
    let show = ["norms", "show", "layer", "--plan", "--shape", "64x32", "--mode", "train"]
    let tiles = show + ["--executor", "tiles"]
    let alone = try Command(tiles)
    #expect(alone.status == 0 && alone.errors.isEmpty)
    #expect(alone.output.contains("runs        the tile interpreter"))
    #expect(!alone.output.contains("fused with"))
    let fused = try Command(tiles + ["--fuse", "residual,skip,relu"])
    #expect(fused.output.contains("fused with  residual before, skip's gradient, relu after"))
    // x, residual in; sum and y out.
    #expect(fused.output.contains("16384 bytes read, 16384 written"))
    #expect(alone.output.contains("8192 bytes read, 8192 written"))
    let native = try Command(show + ["--executor", "native", "--compile-wait", "60"])
    #expect(native.status == 0)
    #expect(native.output.contains("lines of C") == native.errors.isEmpty, "\(native.errors)")
    for (fuse, part) in [
      ("rleu", "did you mean 'relu'?"), ("relu,gelu", "not both relu and gelu"), ("", "''"),
      ("skip,skip", "'skip' is given twice"),
    ] {
      let wrong = try Command(tiles + ["--fuse", fuse])
      #expect(wrong.status == 64 && wrong.output.isEmpty)
      #expect(wrong.errors.contains(part) && wrong.errors.contains("hint: "), "\(wrong.errors)")
    }
    let planless = try Command(["norms", "show", "layer", "--fuse", "relu"])
    #expect(planless.status == 64 && planless.errors.contains("without --plan"))
  }

  @Test("A dry run lists what each norm was fused with")
  func dryRun() throws {
    let bench = try Workbench()
    let text = """
      model("m", { input = { 2 }, nn.linear { 8 }, nn.norm(), nn.relu(),
        nn.residual { nn.norm "layer", nn.linear { 8 } }, nn.norm(), nn.linear { 3 } })
      experiment { model = "m", data = dataset "spirals" { train = 60 },
        sweep = { { "norm", { "rms", "none", "batch" } } }, train = { epochs = 1, batch = 20 } }
      """
    try Data(text.utf8).write(to: bench.folder.appending(path: "m.lua"))
    let run = try Command(
      ["run", bench.path("m.lua"), "--dry-run", "--executor", "tiles", "--threads", "1"])
    #expect(run.status == 0, "\(run.errors)")
    let said = run.output + run.errors
    for line in [
      "2.norm             rms, batch  + relu after",
      "4.residual.1.norm  layer       + skip's gradient",
      "5.norm             rms, batch  + residual before",
    ] {
      #expect(said.contains(line), "\(said)")
    }
  }

  @Test("A script's norm is listed with its line, shown, and applied like a built-in")
  func script() throws {
    let bench = try Workbench()
    let text = """
      print("defining")
      norm.define("scaled", {
        param = { gain = norm.per_channel { 3 } },
        forward = function(x, s) return x * s.gain end,
      })
      """
    try Data(text.utf8).write(to: bench.folder.appending(path: "n.lua"))
    let script = ["--script", bench.path("n.lua")]
    let list = try Command(["norms", "list"] + script)
    #expect(list.output.contains("n.lua:2"), "\(list.errors)")
    #expect(list.errors == "defining\n")
    #expect(try Command(["norms", "show", "scaled"] + script).output.contains("y = x * gain"))
    let x = try bench.array("x.npy", [1, 2], [1, -2])
    let out = ["--out", bench.path("out")]
    let command = try Command(["apply", "scaled", "--input", x, "--grad", x] + script + out)
    #expect(command.status == 0, "\(command.errors)")
    #expect(try bench.read("out/y.npy").values == [3, -6])
    #expect(try bench.read("out/grad_gain.npy").values == [1, 4])
    try Data("norm.define(\n".utf8).write(to: bench.folder.appending(path: "n.lua"))
    let broken = try Command(["norms", "list"] + script)
    #expect(broken.status == 65 && broken.errors.contains("n.lua:"))
    #expect(try Command(["norms", "list", "--script", "none.lua"]).status == 66)
  }

  @Test("A plugin's norms are listed with their source; what is no plugin is refused with a reason")
  func plugins() throws {
    let bench = try Workbench()
    try Data("no library".utf8).write(to: bench.folder.appending(path: "broken.so"))
    let environment = ["NORMA_PLUGIN_PATH": bench.folder.path]
    let list = try Command(["plugins", "list"], environment: environment)
    #expect(list.status == 0)
    #expect(list.output.contains("refused") && list.output.contains("broken.so"))
    let items = try Command(["plugins", "list", "--json"], environment: environment).json
    #expect((items as? [[String: Any]])?.first?["accepted"] as? Bool == false)
    let norms = try Command(["norms", "list"], environment: environment)
    #expect(norms.status == 0 && norms.errors.contains("broken.so"))
    let none = try Command(["plugins", "list"])
    #expect(none.status == 0 && none.errors.contains("NORMA_PLUGIN_PATH"))
  }

  @Test("The doctor names versions, processor and data sets")
  func doctor() throws {
    let report = try Command(["doctor", "--json"]).json as? [String: Any]
    let machine = report?["machine"] as? [String: Any]
    #expect(machine?["cores"] as? Int ?? 0 > 0)
    #expect((machine?["compiler"] as? String)?.hasPrefix("/") == true)
    let libraries = machine?["libraries"] as? [[String: Any]]
    #expect(libraries?.compactMap { $0["name"] as? String } == ["lua", "onednn"])
    #expect(libraries?.allSatisfy { $0["version"] as? String != "unknown" } == true)
    let sets = report?["dataSets"] as? [[String: Any]]
    #expect(sets?.contains { $0["name"] as? String == "fashion-mnist" } == true)
    #expect(sets?.allSatisfy { $0["location"] != nil || $0["help"] != nil } == true)
  }

  @Test("Help and version succeed on standard output; mistakes end with 64 on standard error")
  func shell() throws {
    #expect(try Command(["--version"]).output.hasPrefix("norma "))
    let help = try Command(["--help"])
    #expect(help.status == 0 && help.output.contains("apply") && help.errors.isEmpty)
    let mistyped = try Command(["aply"])
    #expect(mistyped.status == 64 && mistyped.output.isEmpty)
    #expect(mistyped.errors.contains("'aply'; did you mean 'apply'?"))
    #expect(try Command(["norms", "lst"]).errors.contains("did you mean 'list'?"))
    let option = try Command(["norms", "list", "--jsn"])
    #expect(option.status == 64 && option.errors.hasPrefix("norma: "))
  }

  @Test("Every command's help has two examples or more")
  func examples() throws {
    let commands = [
      [], ["apply"], ["norms"], ["norms", "list"], ["norms", "show"], ["norms", "bench"],
      ["plugins"],
      ["plugins", "list"], ["doctor"],
    ]
    for command in commands {
      let help = try Command(command + ["--help"]).output
      let after = help.components(separatedBy: "Examples:").last ?? ""
      let examples = after.components(separatedBy: "USAGE:").first ?? ""
      #expect(examples.components(separatedBy: "norma ").count > 2, "\(command)")
    }
  }

  @Test("Colour is written when asked for and never into a file by itself")
  func color() throws {
    #expect(!(try Command(["norms", "list"]).output.contains("\u{1B}")))
    #expect(try Command(["norms", "list", "--color", "always"]).output.contains("\u{1B}[36m"))
    #expect(try Command(["norms", "show", "x", "--color", "always"]).errors.contains("\u{1B}["))
    let forced = ["FORCE_COLOR": "1", "NO_COLOR": "1"]
    #expect(!(try Command(["norms", "list"], environment: forced).output.contains("\u{1B}")))
  }
}
