import NormaCore
import NormaLua
import Testing

/// What Lua does to traced tensors without asking them, found in the function's text.
@Suite("Silent mistakes of formulas")
struct LintTests {
  private func error(_ forward: String) throws -> NormaError {
    try normFailure(
      of: """
        norm.define("demo", {
          hyper = { epsilon = norm.real { 1 }, size = norm.int { 2 } }, param = { gamma = norm.per_channel { 1 } },
          forward = function(x, s, mode)
            \(forward)
          end })
        """)
  }

  @Test(arguments: [
    (
      "if x == 0 then return x end return x * s.gamma",
      "'x == 0' is always false here: x is traced",
      "where(x:eq(0), a, b)"
    ),
    (
      "return (x ~= -1) and x or x * s.gamma", "'x ~= -1' is always true here: x is traced",
      "where(x:eq(-1), b, a)"
    ),
    (
      "if 0 == s.gamma then return x end return x * s.gamma",
      "'0 == s.gamma' is always false here: s.gamma is traced", "where(s.gamma:eq(0), a, b)"
    ),
    (
      "if s.epsilon then return x * s.gamma end return x",
      "'if s.epsilon' always holds here: s.epsilon is traced",
      "where(condition, a, b)"
    ),
    (
      "local y = x:mean(\"channel\") -- y\nif not y then return x end return x * s.gamma",
      "'not y' is always false here: y is traced", "where(condition, a, b)"
    ),
    (
      "local a, b = x * 2, s.gamma\nlocal c = a and b\nreturn c * x",
      "'a and' does not look at values: a is traced", "where(condition, a, b)"
    ),
    (
      "if x:gt(0) then return x end return -x * s.gamma",
      "'if x:gt(...)' always holds here: x:gt(...) is traced", "where(condition, a, b)"
    ),
    (
      "if not x:abs():gt(s.gamma) then return x end return -x",
      "'not x:abs(...):gt(...)' is always false here: x:abs(...):gt(...) is traced",
      "where(condition, a, b)"
    ),
    (
      "while x do return x * s.gamma end", "'while x' always holds here: x is traced",
      "where(condition, a, b)"
    ),
    (
      "if mode == 'train' then return x * s.gamma end return x",
      "'mode == 'train'' is always false here: a mode is no text", "write mode.train or mode.infer"
    ),
    (
      "local v = x:variance(\"channel\")\nif v == nil then return x end return x * s.gamma",
      "'v == nil' is always false here: v is traced", "where(v:eq(nil), a, b)"
    ),
  ])
  func found(_ forward: String, _ message: String, _ help: String) throws {
    let error = try error(forward)
    #expect(error.message == "demo: " + message)
    #expect(error.help == help)
    #expect(error.place?.file == "test.lua" && (4...5).contains(error.place?.line ?? 0))
  }

  @Test(
    "What is plain is left alone",
    arguments: [
      "if s.size == 2 then return x * s.gamma * s.epsilon end return x * s.gamma",
      "if mode.train then return x * s.gamma * s.epsilon end return x * s.gamma",
      "local n = x:size(\"channel\") if n == 1 then return x * s.gamma end return x * s.gamma",
      "local y = nil if not y then y = x end return y * s.gamma -- if x == 0",
      "local t = { x } if t[1] and #t == 1 then return t[1] * s.gamma end return x * s.gamma",
      "return where(x:eq(0), s.gamma, x) -- 'x == 0' [[ if x ]]",
      "return (s.size == 2 and x or x * 2) * s.gamma",
      "local f = function(x) return x == 1 and 2 or 3 end return x * s.gamma * f(1)",
      "local x2 = x * 2 local s2 = 'x == 0' return x2 * s.gamma * #s2",
    ])
  func leftAlone(_ forward: String) throws {
    try runNorms(
      """
      norm.define("demo", {
        hyper = { epsilon = norm.real { 1 }, size = norm.int { 2 } }, param = { gamma = norm.per_channel { 1 } },
        forward = function(x, s, mode) \(forward)
        end })
      """)
  }

  @Test("A global or a field that changed after define is an error, on the same shape too")
  func changedGlobals() throws {
    for script in [
      "eps = 1e-5 norm.define('h', { forward = function(x) return x * eps end })",
      "cfg = { k = 2 } norm.define('h', { forward = function(x) return x * cfg.k end })",
    ] {
      let error = try normFailure(
        of: script + """

          local x = tensor.random(1, { 3, 4 })
          local y = norm.h():apply(x)
          eps = 10
          if cfg then cfg.k = 5 end
          norm.h():apply(x)
          """)
      #expect(error.message.contains("gives another formula than when it was first traced"))
    }
  }

  @Test("A captured number that changed after define is an error where it would have been used")
  func captured() throws {
    let error = try normFailure(
      of: """
        local scale = 0.5
        norm.define("dyt", {
          forward = function(x, s) return (x * scale):tanh() end })
        local x = tensor.random(1, { 3, 4 })
        local y = norm.dyt():apply(x)
        scale = 0.5
        assert(norm.dyt():apply(x):close(y))
        scale = 0.7
        norm.dyt():apply(x)
        """)
    #expect(
      error.message
        == "dyt: forward reads the local 'scale', which changed from 0.5 to 0.7 after define")
    #expect(error.help == "make it a hyper-parameter")
    #expect(error.place == SourcePlace(file: "test.lua", line: 3))
  }

  @Test(
    "A function that reads what changes, or changes what it reads, is an error at the next trace",
    arguments: [
      "K = 2 norm.define('g', { forward = function(x) return x * K end }) K = 3",
      "local t = { k = 2 } norm.define('g', { forward = function(x) return x * t.k end }) t.k = 3",
      "local t = {} norm.define('g', { forward = function(x) t[#t + 1] = 1 return x * #t end })",
    ])
  func changes(_ script: String) throws {
    let error = try normFailure(of: script + " norm.g():apply(tensor.random(1, { 2, 3 }))")
    #expect(
      error.message.hasPrefix("g: forward gives another formula than when it was first traced"))
  }
}
