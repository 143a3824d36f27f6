import NormaConformance
import NormaCore
import NormaGraph
import NormaNorms
import Testing

/// What a card says of norms of which theory says it.
@Suite("Measured properties are those of theory")
struct PropertyTests {
  struct Theory: Sendable, CustomTestStringConvertible {
    let norm: NormSpec
    let mixes: [String]
    var infersFrom: [String]?
    /// Whether shifts and scales of a sample, and of a channel, do not matter.
    let shift: (sample: Bool, channel: Bool)
    let scale: (sample: Bool, channel: Bool)
    let zeroMean: [[String]]
    let orthogonal: [[String]]
    var modesDiffer = false
    var testDescription: String { norm.label }
  }

  static let theory = [
    Theory(
      norm: NormSpec("batch"), mixes: ["batch", "space"], infersFrom: [], shift: (false, true),
      scale: (false, true), zeroMean: [["batch", "space"]], orthogonal: [["batch", "space"]],
      modesDiffer: true),
    Theory(
      norm: NormSpec("layer"), mixes: ["channel"], shift: (true, false), scale: (true, false),
      zeroMean: [["channel"]], orthogonal: [["channel"]]),
    Theory(
      norm: NormSpec("group"), mixes: ["space", "member"], shift: (true, false),
      scale: (true, false), zeroMean: [["space", "member"]], orthogonal: [["space", "member"]]),
    Theory(
      norm: NormSpec("instance"), mixes: ["space"], shift: (true, true), scale: (true, true),
      zeroMean: [["space"]], orthogonal: [["space"]]),
    Theory(
      norm: NormSpec("rms"), mixes: ["channel"], shift: (false, false), scale: (true, false),
      zeroMean: [], orthogonal: [["channel"]]),
  ]

  @Test(arguments: theory)
  func measured(_ theory: Theory) throws {
    let found = try NormProperties(theory.norm, in: .builtIn())
    #expect(found.mixes == theory.mixes)
    #expect(found.infersFrom == theory.infersFrom ?? theory.mixes)
    #expect(found.shift.sample == theory.shift.sample)
    #expect(found.shift.channel == theory.shift.channel)
    #expect(found.scale.sample == theory.scale.sample)
    #expect(found.scale.channel == theory.scale.channel)
    #expect(found.zeroMean == theory.zeroMean)
    #expect(found.orthogonal == theory.orthogonal)
    #expect(found.modesDiffer == theory.modesDiffer)
    #expect(found.range.bound != nil)
  }

  @Test("A norm without statistics mixes nothing and stays within its bound")
  func pointwise() throws {
    let dyt = NormDefinition("dyt", summary: "") { _ in
      { (x: Expr, _) in (x * 0.5).tanh() }
    }
    let registry = NormRegistry([NormEntry(dyt, source: .builtIn)])
    let found = try NormProperties(NormSpec("dyt"), in: registry)
    #expect(found.mixes.isEmpty && found.zeroMean.isEmpty && found.orthogonal.isEmpty)
    #expect(found.range.bound == 1)
    // y = tanh(x / 2): its own slope is half of 1 - y^2.
    for (y, slope) in zip(found.response.y, found.response.slope) {
      let expected: Double = 0.5 * (1 - y * y)
      #expect(abs(slope - expected) < 1e-6)
    }
  }

  @Test("What happens to a batch of one, constants and 1e18")
  func edges() throws {
    let batch = try NormProperties(NormSpec("batch"), in: .builtIn())
    #expect(batch.batchOfOne == "refused" && batch.constant == "the shift")
    #expect(batch.huge == "as for 1")
    let rms = try NormProperties(NormSpec("rms"), in: .builtIn())
    #expect(rms.batchOfOne == "accepted" && rms.huge == "as for 1")
  }
}
