import NormaConformance
import NormaLua
import NormaNorms
import Testing

@Suite("Mixtures of means")
struct MixtureTests {
  /// With a mean of 1e6, a mixture of means as large as the tensor would have lost what is left of it.
  @Test(
    "A mixture subtracted as it is written down keeps the whole contract, hard inputs included",
    arguments: [
      "s.w * m + (1 - s.w) * l", "(1 - s.w) * l + s.w * m", "l + s.w * (m - l)",
      "u / t * m + v / t * l + 1 / t * i",
    ])
  func contract(_ mixture: String) throws {
    let registry = NormRegistry.builtIn()
    let session = try ScriptSession(registry: registry)
    try runNorms(
      """
      norm.define("mixed", { claims = { infer = "batch" },
        param = { w = norm.per_channel { 0.3 }, gamma = norm.per_channel { 1 } },
        forward = function(x, s)
          local m, l, i = x:mean("batch", "space"), x:mean("channel"), x:mean("space")
          local u, v = s.w:exp(), s.gamma:exp()
          local t = 1 + u + v
          return (x - (\(mixture))) * s.gamma
        end })
      """, in: session)
    for result in checkNorm(NormSpec("mixed"), in: registry) {
      #expect(result.passed, "\(result)")
    }
  }
}
