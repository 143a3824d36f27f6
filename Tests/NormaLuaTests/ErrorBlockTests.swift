import NormaCore
import NormaLab
import NormaLua
import NormaNorms
import Testing

/// What people get wrong most, to the letter: place, what, suggestion; then the remedy.
@Suite("Errors, word for word")
struct ErrorBlockTests {
  struct Mistake: Sendable, CustomTestStringConvertible {
    let script: String
    let line: String
    var hint: String?
    var note: String?
    var testDescription: String { line }
  }

  private static let data = "data = dataset \"spirals\" { train = 64, validate = 8 }"
  private static let definitions = """
    norm.define("group_plus", { hyper = { groups = norm.int { 2, min = 1, divides = "channel" },
        epsilon = norm.real { 1e-5, min = 0 } },
      forward = function(x, s)
        x = x:group(s.groups)
        return x * (x:mean_square("member") + s.epsilon):rsqrt() end })

    """

  static let mistakes = [
    Mistake(
      script: "local N = norm.gruop {}",
      line: "models.lua:1: no norm named 'gruop'; did you mean 'group'?"
        + "   (known: batch, group, instance, layer, rms)"),
    Mistake(
      script: """
        model("m", { input = { 2 }, nn.linear { 30 }, nn.norm(norm.group { groups = 8 }), nn.linear { 3 } })
        experiment { model = "m", \(data), train = { steps = 1, batch = 8 } }
        """,
      line: "models.lua:1: norm.group: 'groups' must divide the 30 channels, got 8",
      hint: "1 2 3 5 6 10 15 30 auto", note: "in m > layer 2 (models.lua:1)"),
    Mistake(
      script: definitions + "local n = norm.group_plus { group = 8 }",
      line: "models.lua:6: norm.group_plus: no hyper-parameter 'group'; did you mean 'groups'?"
        + "   (it has: groups, epsilon)"),
    Mistake(
      script: """
        norm.define("pair", { forward = function(x)
          if x:size("channel") ~= 7 then return x:tanh() end
          return x:slice("channel", 1, 3) * x:slice("channel", 4, 7) end })
        model("cnn", { input = { 2 }, nn.linear { 7 },
          nn.norm "pair", nn.linear { 3 } })
        experiment { model = "cnn", \(data), train = { steps = 1, batch = 8 } }
        """,
      line: "models.lua:3: pair: slices of 3 and 4 channels do not combine in '*'",
      hint: "slice the other too, or put slices side by side with concat first",
      note: "in cnn > layer 2 (models.lua:5)"),
    Mistake(
      script: """
        norm.define("batch_plus", { forward = function(x)
          if x < 0 then return -x end
          return x end })
        """,
      line:
        "models.lua:2: batch_plus: '<' on a traced tensor: its value is not known while tracing",
      hint: "where(x:lt(y), a, b), or where(x:gt(y), a, b)"),
    Mistake(
      script: """
        norm.define("batch_plus", { forward = function(x)
          if x == 0 then return -x end
          return x end })
        """,
      line: "models.lua:2: batch_plus: 'x == 0' is always false here: x is traced",
      hint: "where(x:eq(0), a, b)"),
    Mistake(
      script: """
        local scale = 0.5
        norm.define("dyt", { forward = function(x) return (x * scale):tanh() end })
        scale = 0.7
        norm.dyt():apply(tensor.random(1, { 3, 4 }))
        """,
      line:
        "models.lua:2: dyt: forward reads the local 'scale', which changed from 0.5 to 0.7 after define",
      hint: "make it a hyper-parameter"),
    Mistake(
      script: "norm.define(\"rms\", { forward = function(x) return x end })",
      line: "models.lua:1: norm.define(\"rms\"): 'rms' is built in",
      hint: "choose another name, or pass replace = true"),
    Mistake(
      script: """
        model("m", { input = { 2 }, nn.linear { 3 } })
        experiment { model = "m", \(data), train = { epoch = 3 } }
        """,
      line: "models.lua:2: experiment: no field 'epoch' in train; did you mean 'epochs'?",
      hint: "it has: epochs, steps, batch, optimizer, schedule, clip, rate_scale, stop"),
    Mistake(
      script: "while true do end",
      line: "models.lua:1: stopped: the script ran 5 million instructions without calling the host",
      hint: "--instructions 50000000"),
    Mistake(
      script: """
        norm.define("bare", { hyper = { none = norm.real { 0 } }, forward = function(x, s)
          local v = x:variance("channel")
          return x / (v * s.none):sqrt() end })
        model("m", { input = { 2 }, nn.linear { 4 }, nn.norm "bare", nn.linear { 3 } })
        experiment { model = "m", \(data), train = { steps = 1, batch = 8 } }
        """,
      line:
        "models.lua:4: the loss became NaN at step 0: the output of 2.norm is the first that is not"
        + " finite (first non-finite value: models.lua:3, div)",
      hint: "lower the learning rate, clip gradients, or normalize more of the layers"),
  ]

  @Test(arguments: mistakes)
  func wordForWord(_ mistake: Mistake) throws {
    var options = Interpreter.Options()
    options.instructions = 5_000_000
    options.print = { _ in }
    var lab = LabOptions()
    lab.writes = false
    let laboratory = Lab(registry: .builtIn(), options: lab)
    let session = try ScriptSession(registry: laboratory.registry, options: options)
    try session.registerExperiments(lab: laboratory)
    var failure: NormaError?
    do throws(NormaError) {
      try session.run(text: mistake.script, name: "models.lua")
    } catch {
      failure = error
    }
    let error = try #require(failure)
    #expect(error.description.split(separator: "\n").first.map(String.init) == mistake.line)
    #expect(error.help == mistake.hint)
    if let note = mistake.note { #expect(error.notes.contains(note), "\(error.notes)") }
  }
}
