import NormaCore
import NormaLua
import NormaNorms
import Testing

/// `define` with one field replaced; the call stands on line 1 and forward's body on line 3.
private func define(_ body: String, _ rest: String = "") -> String {
  "norm.define('demo', { \(rest)\n  forward = function(x, s, mode)\n\(body)\nend })"
}

@Test(
  "A mistake in forward is raised on its own line, with the norm's name",
  arguments: [
    ("if x < s then end", "'<' on a traced tensor: its value is not known while tracing"),
    ("if x <= 1 then end", "'<=' on a traced tensor: its value is not known while tracing"),
    ("if x == x + 1 then end", "'==' on a traced tensor: its value is not known while tracing"),
    ("local n = #x", "'#' on a traced tensor: its sizes are not known while tracing"),
    ("local n = 'x' .. x", "'..' on a traced tensor: its value is not known while tracing"),
    ("return x // 2", "no operation '//' in formulas"),
    ("return 7 % x", "no operation '%' in formulas"),
    ("return x / 0", "division by 0"),
    ("return x:clamp(2, 1)", "clamp from 2.0 to 1.0 holds no value"),
    ("return x:mean('space', 'space')", "mean goes over 'space' twice"),
    ("return x:count('batch', 'batch')", "count goes over 'batch' twice"),
    (
      "return x:variance('channel', { correction = -1 })",
      "variance: 'correction' must be 0 or more, got -1.0"
    ),
    ("return x:max('channel')", "max takes a value, got 'channel'"),
    ("return x * (0/0)", "'*' takes numbers, got NaN"),
    (
      "if mode.train then s.mean:track(x:mean('batch', 'space'), 1.5) end return x",
      "track: the new value's weight must be from 0 to 1, got 1.5"
    ),
    ("return x + true", "'+' takes traced tensors and numbers, got true"),
    ("return x * tensor { 1 }", "'*' takes a tensor of numbers, which a formula cannot hold"),
    ("return x:mean('chanel')", "no role 'chanel'; did you mean 'channel'?"),
    ("return x:mean()", "mean needs the roles to go over"),
    ("return x:mean(1)", "mean takes names of roles, got 1"),
    ("return x:mean('member')", "mean over 'member' of a tensor without groups"),
    ("return x:mean('chunk')", "mean over 'chunk' of a tensor without chunks"),
    ("return x:group(1.5)", "group takes a whole number, got 1.5"),
    ("return x:group(x)", "group takes a whole number, got a traced tensor"),
    ("return x:group(0)", "a split into 0 is impossible"),
    (
      "return x:group(2) + x:group(3)",
      "a tensor of 2 groups does not combine with one of 3 groups"
    ),
    (
      "return x:variance('channel', { corection = 1 })",
      "variance: no field 'corection'; did you mean 'correction'?"
    ),
    (
      "return x:norm('channel')",
      "norm takes its power first, a number above 0, got 'channel'"
    ),
    ("return x:clamp(1)", "clamp takes 2 operand(s), got 1"),
    ("return x:max()", "max takes 1 operand(s), got 0"),
    ("return x:tahn()", "a traced tensor has no 'tahn'; did you mean 'tanh'?"),
    ("return s.gama", "s has no 'gama'; did you mean 'gamma'?"),
    ("s.gamma = x", "s is given, not set: s['gamma'] = ..."),
    ("x.y = 1", "a traced tensor cannot be changed: 'y' = ..."),
    ("return x[1]", "[1] of a traced tensor: a formula speaks of roles, not of elements"),
    ("return mode.trian", "a mode has no 'trian'; did you mean 'train'?"),
    ("x:track(1, 0.1)", "only a buffer can be tracked"),
    (
      "s.mean:track(x:mean('batch', 'space'), 0.1) return x",
      "buffer 'mean' is tracked in infer mode"
    ),
    (
      "if mode.train then s.mean:track(x, 0.1) end return x",
      "buffer 'mean' varies along (channel) but is given a value along (batch,space,channel)"
    ),
    (
      "if mode.train then s.mean:track(x:mean('batch')) end",
      "track takes the new value and its weight, got 1 argument(s)"
    ),
    ("return y.z", "attempt to index a nil value (global 'y')"),
    ("return x:mean('channel')", "the output varies along (batch,space) only"),
  ])
func forwardMistakes(body: String, message: String) throws {
  let rest =
    "param = { gamma = norm.per_channel { 1 } }, buffer = { mean = norm.per_channel { 0 } },"
  let error = try normFailure(of: define(body, rest))
  #expect(error.message == "demo: " + message)
  #expect(error.place == SourcePlace(file: "test.lua", line: 3))
}

@Test("Advice for what cannot be asked while tracing")
func advice() throws {
  #expect(
    try normFailure(of: define("if x > 1 then return x end")).help
      == "where(x:lt(y), a, b), or where(x:gt(y), a, b)")
  #expect(
    try normFailure(
      of: define(
        "if x == s.gamma then return x end",
        "param = { gamma = norm.per_channel { 1 } },")
    ).help == "where(x:eq(y), a, b)")
}

private let mistakes: [(String, String)] = [
  (
    "norm.define('rms', { forward = function(x) return x end })",
    "norm.define(\"rms\"): 'rms' is built in"
  ),
  (
    "norm.define('real', { forward = function(x) return x end })",
    "norm.define(\"real\"): 'real' is a reserved name"
  ),
  (
    "norm.define('My Norm', {})",
    "norm.define(\"My Norm\"): 'My Norm' cannot be the name of a norm"
  ),
  ("norm.define('demo')", "norm.define(\"demo\"): a table must follow, got nil"),
  ("norm.define { forward = 1 }", "norm.define: 'name' must be a string, got a table"),
  (
    "norm.define('demo', {})",
    "norm.define(\"demo\"): 'forward' is missing: give a function"
  ),
  (
    "norm.define('demo', { foward = 1 })",
    "norm.define(\"demo\"): no field 'foward'; did you mean 'forward'?"
  ),
  (
    define("return x", "hyper = { epsilon = 1e-5 },"),
    "norm.define(\"demo\"): 'epsilon' in hyper must be a declaration, got 1e-05"
  ),
  (
    define("return x", "param = { gamma = 1 },"),
    "norm.define(\"demo\"): 'gamma' in param must be a declaration, got 1"
  ),
  (
    define("return x", "param = { a = norm.scalar { 1 } }, hyper = { a = norm.real { 1 } },"),
    "norm.define(\"demo\"): 'a' is both a hyper-parameter and a parameter"
  ),
  (
    define("return x", "hyper = { preset = norm.real { 1 } },"),
    "norm.define(\"demo\"): 'preset' is a reserved name"
  ),
  (
    define("return x", "param = { gamma = norm.per_channel { 1 } },"),
    "demo: the parameter 'gamma' is never used, or without effect"
  ),
  (
    define(
      "return s.kind == 'bb' and x * 2 or x",
      "hyper = { kind = norm.choice { 'a', choices = { 'a', 'b' } } },"),
    "demo: the formula does not depend on 'kind': a and b give the same"
  ),
  (
    define("return x * s.g", "param = { g = norm.per { 'group' } { 1 } },"),
    "demo: 'g' varies along 'group', but forward makes no groups"
  ),
  (
    define("return x", "hyper = { k = norm.real { 2 } },"),
    "demo: the hyper-parameter 'k' is never used, or without effect"
  ),
  (
    define("return x", "buffer = { mean = norm.per_channel { 0 } },"),
    "demo: the buffer 'mean' is never used, or without effect"
  ),
  (
    define(
      "return x", "param = { a = norm.scalar { 'alpha' } }, hyper = { alpha0 = norm.real { 1 } },"
    ),
    "norm.define(\"demo\"): 'a' starts at 'alpha', which is no number among the hyper-parameters;"
      + " did you mean 'alpha0'?"
  ),
  (
    define(
      "return x",
      "param = { a = norm.scalar { 1, when = 'scal' } }, hyper = { scale = norm.bool { true } },"),
    "norm.define(\"demo\"): 'a' is there when 'scal' is true, but no norm.bool has that name;"
      + " did you mean 'scale'?"
  ),
  (
    define("return x * s.a", "param = { a = norm.scalar { function(d) return d.chanel end } },"),
    "demo: the initial value of 'a': a set of sizes has no 'chanel'; did you mean 'channel'?"
  ),
  (
    define("return x * s.a", "param = { a = norm.scalar { function() return 'x' end } },"),
    "demo: the initial value of 'a' must be a finite number, got 'x' for 8 channels"
  ),
  (
    define(
      "return x", "presets = { keras = { epsilom = 1 } }, hyper = { epsilon = norm.real { 1 } },"),
    "norm.define(\"demo\"): no hyper-parameter 'epsilom' in presets.keras; did you mean 'epsilon'?"
  ),
  (
    define(
      "return x", "presets = { keras = { e = -1 } }, hyper = { e = norm.real { 1, min = 0 } },"),
    "norm.define(\"demo\"): presets.keras: 'e' must be >= 0, got -1"
  ),
  (
    define(
      "return x",
      "alias = { d = function(v) return 'momentu', v end }, hyper = { momentum = norm.real { 1 } },"
    ),
    "norm.define(\"demo\"): the alias 'd' stands for 'momentu', which is no hyper-parameter;"
      + " did you mean 'momentum'?"
  ),
  (
    define("return x", "alias = { d = 3 },"),
    "norm.define(\"demo\"): the alias 'd' must be a name or a function, got 3"
  ),
  (define("local y = x"), "demo: forward returned nothing in train mode"),
  (define("return x, x"), "demo: forward returned 2 values"),
  (define("return 'x'"), "demo: 'return' takes traced tensors and numbers, got 'x'"),
  (define("return 1"), "demo: the output varies along () only"),
  (
    "local e = norm.real { 'x' }",
    "norm.real: the default value must be a number, got 'x'"
  ),
  (
    "local e = norm.real { 0, above = 0 }",
    "norm.real: 'default value' must be > 0, got 0"
  ),
  (
    "local e = norm.real { 1, min = 0, above = 0 }",
    "norm.real: 'min' and 'above' exclude each other"
  ),
  ("local e = norm.real { 1, mim = 0 }", "norm.real: no field 'mim'; did you mean 'min'?"),
  (
    "local e = norm.choice { 'a' }",
    "norm.choice: 'choices' is missing: give a list, each item a string"
  ),
  (
    "local e = norm.choice { 'a', 'b' }",
    "norm.choice: at most 1 item is taken, got 2"
  ),
  ("local e = norm.per_channel {}", "norm.per_channel: the initial value is missing"),
  (
    "local e = norm.per_channel { 1, role = 'gian' }",
    "norm.per_channel: no role 'gian' of a parameter; did you mean 'gain'?"
  ),
  ("local e = norm.per { 'chanel' }", "norm.per: no role 'chanel'; did you mean 'channel'?"),
  ("local e = norm.per { 'batch' }", "norm.per: a parameter cannot vary along (batch)"),
]

@Test("A mistake in the schema is raised at define", arguments: mistakes)
func schemaMistakes(text: String, message: String) throws {
  let error = try normFailure(of: text)
  #expect(error.message == message)
  #expect(error.place?.file == "test.lua")
}

@Test("The messages a user is promised, first line and hint")
func promisedMessages() throws {
  let session = try ScriptSession()
  func described(_ text: String) throws -> String {
    try normFailure(of: text, in: session).description
  }
  #expect(
    try described("local N = norm.gruop { groups = 8 }")
      == "test.lua:1: no norm named 'gruop'; did you mean 'group'?"
      + "   (known: batch, group, instance, layer, rms)")
  #expect(
    try described("\nnorm.group { groups = 8 }:apply(tensor.random(1, { 2, 30 }))")
      == "test.lua:2: norm.group: 'groups' must divide the 30 channels, got 8\n"
      + "hint: 1 2 3 5 6 10 15 30 auto")
  #expect(
    try described("local N = norm.rms { epsilo = 8 }")
      == "test.lua:1: norm.rms: no hyper-parameter 'epsilo'; did you mean 'epsilon'?"
      + "   (it has: epsilon, scale)")
  #expect(
    try described("norm.define('rms', { forward = function(x) return x end })")
      == "test.lua:1: norm.define(\"rms\"): 'rms' is built in\n"
      + "hint: choose another name, or pass replace = true")
  #expect(
    try described("norm.group(8)")
      == "test.lua:1: norm.group: settings are named, got 8\n"
      + "hint: write norm.group { epsilon = 1e-5 }, or norm.group()")
  #expect(
    try described("norm.defin('x', {})")
      == "test.lua:1: norm has no 'defin'; did you mean 'define'?")
  #expect(
    try described("norm.rms { epsilon = -1 }")
      == "test.lua:1: norm.rms: 'epsilon' must be >= 0, got -1")
  #expect(
    try described("norm.rms { epsilon = math.huge }")
      == "test.lua:1: norm.rms: 'epsilon' must be finite, got inf")
  #expect(
    try described("norm.rms { preset = 'kreas' }").hasPrefix(
      "test.lua:1: norm.rms: no preset 'kreas'; did you mean 'keras'?"))
}

@Test("A tensor kept from one forward is refused by the next")
func escapedTensor() throws {
  let error = try normFailure(
    of: "local kept\n"
      + "norm.define('demo', { forward = function(x)\n  kept = kept or x\n  return x + kept\nend })"
  )
  #expect(error.message == "demo: '+' takes a tensor that another forward made")
  #expect(error.place?.line == 4)
  let after = try normFailure(
    of: "local kept\nnorm.define('demo', { forward = function(x)\n  kept = x\n  return x\nend })\n"
      + "local y = kept + 1")
  #expect(after.message == "demo: a traced tensor was used after its forward had ended")
  #expect(after.place?.line == 6)
}

@Test("A formula without end is refused")
func endlessFormula() throws {
  let error = try normFailure(of: define("while true do x = x + 1 end"))
  #expect(error.message == "demo: forward has more than 5000 operations")
}

@Test(
  "Wrong use of apply and gradient",
  arguments: [
    ("norm.rms():apply()", "norm:apply: 'x' must be a tensor, got nil"),
    (
      "norm.rms():apply(tensor { 1 }, { mod = 'train' })",
      "norm.rms: no field 'mod'; did you mean 'mode'?"
    ),
    (
      "norm.rms():apply(tensor { 1 }, { mode = 'trian' })",
      "norm.rms: no mode 'trian'; did you mean 'train'?"
    ),
    (
      "norm.rms():apply(tensor { 1 }, { axis = 3 })",
      "norm.rms: axis 3 does not exist in shape [1]"
    ),
    (
      "norm.rms():apply(tensor { { 1, 2 } }, { param = { gamma = { 1, 2, 3 } } })",
      "norm.rms: 'gamma' has 2 value(s) of shape [2], got shape [3]"
    ),
    (
      "norm.rms():apply(tensor { { 1, 2 } }, { param = { gama = 1 } })",
      "norm.rms: no param 'gama' in param; did you mean 'gamma'?"
    ),
    (
      "norm.rms():gradient(tensor { { 1, 2 }, { 3, 4 } }, tensor { 1 })",
      "norm:gradient: dy has shape [1], x [2, 2]"
    ),
    (
      "norm.batch():apply(tensor { { 1, 2 } }, { mode = 'train' })",
      "norm.batch: the variance over batch,space is of one value in shape [1, 2], and says nothing"
    ),
    (
      "norm.instance():gradient(tensor { { 1, 2 }, { 3, 4 } }, tensor { { 1, 2 }, { 3, 4 } })",
      "norm.instance: the variance over space is of one value in shape [2, 2], and says nothing"
    ),
  ])
func applyMistakes(text: String, message: String) throws {
  let error = try normFailure(of: "\n" + text)
  #expect(error.message == message)
  #expect(error.place?.line == 2)
}

@Test("A second table beside the first is refused, not passed over")
func twoTables() throws {
  let error = try normFailure(of: "local n = norm.rms({ epsilon = 0 }, { scale = false })")
  #expect(error.message == "norm.rms: one table is taken, got 2 arguments")
}

@Test("A norm without settings is applied as one with the defaults")
func constructorsAreNorms() throws {
  try runNorms(
    """
    local x = tensor { { 3, 4 } }
    expect.equal(norm.rms:apply(x), norm.rms():apply(x))
    expect.equal(norm.rms:gradient(x, x).x, norm.rms():gradient(x, x).x)
    """)
}
