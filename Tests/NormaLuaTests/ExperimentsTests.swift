import Foundation
import NormaCore
import NormaLab
import NormaLua
import NormaNetwork
import Testing

@Test("A script declares a model, sweeps norms and seeds, and prints tables of what it found")
func sweepScript() throws {
  let outcome = try runLab(
    smallModel + """
      local r = experiment { name = "small", model = "small", data = points,
        sweep = { { "norm", { "batch", norm.group { groups = 4 }, "none" } },
                  { "batch", { 8, 32 } }, { "seed", { 1, 2 } } },
        train = { steps = 6, optimizer = optim.sgd { rate = 0.05, momentum = 0.9 },
                  schedule = schedule.cosine { warm_up = 2 }, clip = 5, rate_scale = "linear" },
        watch = { "loss", "accuracy", "step_ms" } }
      print(r)
      print(r:table { rows = "norm", columns = "batch", value = "accuracy", over = "seed" })
      local best = r:best { by = "loss", at = { batch = 8 } }
      print(best.batch, best.loss > 0 and best.loss < math.log(3) * 1.5)
      """)
  #expect(outcome.error == nil)
  let summary = try #require(outcome.printed.first).split(separator: "\n")
  #expect(summary[0].split(separator: " ") == ["norm", "batch", "loss", "accuracy", "step_ms"])
  #expect(summary.count == 1 + 6 + 1)
  #expect(summary[3].hasPrefix("group(groups=4)  8"))
  let table = try #require(outcome.printed.dropFirst().first)
  #expect(table.split(separator: "\n").count == 5)
  #expect(table.contains("batch=32"))
  #expect(outcome.printed[2] == "8\ttrue")
}

@Test("Layers are made from the catalog; lists in lists are flattened; each knows its line")
func layers() throws {
  let outcome = try runLab(
    """
    local function block(out) return { nn.conv { out, kernel = 3, bias = false }, nn.norm(), nn.relu() } end
    print(model("net", { input = { 8, 8, 1 }, norm = norm.group { groups = 2 },
      block(4), { { nn.maxpool { 2 } } }, nn.residual { block(4) },
      nn.flatten(), nn.linear { 6 }, nn.norm { "group", groups = 3 }, nn.norm "layer",
      nn.dropout { 0.5 }, nn.linear { units = 64 / 16 } }))
    print(nn.conv { 8, kernel = { 3, 5 } })
    """)
  #expect(outcome.error == nil)
  let lines = try #require(outcome.printed.first).split(separator: "\n")
  #expect(lines.count == 12)
  #expect(lines[0].contains("norm group(groups=2)"))
  #expect(lines[4].hasSuffix("4×4×4"))
  #expect(lines[5].contains("[conv") && lines[5].hasSuffix("4×4×4"))
  #expect(lines[8].contains("norm group(groups=3)") && lines[9].contains("norm layer"))
  #expect(lines[11].hasSuffix(" 4"))
  #expect(outcome.printed[1] == "nn.conv { channels = 8, kernel = { 3, 5 } }")
}

@Test("A model with options is built for each cell; --set changes options, lists and the data")
func builtModels() throws {
  let outcome = try runLab(
    """
    model("deep", { input = { 2 }, options = { depth = 1, width = 4 }, build = function(o)
      local t = {}
      for _ = 1, o.depth do t[#t + 1] = { nn.linear { o.width }, nn.norm "rms", nn.tanh() } end
      t[#t + 1] = nn.linear { 3 }
      return t
    end })
    local r = experiment { model = "deep", data = dataset "spirals" { train = 64, validate = 10 },
      sweep = { { "depth", { 1, 2 } } }, train = { steps = 2, batch = 8 },
      watch = { "parameters" } }
    print(r)
    """
  ) { $0.overrides = [SettingOverride("width", .plain(.number(8)))] }
  #expect(outcome.error == nil)
  #expect(
    outcome.printed == [
      """
      depth  width  parameters
      1      8              59
      2      8             139
      """
    ])
}

@Test("Weights of the best cell are saved in the experiment's folder, loaded and measured")
func savedWeights() throws {
  let folder = NSTemporaryDirectory() + "norma-experiments-\(UUID().uuidString)"
  defer { try? FileManager.default.removeItem(atPath: folder) }
  let outcome = try runLab(
    smallModel + """
      local r = experiment { model = "small", data = points, test = true,
        sweep = { { "seed", { 1, 2 } } }, train = { epochs = 3, batch = 8 } }
      local path = r:best { by = "test_accuracy" }:save "best.safetensors"
      local n = model "small":load(path)
      local found = n:evaluate(dataset "spirals" {})
      print(n.parameters, found.count, found.accuracy == r:best { by = "test_accuracy" }.test_accuracy)
      r:best():save "../best.safetensors"
      """
  ) {
    $0.writes = true
    $0.out = folder
  }
  #expect(outcome.printed == ["115\t1000\ttrue"])
  #expect(outcome.error?.message.contains("leads out of the run's folder") == true)
}

@Test("The zoo of a sweep may hold norms that the script itself defines")
func scriptNorms() throws {
  let outcome = try runLab(
    smallModel + """
      norm.define("rms_plus", {
        hyper = { epsilon = norm.real { 1e-6, min = 0 } },
        param = { gamma = norm.per_channel { 1 } },
        forward = function(x, s) return x * ((x^2):mean("channel") + s.epsilon):rsqrt() * s.gamma end,
      })
      local r = experiment { model = "small", data = points, train = { steps = 5, batch = 8 },
        sweep = { { "norm", { "rms_plus", norm.rms_plus { epsilon = 1e-3 } } } }, watch = { "loss" } }
      print(r)
      """)
  #expect(outcome.error == nil, "\(outcome.error?.description ?? "")")
  #expect(outcome.printed.first?.contains("rms_plus(epsilon=0.001)") == true)
}

@Test("In a dry run a script goes on to its end, with nothing measured")
func dryRun() throws {
  var plans = 0
  let outcome = try runLab(
    smallModel + """
      local r = experiment { model = "small", data = points, sweep = { { "seed", { 1, 2 } } },
        train = { batch = 16 } }
      print(r:table { rows = "seed" })
      r:best { by = "accuracy", at = { seed = 1 } }:save "best.safetensors"
      print(r:best().accuracy > 0)
      """
  ) {
    $0.isDryRun = true
    $0.observer = { if case .plan = $0 { plans += 1 } }
  }
  #expect(outcome.error == nil)
  #expect(plans == 1)
  #expect(outcome.printed.first?.contains("dry run: nothing was measured") == true)
}

@Test("Norms are compared over equal seeds; means have intervals; wrong words are named")
func comparisons() throws {
  let sweep =
    smallModel + """
      local r = experiment { model = "small", data = points, train = { epochs = 2, batch = 16 },
        sweep = { { "norm", { "rms", "layer" } }, { "seed", { 1, 2, 3 } } } }

      """
  let outcome = try runLab(
    sweep + """
      local c = r:compare { "rms", "layer", value = "loss" }
      local rms, layer = r:mean { value = "loss", at = { norm = "rms" } }, r:mean { value = "loss", at = { norm = "layer" } }
      print(math.abs(c.mean - (layer.mean - rms.mean)) < 1e-12, c.pairs, c.low < c.mean and c.mean < c.high, c.p <= 1)
      print(rms.count, rms.deviation > 0, rms.low < rms.mean)
      print(c)
      print(r:table { rows = "norm", value = "loss", spread = "interval" })
      """)
  #expect(outcome.error == nil)
  #expect(outcome.printed.prefix(2) == ["true\t3\ttrue\ttrue", "3\ttrue\ttrue"])
  #expect(outcome.printed[2].hasPrefix("layer - rms: loss "))
  #expect(outcome.printed[3].contains("mean ± half the 95 % interval over 3 values of seed"))
  for (line, words) in [
    ("r:compare { 'rms' }", "it takes two values of an axis"),
    ("r:compare { 'rms', 'lyer' }", "did you mean 'layer'?"),
    ("r:compare { 'rms', 'rms' }", "norm=rms is compared with itself"),
    ("r:mean { at = { sed = 1 } }", "did you mean 'seed'?"),
    ("r:table { rows = 'norm', spread = 'range' }", "'spread' must be one of deviation, interval"),
  ] {
    #expect(try runLab(sweep + line).error?.message.contains(words) == true, "\(line)")
  }
}

@Test("A rule for an early stop, and a budget, are read and checked")
func limits() throws {
  func run(_ train: String, _ more: String = "") throws -> Outcome {
    try runLab(
      smallModel + """
        local r = experiment { model = "small", data = points, \(more)
          train = { epochs = 50, batch = 16, optimizer = optim.sgd { rate = 0 }, \(train) } }
        print(r:mean { value = "seconds" }.count, r:best().loss > 0)
        """)
  }
  #expect(try run("stop = { patience = 2 }").printed == ["1\ttrue"])
  #expect(try run("", "budget = { minutes = 10 },").error == nil)
  for (train, more, words) in [
    ("stop = { patience = 0 }", "", "'patience' must be a number of epochs >= 1"),
    ("stop = { patience = 1, value = 'vall_loss' }", "", "did you mean 'val_loss'?"),
    ("stop = { patience = 1, last = 2 }", "", "no field 'last' in train.stop"),
    ("", "budget = { minutes = 0 },", "'minutes' of budget must be > 0, got 0"),
    ("", "budget = 3,", "budget"),
  ] {
    #expect(try run(train, more).error?.message.contains(words) == true, "\(train)\(more)")
  }
}
