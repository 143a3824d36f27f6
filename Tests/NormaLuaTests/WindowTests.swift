import NormaConformance
import NormaCore
import NormaLua
import NormaNorms
import Testing

@Suite("Windows")
struct WindowTests {
  @Test(
    "A window sums neighbours; beyond the edges there is nothing; of an even number more lie after")
  func sums() throws {
    try runNorms(
      """
      norm.define("three", { forward = function(x) return x:window("channel", 3) end })
      norm.define("two", { forward = function(x) return x:window("channel", 2) end })
      norm.define("box", { forward = function(x) return x:window("space", 3, { mean = true }) end })
      local x = tensor { { 1, 2, 4, 8 } }
      assert(norm.three():apply(x):close(tensor { { 3, 7, 14, 12 } }))
      assert(norm.two():apply(x):close(tensor { { 3, 6, 12, 8 } }))
      -- A window comes back mirrored.
      assert(norm.two():gradient(x, x).x:close(tensor { { 1, 3, 6, 12 } }))
      local image = tensor { { { { 1 }, { 2 } }, { { 3 }, { 4 } }, { { 5 }, { 6 } } } }
      assert(norm.box():apply(image):close(tensor { { { { 2.5 }, { 2.5 } }, { { 3.5 }, { 3.5 } }, { { 4.5 }, { 4.5 } } } }))
      assert(norm.box():apply(tensor { { 1, 2 } }):close(tensor { { 1, 2 } }))
      """)
  }

  @Test("Windows of windows, of statistics and of groups keep the whole contract")
  func contract() throws {
    let registry = NormRegistry.builtIn()
    let session = try ScriptSession(registry: registry)
    try runNorms(
      """
      norm.define("nested", { param = { gamma = norm.per_channel { 1 } },
        input = { map = norm.input() },
        forward = function(x, s)
          local c = x - x:mean("channel", "space")
          local near = (c * s.map):window("channel", 3):window("space", 2)
          return (c / (1 + (near ^ 2):window("space", 3, { mean = true })):sqrt()):tanh() * s.gamma
        end })
      """, in: session)
    for result in checkNorm(NormSpec("nested"), in: registry) {
      #expect(result.passed, "\(result)")
    }
  }

  @Test(
    "What windows do not go with is said",
    arguments: [
      ("x:window(\"batch\", 3)", "a window goes along channel or space, not (batch)"),
      ("x:window(\"channel\", 0)", "a window of 0 elements is impossible"),
      ("x:window(\"channel\")", "window takes a role and a whole number"),
      ("x:window(\"channel\", 3, { men = true })", "no field 'men'; did you mean 'mean'?"),
      ("x:slice(\"channel\", 1, 2):window(\"channel\", 3)", "a window over a slice of channels"),
    ])
  func mistakes(_ expression: String, _ words: String) throws {
    let error = try normFailure(
      of: "norm.define(\"a\", { forward = function(x) return \(expression) end })")
    #expect(error.message.contains(words), "\(error.message)")
  }

  @Test("Several channel axes are refused with windows over channels")
  func refusals() throws {
    try runNorms(
      """
      norm.define("three", { forward = function(x) return x:window("channel", 3) end })
      local ok, message = pcall(function()
        norm.three():apply(tensor.random(1, { 2, 3, 4 }), { axis = { 1, 2 } })
      end)
      assert(not ok and tostring(message):find("needs one channel axis, not [1, 2]", 1, true), message)
      """)
  }

  @Test("Windows go with running buffers and with inputs along some roles")
  func buffers() throws {
    let registry = NormRegistry.builtIn()
    let session = try ScriptSession(registry: registry)
    try runNorms(
      """
      norm.define("kept", { buffer = { m = norm.per_channel { 0 } },
        input = { map = norm.input { "batch", "space" } },
        forward = function(x, s, mode)
          local m = x:mean("batch", "space")
          if mode.train then s.m:track(m, 0.1) end
          local c = mode.train and x - m or x - s.m
          return c / (1 + (c ^ 2 * s.map ^ 2):window("space", 3, { mean = true })):sqrt()
        end })
      """, in: session)
    for result in checkNorm(NormSpec("kept"), in: registry) {
      #expect(result.passed, "\(result)")
    }
  }
}
