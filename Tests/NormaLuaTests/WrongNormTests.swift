import NormaConformance
import NormaCore
import NormaLua
import NormaNorms
import Testing

/// Norms that are wrong in one way each: `norms check` must say which.
@Suite("Wrong norms are caught by the check that should catch them")
struct WrongNormTests {
  struct Wrong: Sendable, CustomTestStringConvertible {
    let name: String
    let script: String
    let clause: String
    let words: String
    var testDescription: String { name }
  }

  private static let running = """
      buffer = { mean = norm.per_channel { 0 }, variance = norm.per_channel { 1 } },
      hyper = { epsilon = norm.real { 1e-5, min = 0 }, momentum = norm.real { 0.1, min = 0, max = 1 } },
    """

  static let all = [
    Wrong(
      name: "running variance other than claimed",
      script: running + """
          claims = { correction = 1 },
          forward = function(x, s, mode)
            local m, v = s.mean, s.variance
            if mode.train then
              m, v = x:mean("batch", "space"), x:variance("batch", "space")
              s.mean:track(m, s.momentum)
              s.variance:track(v, s.momentum)
            end
            return (x - m) * (v + s.epsilon):rsqrt()
          end
        """,
      clause: "claimed: running variance with correction 1", words: "divided by N - 0"),
    Wrong(
      name: "batch statistics in inference",
      script: running + """
          forward = function(x, s, mode)
            local m, v = x:mean("batch", "space"), x:variance("batch", "space")
            if mode.train then
              s.mean:track(m, s.momentum)
              s.variance:track(v, s.momentum)
            end
            return (x - m) * (v + s.epsilon):rsqrt()
          end
        """,
      clause: "inference looks at one sample at a time",
      words: "an output depends on other samples"),
    Wrong(
      name: "a gradient cut by a stop-gradient that is not declared",
      script: """
        forward = function(x, s) return x / x:mean_square("channel"):sqrt():stop() end
        """,
      clause: "gradient of 'x' matches differences", words: "say gradient = \"partial\""),
    Wrong(
      name: "a custom backward off by a factor",
      script: """
        param = { gamma = norm.per_channel { 1 } },
        forward = function(x, s) return x:tanh() * s.gamma end,
        backward = function(x, dy, s) return 2 * dy * s.gamma * (1 - x:tanh() ^ 2) end
        """,
      clause: "gradient of 'x' matches differences", words: "failed on"),
    Wrong(
      name: "epsilon outside the root, claimed inside",
      script: """
        hyper = { epsilon = norm.real { 1e-5, min = 0 } }, claims = { epsilon = "inside" },
        forward = function(x, s) return x / (x:mean_square("channel"):sqrt() + s.epsilon) end
        """,
      clause: "claimed: epsilon inside the root", words: "epsilon stands outside the root"),
    Wrong(
      name: "a statistic over another role than claimed",
      script: """
        hyper = { epsilon = norm.real { 1e-5, min = 0 } }, claims = { statistics = { "channel" } },
        forward = function(x, s) return x * (x:mean_square("space") + s.epsilon):rsqrt() end
        """,
      clause: "claimed: statistics over channel",
      words: "other elements along (space), claimed is (channel)"),
    Wrong(
      name: "overflow at 1e18",
      script: """
        forward = function(x, s) return x ^ 4 * (x:mean_square("channel") + 1e-5) ^ -1.5 end
        """,
      clause: "results are finite on hard inputs", words: "y["),
    Wrong(
      name: "NaN at constants",
      script: """
        forward = function(x, s) return (x - x:mean("channel")) / x:variance("channel"):sqrt() end
        """,
      clause: "results are finite on hard inputs", words: "y["),
  ]

  @Test("Each is caught, with the right words", arguments: all)
  func caught(_ wrong: Wrong) throws {
    let registry = NormRegistry.builtIn()
    let session = try ScriptSession(registry: registry)
    try runNorms("norm.define(\"wrong\", {\n\(wrong.script)\n})", in: session)
    let failures = checkNorm(NormSpec("wrong"), in: registry).filter { !$0.passed }
    let found = failures.first { $0.name == wrong.clause }
    #expect(found?.message.contains(wrong.words) == true, "\(failures)")
    #expect(found?.input.hasPrefix("shape [") == true)
  }

  @Test("NaN is no sign of other samples")
  func undefinedValues() throws {
    let registry = NormRegistry.builtIn()
    let session = try ScriptSession(registry: registry)
    try runNorms(
      "norm.define(\"log\", { forward = function(x) return x:log() end })", in: session)
    let failures = checkNorm(NormSpec("log"), in: registry).filter { !$0.passed }.map(\.name)
    #expect(failures.contains("results are finite on hard inputs"))
    #expect(!failures.contains("inference looks at one sample at a time"), "\(failures)")
  }

  @Test("Claims that cannot be held are refused where they are written")
  func claims() throws {
    for (claims, words) in [
      ("{ statistics = { \"chanel\" } }", "no role 'chanel'; did you mean 'channel'?"),
      ("{ epsilon = \"under\" }", "'epsilon' is \"inside\" or \"outside\" the root, got 'under'"),
      ("{ epsilon = \"inside\" }", "no norm.real of that name is declared"),
      ("{ correction = 1 }", "claimed of the buffer 'variance', which there is not"),
      ("{ infer = \"running\" }", "'infer' must be \"batch\", got 'running'"),
      ("{ statistic = {} }", "no claim 'statistic' in claims; did you mean 'statistics'?"),
    ] {
      let error = try normFailure(
        of: "norm.define(\"a\", { claims = \(claims), forward = function(x) return x:tanh() end })")
      #expect(error.message.contains(words), "\(error.message)")
    }
  }
}
