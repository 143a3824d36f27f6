import Foundation
import NormaCore
import NormaLua
import NormaNorms
import Testing

/// Runs a script in a new session and gives what it returns.
@discardableResult
func runNorms(
  _ text: String, in session: ScriptSession? = nil, name: String = "test.lua"
) throws -> [LuaValue] {
  let session = try session ?? ScriptSession()
  return try session.interpreter.run(text: text, name: name)
}

/// The error a script ends with.
func normFailure(of text: String, in session: ScriptSession? = nil) throws -> NormaError {
  var failure: NormaError?
  do {
    try runNorms(text, in: session)
  } catch let error as NormaError {
    failure = error
  }
  return try #require(failure, "the script ran")
}

@Test("The example definitions register, in the order they were written")
func examplesRegister() throws {
  let session = try ScriptSession()
  try runNorms(ExampleScripts.norms, in: session, name: "norms.lua")
  let entry = try session.registry.entry("batch_plus")
  #expect(entry.source == .script(SourcePlace(file: "norms.lua", line: 25)))
  #expect(entry.schema.hyper.map(\.name) == ["epsilon", "momentum"])
  #expect(entry.schema.parameters.map(\.name) == ["gamma", "beta"])
  #expect(entry.schema.parameters.map(\.role) == [.gain, .shift])
  #expect(entry.schema.buffers.map(\.role) == [.runningStatistic, .runningStatistic])
  let rms = try session.registry.entry("rms_plus").schema
  #expect(rms.summary == "x / rms(x), with a learned per-channel gain")
  #expect(rms.hyper[0].doc == "added to the mean square")
  let scale = try NormLayer(NormSpec("scale_plus"), in: session.registry, channelShape: [9])
  #expect(scale.parameters[0].initialValue == 3)
  #expect(scale.parameters[0].shape == [])
}

@Test("Scripted norms equal their built-in twins, forward and backward, in both modes")
func twins() throws {
  try runNorms(ExampleScripts.norms + "\n" + ExampleScripts.twins)
}

@Test("Norms without a twin equal their formula written on numbers")
func formulas() throws {
  try runNorms(
    ExampleScripts.norms + """

      local x = tensor.random(1, { 5, 3 })
      local y = norm.dyt { alpha0 = 0.8 }:apply(x)
      assert(y:close((x * 0.8):tanh()))
      local dy = tensor.random(2, { 5, 3 })
      local g = norm.dyt { alpha0 = 0.8 }:gradient(x, dy)
      assert(g.x:close(dy * 0.8 * (1 - (x * 0.8):tanh():square())))
      assert(math.abs(g.alpha:sum() - (dy * x * (1 - (x * 0.8):tanh():square())):sum()) < 1e-5)
      local row = tensor { { 3, 4 } }
      assert(norm.scale_plus():apply(row):close(row * (2 ^ 0.5 / 5)))
      assert(norm.scale_plus():apply(tensor { { 0, 0 } }):sum() == 0)
      """)
}

@Test("A definition may have everything a built-in has: conditions, aliases, presets, words")
func wholeSchema() throws {
  let session = try ScriptSession()
  try runNorms(
    """
    norm.define("full", {
      doc = "all of it", paper = "arXiv:0",
      hyper = {
        scale = norm.bool { true, doc = "gain" }, kind = norm.choice { "mean", choices = { "mean", "max" } },
        momentum = norm.real { 0.1, min = 0, max = 1 }, groups = norm.int { "auto", words = { "auto" } },
        size = norm.int { optional = true } },
      param = {
        gamma = norm.per_channel { 1, when = "scale", role = "weight", doc = "gain" },
        shift = norm.per { "group" } { 0 } },
      buffer = { peak = norm.scalar { 0 } },
      alias = { decay = function(d) return "momentum", 1 - d end, m = "momentum" },
      presets = { fast = { momentum = 0.5, scale = false } },
      forward = function(x, s, mode)
        assert(s.size == nil or s.size == 4)
        x = x:group(s.groups == "auto" and 2 or s.groups)
        local size = s.kind == "max" and x:abs():max_over("channel") or x:mean_square("channel"):sqrt()
        if mode.train then s.peak:track(size:max_over("batch", "space"), s.momentum) end
        return x / (size + 1) * s.gamma + s.shift + 0 * s.peak
      end })
    local n = norm.full { decay = 0.75, size = 4, preset = "fast" }
    local x = tensor { { 1, -2, 3, 4 }, { 1, -2, 3, 4 } }
    y = n:apply(x)
    assert(norm.full { scale = false }:apply(x) == norm.full():apply(x))
    y, b = norm.full { m = 0.25, kind = "max" }:apply(x, { mode = "train", param = { shift = { 1, 2 } } })
    assert(y:close(tensor { { 1.2, 0.6, 2.6, 2.8 }, { 1.2, 0.6, 2.6, 2.8 } }))
    assert(b.peak:mean() == 1)
    """, in: session)
  let schema = try session.registry.entry("full").schema
  #expect(schema.paper == "arXiv:0")
  #expect(schema.parameters.first { $0.name == "gamma" }?.role == .weight)
  #expect(try schema.resolve(["decay": .real(0.75)])["momentum"] == .real(0.25))
  #expect(try schema.resolve([:], preset: "fast")["scale"] == .bool(false))
}

@Test("Every word of the language traces, and ghost batches speak of their own batch")
func words() throws {
  let unary = ["abs", "sign", "square", "sqrt", "rsqrt", "exp", "log", "tanh", "sigmoid", "erf"]
  let calls =
    unary.map { "x:\($0)()" } + [
      "x:max(0)", "x:min(x)", "x:clamp(-1, 1)", "where(x:gt(0), x, -x)", "where(x:lt(0), 1, x)",
      "x:le(1) + x:ge(2) + x:eq(3)", "2 - x", "2 / x", "x ^ 3", "2 ^ x", "-x", "x:stop()",
      "x - x:min_over('space')", "x / x:norm(3, 'channel')", "x / x:count('batch', 'channel')",
      "math.sqrt(x) + math.max(0, x) + math.abs(x)", "x:chunk(2) - x:chunk(2):mean('batch')",
      "(x:chunk(2) - 1) / x:chunk(2):max_over('chunk', 'batch')",
      "x:group(2) * x:group(2):sum('member')", "where(true, x, 1)",
    ]
  for call in calls {
    try runNorms(
      "norm.define('word', { forward = function(x) return \(call) end })\n"
        + "norm.word():apply(tensor.random(1, { 4, 2 }))")
  }
  try runNorms(
    """
    norm.define("ghost", { forward = function(x)
      x = x:chunk(2)
      return x - x:mean("batch")
    end })
    local y = norm.ghost():apply(tensor { { 1 }, { 3 }, { 10 }, { 30 } })
    assert(y == tensor { { -1 }, { 1 }, { -10 }, { 10 } })
    """)
}

@Test("A script may define a norm again; a built-in only with replace = true")
func redefinition() throws {
  let session = try ScriptSession()
  let define = "norm.define('twice', { forward = function(x) return x * %d end })\n"
  let second = define.replacingOccurrences(of: "%d", with: "2")
  let third = define.replacingOccurrences(of: "%d", with: "3")
  try runNorms(
    second + third + "assert(norm.twice():apply(tensor { 1 }) == tensor { 3 })", in: session)
  try runNorms(
    """
    norm.define("rms", { replace = true, forward = function(x) return x + 1 end })
    assert(norm.rms():apply(tensor { 1 }) == tensor { 2 })
    """, in: session)
}

@Test("A norm is named by string, by constructor, or with settings")
func specs() throws {
  let session = try ScriptSession()
  var specs: [NormSpec] = []
  try session.interpreter.define("use") { call throws(NormaError) in
    specs.append(try session.normSpec(call[0], owner: "use"))
    return []
  }
  try runNorms(
    "use 'group'\nuse(norm.group)\nuse(norm.group { groups = 64 / 2, preset = 'keras' })\nuse 'none'",
    in: session)
  #expect(specs.map(\.label) == ["group", "group", "group(keras, groups=32)", "none"])
  #expect(specs[2].place?.line == 3)
  #expect(try normFailure(of: "use 'gruop'", in: session).message.contains("did you mean 'group'?"))
  #expect(
    try normFailure(of: "use(3)", in: session).message == "use: a norm is expected, got 3")
  #expect(
    try runNorms("return tostring(norm.group { groups = 8 })", in: session).first?.text
      == "group(groups=8)")
}

@Test("A layer built on another thread needs what was traced before")
func otherThread() async throws {
  let session = try ScriptSession()
  try runNorms(ExampleScripts.norms, in: session)
  let registry = session.registry
  // The default settings on 32 channels were traced by define; 64 channels were not.
  let (known, unknown) = await withUnsafeContinuation { continuation in
    let thread = Thread {
      var results: [NormaError?] = []
      for channels in [32, 64] {
        do throws(NormaError) {
          let layer = try NormLayer(
            NormSpec("group_plus"), in: registry, channelShape: [channels])
          _ = try layer.kernel(for: TensorLayout(shape: [2, 3, channels]), mode: .train)
          results.append(nil)
        } catch {
          results.append(error)
        }
      }
      continuation.resume(returning: (results[0], results[1]))
    }
    thread.start()
  }
  #expect(known == nil)
  #expect(unknown?.message.contains("another thread") == true)
}

@Test("A parameter that its condition switches off has no gradient; its number stands for it")
func absentParameter() throws {
  try runNorms(
    """
    norm.define("switched", {
      hyper = { scale = norm.bool { true } },
      param = { gamma = norm.per_channel { 2, when = "scale" } },
      buffer = { mean = norm.per_channel { 0, when = "scale" } },
      forward = function(x, s)
        if not s.scale then return x * s.gamma end
        return (x - s.mean) * s.gamma
      end })
    local x = tensor { { 1, 2 }, { 3, 4 } }
    assert(norm.switched { scale = false }:apply(x) == 2 * x)
    local g = norm.switched { scale = false }:gradient(x, x)
    assert(g.gamma == nil and g.x == 2 * x)
    assert(norm.switched():gradient(x, x).gamma == tensor { 10, 20 })
    """)
}

@Test("A registry outlives its script as far as the script's formulas were traced")
func outlivingRegistry() throws {
  var session: ScriptSession? = try ScriptSession()
  let registry = try #require(session).registry
  try runNorms(ExampleScripts.norms, in: session)
  session = nil
  func build(_ channels: Int) throws -> NormLayer {
    try NormLayer(NormSpec("group_plus"), in: registry, channelShape: [channels])
  }
  #expect(try build(32).parameters.count == 2)
  #expect(throws: NormaError.self) { try build(64) }
}

@Test("Extensions add globals to a session")
func extensions() throws {
  let count: ScriptSession.Extension = { session throws(NormaError) in
    try session.interpreter.define("norms") { _ in [.int(session.registry.names.count)] }
  }
  let session = try ScriptSession(extensions: [count])
  #expect(try runNorms("return norms()", in: session).first?.number == 5)
}
