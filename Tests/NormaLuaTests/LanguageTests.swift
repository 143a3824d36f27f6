import NormaCore
import NormaLua
import NormaNorms
import Testing

/// What the definition language says beside element-wise words and plain reductions.
@Suite("The definition language")
struct LanguageTests {
  @Test("A slice is some channels: reductions leave the others out, concat puts slices together")
  func slices() throws {
    try runNorms(
      """
      norm.define("halves", { forward = function(x, s)
        local n = x:size("channel")
        local a, b = x:slice("channel", 1, 2), x:slice("channel", 3, n)
        assert(a:size("channel") == 2)
        return concat(a - a:mean("channel"), b / b:norm(2, "channel")) + x:slice("channel", 1, n) * 0
          + a:max_over("channel") - a:min_over("channel")
      end })
      local x = tensor { { 1, 3, 3, 4 }, { 2, 6, 8, 6 } }
      local y = norm.halves():apply(x)
      assert(y:close(tensor { { -1 + 2, 1 + 2, 0.6 + 2, 0.8 + 2 }, { -2 + 4, 2 + 4, 0.8 + 4, 0.6 + 4 } }))
      norm.define("spread", { forward = function(x, s)
        return x * x:slice("channel", 1, 3):variance("channel")
          + x:slice("channel", 2, 3):sum("channel") + x:slice("channel", 2, 3):mean_square("channel")
      end })
      assert(norm.spread():apply(tensor { { 1, 2, 3, 100 } }):close(tensor { { 2/3 + 11.5, 4/3 + 11.5, 2 + 11.5, 200/3 + 11.5 } }, 1e-4))
      """)
  }

  @Test(
    "What slices cannot do is said",
    arguments: [
      (
        "x:slice(\"channel\", 1, 3) * x:slice(\"channel\", 4, 7)",
        "slices of 3 and 4 channels do not combine in '*'"
      ),
      ("x * x:slice(\"channel\", 1, 3)", "slices of 7 and 3 channels do not combine in '*'"),
      ("x:slice(\"channel\", 0, 3)", "channels 0 to 3 of 7 are no slice"),
      ("x:slice(\"channel\", 3, 9)", "channels 3 to 9 of 7 are no slice"),
      ("x:slice(\"space\", 1, 3)", "slice goes along \"channel\", got 'space'"),
      ("x:slice(\"channel\", 1, 3)", "the output is channels 1 to 3 of 7"),
      (
        "concat(x:slice(\"channel\", 1, 3), x:slice(\"channel\", 5, 7))",
        "concat: channels 5 to 7 follow channel 3"
      ),
      (
        "concat(x:slice(\"channel\", 1, 3), x:slice(\"channel\", 4, 6))",
        "concat: channels 7 to 7 are missing"
      ),
      ("concat(x, x)", "concat takes slices of channels"),
      ("concat(1, 2)", "slices of a formula's tensor are needed, got 1, 2"),
      ("x:slice(\"channel\", 1, 6):slice(\"channel\", 1, 3)", "a slice of a slice is not possible"),
      ("x:mean(\"channel\"):slice(\"channel\", 1, 1)", "has no channels to slice"),
      ("x:slice(\"channel\", 1, 6):group(2)", "a slice of channels cannot be grouped"),
      ("x:size(\"batch\")", "size knows \"channel\", and of grouped channels"),
    ])
  func sliceErrors(_ expression: String, _ words: String) throws {
    let error = try normFailure(
      of: """
        norm.define("a", { forward = function(x)
          if x:size("channel") ~= 7 then return x:tanh() end
          return \(expression)
        end })
        norm.a():apply(tensor.random(1, { 3, 7 }))
        """)
    #expect(error.message.contains(words), "\(error.message)")
  }

  @Test("Second inputs come with the call, and have gradients")
  func secondInputs() throws {
    try runNorms(
      """
      norm.define("film2", {
        input = { gain = norm.input { "batch", "channel" }, map = norm.input(), row = norm.input { "channel" } },
        forward = function(x, s) return x * s.gain + s.map * s.row end })
      local x, g, m = tensor.random(1, { 3, 5, 2 }), tensor.random(2, { 3, 2 }), tensor.random(3, { 3, 5, 2 })
      local input = { gain = g, map = m, row = tensor { 2, 3 } }
      local y = norm.film2():apply(x, { input = input })
      assert(y.shape[2] == 5)
      local d = norm.film2():gradient(x, m, { input = input })
      assert(d.gain.shape[1] == 3 and d.gain.shape[2] == 2)
      assert(math.abs(d.row:sum() - (m * m):sum()) < 1e-4 and math.abs(d.gain:sum() - (m * x):sum()) < 1e-4)
      local function refused(input, words)
        local ok, message = pcall(function() norm.film2():apply(x, { input = input }) end)
        assert(not ok and tostring(message):find(words, 1, true), tostring(message))
      end
      refused({ gain = g, map = m }, "the input 'row' is missing")
      refused({ gain = m, map = m, row = tensor { 2, 3 } }, "the input 'gain' has shape [3, 5, 2], needed is [3, 2]")
      refused({ gain = g, map = m, rows = tensor { 2, 3 } }, "no input 'rows' in input; did you mean 'row'?")
      """)
  }

  @Test("A weighted mean is exact where a sum of weighted values is not")
  func weights() throws {
    try runNorms(
      """
      norm.define("weighed", { input = { w = norm.input { "batch", "space", min = 0 } },
        forward = function(x, s)
          return (x - x:mean("batch", "space", { weight = s.w })) / x:variance("batch", "space", { weight = s.w }):sqrt()
        end })
      local z = tensor.random(1, { 8, 3 })
      local w = tensor { 1, 0, 2, 0.5, 1, 0, 1, 3 }
      local plain = norm.weighed():apply(z, { input = { w = w }, executor = "reference" })
      assert(norm.weighed():apply(z, { input = { w = w } }):close(plain))
      local far = norm.weighed():apply(z + 1e6, { input = { w = w } })
      assert(far:close(norm.weighed():apply(z + 1e6, { input = { w = w }, executor = "reference" }), 1e-5))
      """)
    let error = try normFailure(
      of: """
        norm.define("a", { forward = function(x)
          return x:variance("channel", { weight = x, correction = 1 }) * x end })
        """)
    #expect(error.message.contains("'weight' and 'correction' exclude each other"))
  }

  @Test("backward takes the place of derivatives; what it leaves out is derived")
  func backward() throws {
    try runNorms(
      """
      norm.define("straight", { param = { gamma = norm.per_channel { 2 } }, gradient = "own",
        forward = function(x, s) return x:sign() * s.gamma end,
        backward = function(x, dy, s) return dy * s.gamma end })
      local x, dy = tensor.random(1, { 4, 3 }), tensor.random(2, { 4, 3 })
      local g = norm.straight():gradient(x, dy)
      assert(g.x:close(dy * 2) and math.abs(g.gamma:sum() - (x:sign() * dy):sum()) < 1e-5)
      norm.define("named", { param = { gamma = norm.per_channel { 2 } }, gradient = "own",
        forward = function(x, s) return x * s.gamma end,
        backward = function(x, dy, s) return { x = dy, gamma = dy:sum("batch", "space") } end })
      assert(math.abs(norm.named():gradient(x, dy).gamma:sum() - dy:sum()) < 1e-5)
      """)
    for (backward, words) in [
      ("return { z = dy }", "backward gives a gradient of 'z', which there is not"),
      ("return { gamma = dy }", "varies along (channel), a gradient along (batch,space,channel)"),
      ("return dy, dy", "backward returned 2 values"),
      ("", "backward returned nothing in train mode"),
    ] {
      let error = try normFailure(
        of: """
          norm.define("a", { param = { gamma = norm.per_channel { 2 } },
            forward = function(x, s) return x * s.gamma end,
            backward = function(x, dy, s) \(backward) end })
          """)
      #expect(error.message.contains(words), "\(error.message)")
    }
    let bare = try normFailure(
      of: "norm.define(\"a\", { gradient = \"own\", forward = function(x) return x end })")
    #expect(bare.message.contains("gradient = \"own\" needs a backward"))
  }

  @Test("schedule.ramp moves a real hyper-parameter; a branch feeds a norm; weights take norms")
  func models() throws {
    let outcome = try runLab(
      """
      norm.define("limited", { hyper = { top = norm.real { 1, above = 0 } },
        input = { gain = norm.input { "batch", "channel" } },
        forward = function(x, s) return x:clamp(-s.top, s.top) * s.gain end })
      model("m", { input = { 2 },
        nn.linear { 8, weight_norm = "instance" }, nn.branch { name = "g", nn.linear { 8 }, nn.sigmoid() },
        nn.norm { "limited", gain = "g", top = schedule.ramp { 1, 3, from = 2, to = 6 } },
        nn.relu(), nn.linear { 3 } })
      print(model "m")
      local r = experiment { model = "m", data = dataset "spirals" { train = 64, validate = 16 },
        train = { steps = 8, optimizer = optim.sgd { rate = 0.1 } }, sweep = { { "batch", { 8 } } } }
      print(r:best { by = "loss" }.loss > 0)
      print(schedule.ramp { 1, 3, to = 6 })
      """)
    #expect(outcome.error == nil)
    #expect(outcome.printed.first?.contains("weight_norm=instance") == true)
    #expect(outcome.printed.first?.contains("gain = g") == true)
    #expect(outcome.printed.dropFirst() == ["true", "1..3@0..6"])
    for (text, words) in [
      ("schedule.ramp { 1, 3 }", "'to'"),
      ("schedule.ramp { 1, 3, from = 6, to = 2 }", "a ramp goes"),
      ("norm.rms { epsilon = schedule.ramp { 1, -1, to = 5 } }", "'epsilon' must be >= 0"),
      ("nn.branch { nn.relu() }", "'name' is missing"),
    ] {
      #expect(try runLab(text).error?.message.contains(words) == true, "\(text)")
    }
  }
}
