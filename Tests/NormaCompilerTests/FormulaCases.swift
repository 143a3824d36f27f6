import NormaCompiler
import NormaCore
import NormaGraph

/// Formulas that together use every word of the language and every schedule.
struct FormulaCase: CustomStringConvertible, Sendable {
  let description: String
  let shape: [Int]
  let axis: [Int]
  let formula: @Sendable (Expr) -> Expr

  static let gamma = Expr.parameter("gamma", per: .channel)
  static let alpha = Expr.parameter("alpha", per: .none)
  static let epsilon = Expr.hyper("epsilon")

  typealias Formula = @Sendable (Expr) -> Expr

  static let rms: Formula = { x in
    x * (x.meanSquare(.channel) + epsilon).rsqrt() * gamma
  }
  static let layer: Formula = { x in
    (x - x.mean(.channel)) * (x.variance(.channel) + epsilon).rsqrt() * gamma + alpha
  }
  static let plainVariance: Formula = { x in
    let c: Expr = x - x.mean([.batch, .space])
    let r: Expr = (c.square().mean([.batch, .space]) + epsilon).rsqrt()
    return c * r * gamma + alpha
  }
  static let globalResponse: Formula = { x in
    let n = x.norm(2, .space)
    let share: Expr = n / (n.mean(.channel) + epsilon)
    return x + gamma * x * share
  }
  static let twoStatistics: Formula = { x in
    let a: Expr = (x - x.mean(.channel)) * (x.variance(.channel) + epsilon).rsqrt()
    let roles: RoleSet = [.batch, .space]
    let b: Expr = (x - x.mean(roles)) * (x.variance(roles) + epsilon).rsqrt()
    return a * alpha + b * gamma
  }
  static let largest: Formula = { x in
    x / (x.abs().maximum(over: .channel) + epsilon) * gamma
  }
  static let smallest: Formula = { x in
    x - x.minimum(over: .space) * alpha
  }
  static let pNorms: Formula = { x in
    let a: Expr = x.norm(1, .channel) + x.norm(3, .space)
    let b: Expr = x.norm(.infinity, .channel) + epsilon
    return x / (a + b)
  }
  static let clampedNorm: Formula = { x in
    alpha * x / x.norm(2, .channel).max(epsilon)
  }
  static let dyt: Formula = { x in
    (alpha * x).tanh() * gamma
  }
  static let gates: Formula = { x in
    let s: Expr = (x.meanSquare(.space) + epsilon).sqrt()
    let gated: Expr = x * (alpha * x).sigmoid()
    let error: Expr = (x * Expr.constant(0.3)).erf() * gamma
    return Expr.select(x.gt(s), x / s, gated) + error
  }
  static let expAndLog: Formula = { x in
    let a: Expr = (x.abs() + Expr.constant(1)).log() * gamma
    let b: Expr = (x * Expr.constant(0.1)).exp() / x.square().sum(.channel)
    return a - b
  }
  static let clampAndPow: Formula = { x in
    let a: Expr = x.clamp(.constant(-0.5), alpha)
    let b: Expr = (x.square() + Expr.constant(1)).pow(.constant(0.3))
    return a * b * gamma.sign()
  }
  /// Exponents of rows and of channels: a vector may hold the end of a row and the beginning of another.
  static let powersOfEach: Formula = { x in
    let base: Expr = x.abs() + Expr.constant(0.5)
    return base.pow(x.mean(.channel)) * base.pow(gamma) + base.pow(x.mean(.space) + gamma)
  }
  static let perSample: Formula = { x in
    let roles: RoleSet = [.space, .channel]
    return (x - x.mean(roles)) * (x.variance(roles) + epsilon).rsqrt() * gamma
  }
  static let stopped: Formula = { x in
    let h: Expr = (x - x.mean(.channel)) * (x.variance(.channel) + epsilon).rsqrt()
    let k: Expr = Expr.constant(1) - h * Expr.constant(0.1)
    return h * k.stopGradient()
  }
  static let overBatch: Formula = { x in
    x - x.mean(.batch) * gamma
  }
  static let gatedBatch: Formula = { x in
    let r: Expr = (x.variance([.batch, .space]) + epsilon).rsqrt()
    let gated: Expr = x * (gamma * x).sigmoid()
    return gated * r + alpha
  }
  static let overEverything: Formula = { x in
    let r: Expr = (x.meanSquare(.all) + epsilon).rsqrt()
    return x * r + x.maximum(over: .all)
  }
  static let thirdMoment: Formula = { x in
    let c: Expr = x - x.mean(.channel)
    let cube: Expr = c * c * c
    let spread: Expr = (c.square().mean(.channel) + epsilon).sqrt()
    return c - spread * cube.mean(.channel) * gamma
  }
  static let groups: Formula = { x in
    let x = x.group(3)
    let roles: RoleSet = [.member, .space]
    return (x - x.mean(roles)) * (x.variance(roles) + epsilon).rsqrt() * gamma
  }
  static let groupsPerPosition: Formula = { x in
    let x = x.group(2)
    return x * (x.meanSquare(.member) + epsilon).rsqrt() * gamma
  }
  static let gatedGroups: Formula = { x in
    let x = x.group(3)
    let deviation: Expr = (x.variance([.member, .space]) + epsilon).sqrt()
    return x * (gamma * x).sigmoid() / deviation + alpha
  }
  static let manyGatedGroups: Formula = { x in
    let x = x.group(18)
    let deviation: Expr = (x.variance([.member, .space]) + epsilon).sqrt()
    return x * (gamma * x).sigmoid() / deviation + alpha
  }
  static let gatedChannels: Formula = { x in
    let r: Expr = (x.variance(.space) + epsilon).rsqrt()
    return (x - x.mean(.space)) * r * (gamma * x).tanh() * (x * alpha).exp().log()
  }
  /// A statistic of statistics that backward finds saved: with one sample, all of them in one slice.
  static let meanLength: Formula = { x in
    let squares: Expr = x.square().sum(.channel).mean([.batch, .space])
    return x * (squares + epsilon).rsqrt() * gamma
  }
  static let acrossGroups: Formula = { x in
    let x = x.group(3)
    let a: Expr = x.mean(.group) * alpha
    return x - a + x.mean([.group, .batch])
  }
  static let ghostBatch: Formula = { x in
    let x = x.chunk(2)
    let roles: RoleSet = [.sample, .space]
    return (x - x.mean(roles)) * (x.variance(roles) + epsilon).rsqrt() * gamma
  }

  static let formulas: [(String, Formula)] = [
    ("rms", rms),
    ("plain variance", plainVariance),
    ("global response", globalResponse),
    ("two statistics", twoStatistics),
    ("max", largest),
    ("min over space", smallest),
    ("p-norms", pNorms),
    ("clamped norm", clampedNorm),
    ("dyt", dyt),
    ("gates", gates),
    ("exp and log", expAndLog),
    ("clamp and pow", clampAndPow),
    ("per sample", perSample),
    ("stopped", stopped),
    ("over the batch alone", overBatch),
    ("over everything", overEverything),
    ("third moment", thirdMoment),
    ("gated channels", gatedChannels),
    ("mean length", meanLength),
    ("powers of each row and channel", powersOfEach),
  ]
  static let grouped: [(String, Formula)] = [
    ("groups", groups),
    ("groups per position", groupsPerPosition),
    ("across groups", acrossGroups),
    ("gated groups", gatedGroups),
  ]
  static let chunked: [(String, Formula)] = [
    ("ghost batch", ghostBatch)
  ]

  static let shapes: [([Int], [Int])] = [
    ([7, 6], [-1]), ([5, 7, 6], [-1]), ([5, 6, 7], [1]), ([3, 5, 7, 6], [-1]), ([4, 6, 5, 7], [1]),
    ([1, 6, 5], [1]), ([6, 5], [0]), ([2, 6, 40, 50], [1]),
    ([2, 40, 50, 6], [3]),
    ([3, 3000], [-1]), ([2, 3, 4, 5, 6], [1, 4]), ([9, 1, 6], [-1]),
    // More than a segment of columns, and a rest that is the next segment alone.
    ([9, 1026], [-1]),
    // Two blocks of columns, but where statistics are of positions.
    ([11, 96], [-1]), ([5, 3, 96], [-1]),
  ]

  /// Rows short enough for many to be summed at once, shorter and longer than a vector, and one longer; as
  /// many as slices and groups of 16 take whole, not quite, and not at all.
  static let short: [FormulaCase] = {
    func cases(_ name: String, _ formula: @escaping Formula, _ shapes: [[Int]]) -> [FormulaCase] {
      shapes.map {
        FormulaCase(description: "\(name) of \($0)", shape: $0, axis: [-1], formula: formula)
      }
    }
    return cases(
      "layer", layer, [[63, 3], [63, 8], [63, 20], [32, 33], [15, 20], [47, 64], [63, 65]])
      + cases("rms", rms, [[63, 8], [47, 33]])
      + cases("groups", groupsPerPosition, [[7, 16], [4, 40, 24]])
      + cases("third moment", thirdMoment, [[63, 20]])
  }()

  /// Every formula on every shape whose channels its groups divide.
  static let all: [FormulaCase] = {
    var cases: [FormulaCase] = []
    func add(_ name: String, _ formula: @escaping Formula, _ shape: [Int], _ axis: [Int]) {
      cases.append(
        FormulaCase(
          description: "\(name) on \(shape) axis \(axis)", shape: shape, axis: axis,
          formula: formula))
    }
    for (name, formula) in formulas + grouped {
      for (shape, axis) in shapes {
        var channels = 1
        for a in axis { channels *= shape[a < 0 ? a + shape.count : a] }
        if channels % 6 == 0 { add(name, formula, shape, axis) }
      }
    }
    for (name, formula) in chunked {
      for (shape, axis) in chunkedShapes { add(name, formula, shape, axis) }
    }
    return cases
  }()

  static let chunkedShapes: [([Int], [Int])] = [
    ([4, 6], [-1]), ([4, 5, 6], [-1]), ([6, 6, 5], [1]), ([8, 6, 9, 11], [1]),
  ]
}

/// The norm of a formula of `x`, `gamma`, `alpha` and `epsilon`.
func program(_ formula: (Expr) -> Expr) throws -> NormProgram {
  try NormProgram(
    inputs: [("x", .all)], parameters: [("gamma", .channel), ("alpha", .none)], buffers: [],
    hyper: ["epsilon"], output: formula(.input("x")), updates: [], gradient: true)
}
