import CKernels
import NormaCore
import NormaNorms

/// Multi-head self-attention: `[tokens, width]` → the same shape.
///
/// One dense layer makes queries, keys and values, another mixes the heads. Vaswani et al. 2017; a norm
/// on queries and keys as in Henry et al. 2020, arXiv:2010.04245.
enum AttentionLayer: LayerKind {
  static let schema = LayerSchema(
    "attention", "every position looks at all positions, or with causal at none after it",
    options: [
      LayerOption("heads", .int(min: 1), required: true, "how many heads; they divide the width"),
      LayerOption(
        "causal", .bool, default: .bool(true), "whether positions see none after themselves"),
      LayerOption("bias", .bool, default: .bool(true), "whether the dense layers add a bias"),
      LayerOption.gain(of: "the initial weights of values and output"),
    ], norm: .option("qk_norm"))

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    guard x.shape.count == 2 else {
      throw NormaError(
        .usage, "nn.attention: needs [tokens, width], got \(x.shape)",
        help: "symbols become vectors by nn.embed")
    }
    let (tokens, width, heads) = (x.shape[0], x.shape[1], options.int("heads"))
    guard width % heads == 0 else {
      let divisors = (1...width).filter { width % $0 == 0 }.map(String.init)
      throw NormaError(
        .usage, "nn.attention: 'heads' must divide the width \(width), got \(heads)",
        help: divisors.joined(separator: " "))
    }
    let shape = AttentionShape(
      batch: plan.batch, tokens: tokens, heads: heads, headWidth: width / heads,
      isCausal: options.bool("causal"))
    let bias = options.bool("bias")
    let gain = options.real("gain")
    let mixed = try LinearLayer.dense(
      units: 3 * width, bias: bias, gains: [1, 1, gain], prefix: "query_key_value.", on: x, in: plan
    )
    let seen = try attend(mixed, shape, norm: options.spec.norm, in: plan)
    return try LinearLayer.dense(
      units: width, bias: bias, gains: [gain], prefix: "output.", on: seen, in: plan)
  }

  private static func attend(
    _ x: Value, _ shape: AttentionShape, norm spec: NormSpec?, in plan: Plan
  ) throws(NormaError) -> Value {
    let memory = AttentionMemory(shape, in: plan)
    var norms: [HeadNorm] = []
    if let spec, spec.name != NormSpec.noneName {
      for name in ["query_norm.", "key_norm."] {
        norms.append(try HeadNorm(spec, shape, prefix: name, in: plan))
      }
    }
    let both = norms
    return plan.operation(on: x, output: [shape.tokens, shape.width], keepsInput: true) {
      places, x, y in
      AttentionOperation(shape, memory, places, x, y, norms: both.map { $0.bound(places) })
    }
  }
}
