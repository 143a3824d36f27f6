import NormaCore
import NormaGraph
import Testing

/// Formulas as people read them: exact text, so that a change of wording is seen.
struct FormulaTests {
  private let x = Expr.input("x")
  private let epsilon = Expr.hyper("epsilon")
  private let gamma = Expr.parameter("gamma", per: .channel)
  private let beta = Expr.parameter("beta", per: .channel)

  private func text(_ value: Expr) throws -> String {
    try Formula(Graph([("y", value)])).text
  }

  private func gradientText(_ value: Expr, _ leaves: [Expr]) throws -> String {
    let gradients = try Differentiation.gradients(
      of: [(value, .outputGradient("y"))], withRespectTo: leaves.map(\.kind))
    let names = leaves.map { leaf in
      switch leaf.kind {
      case .input(let name): "input:\(name)"
      case .parameter(let name): "parameter:\(name)"
      default: "other"
      }
    }
    return try Formula(Graph(Array(zip(names, gradients).map { ($0, $1) }))).text
  }

  @Test("Layer norm reads as its definition, its gradient as a paper writes it")
  func layer() throws {
    let y = (x - x.mean(.channel)) * (x.variance(.channel) + epsilon).rsqrt() * gamma + beta
    #expect(
      try text(y)
        == "y = (x - mean(x, channel)) * rsqrt(variance(x, channel) + epsilon) * gamma + beta")
    #expect(
      try gradientText(y, [x, gamma, beta]) == """
        t = x - mean(x, channel)
        r = rsqrt(variance(x, channel) + epsilon)
        t2 = dy * gamma * r
        dx = t2 - mean(t2, channel) - mean(dy * gamma * t, channel) * r^3 * t
        dgamma = sum(dy * t * r, batch, space)
        dbeta = sum(dy, batch, space)
        """)
  }

  @Test("A graph keeps the expressions it is given, where nothing of them is another's equal")
  func kept() throws {
    let mean = x.mean(.channel)
    let y = (x - mean) * gamma
    let graph = try Graph([("y", y)])
    #expect(graph.expressions[graph.outputs[0].node] === y)
    // The second mean is the first, and what is made of it is made anew.
    let twice = try Graph([("a", y), ("b", x + Expr.input("x").mean(.channel))])
    #expect(twice.expressions[twice.outputs[0].node] === y)
    #expect(twice.expressions[twice.outputs[1].node].operands[1] === mean)
  }

  @Test("RMS norm's gradient has no mean to subtract")
  func rms() throws {
    let y = x * (x.meanSquare(.channel) + epsilon).rsqrt() * gamma
    #expect(try text(y) == "y = x * rsqrt(mean_square(x, channel) + epsilon) * gamma")
    #expect(
      try gradientText(y, [x, gamma]) == """
        r = rsqrt(mean_square(x, channel) + epsilon)
        dx = dy * gamma * r - mean(dy * gamma * x, channel) * r^3 * x
        dgamma = sum(dy * x * r, batch, space)
        """)
  }

  @Test("A statistic used by the output and a running buffer stands on its own line")
  func sharedStatistic() throws {
    let mean = x.mean([.batch, .space])
    let momentum = Expr.hyper("momentum")
    let running = Expr.buffer("mean", per: .channel)
    let update = (1 - momentum) * running + momentum * mean.stopGradient()
    let formula = Formula(try Graph([("y", x - mean), ("buffer:mean", update)]))
    #expect(
      formula.text == """
        mean = mean(x, batch, space)
        y = x - mean
        running_mean = (1 - momentum) * running_mean + momentum * mean
        """)
    #expect(formula.statistics.map(\.text) == ["mean(x, batch, space)"])
    #expect(formula.statistics.first?.over == [.batch, .space])
    #expect(formula.statistics.first?.per == .channel)
  }

  @Test("A stopped gradient is shown where there is one to stop")
  func stopGradient() throws {
    #expect(
      try text(x - x.mean(.channel).stopGradient()) == "y = x - stop_gradient(mean(x, channel))")
  }

  @Test("Parentheses stand where leaving them out would change the value")
  func parentheses() throws {
    let (a, b, c) = (Expr.hyper("a"), Expr.hyper("b"), Expr.hyper("c"))
    let cases: [(Expr, String)] = [
      ((a + b) * c, "(a + b) * c"),
      (a * b + c, "a * b + c"),
      (a - (b - c), "a - b + c"),
      (a - (b + c), "a - b - c"),
      (a / (b * c), "a / b / c"),
      (a / (b + c), "a / (b + c)"),
      (-(a + b), "-a - b"),
      ((a + b).square(), "(a + b)^2"),
      ((-a).square(), "a^2"),
      (a.pow(b) * c, "a^b * c"),
      ((a * b).pow(-c), "(a * b)^(-c)"),
      (a.pow(b).square(), "(a^b)^2"),
      (a.square().pow(b), "(a^2)^b"),
      (a * 3 / 4, "3 * a / 4"),
      (a / 3, "a / 3"),
      (0.5 * a * 4, "2 * a"),
      (a * -2 + b, "-2 * a + b"),
      (b + a * -2, "b - 2 * a"),
      (a.lt(b) * c, "(a < b) * c"),
      (a.lt(b + c), "a < b + c"),
      (Expr.select(a.gt(0), b, c), "where(a > 0, b, c)"),
      (a.clamp(0, b + 1), "clamp(a, 0, b + 1)"),
      ((a + 1).exp() - 1e-5, "exp(a + 1) - 1e-05"),
    ]
    for (value, expected) in cases {
      #expect(try text(value) == "y = \(expected)")
    }
  }

  @Test("Counts, corrections and orders of norms are part of a statistic's text")
  func reductions() throws {
    #expect(
      try text(x.variance(.channel, correction: 1)) == "y = variance(x, channel, correction = 1)")
    #expect(try text(x.norm(1, .channel)) == "y = norm(x, channel, p = 1)")
    #expect(try text(x.sum(.space) / .count(.channel)) == "y = sum(x, space) / N(channel)")
    #expect(try text(x.sum(.space) / .count(.space)) == "y = mean(x, space)")
    #expect(try text((-2 * x).sum(.space)) == "y = -2 * sum(x, space)")
    #expect(try text(x.group(4).mean([.member, .space])) == "y = mean(x, space, member)")
  }

  @Test("Statistics written out are recognised, however their parts are made")
  func plainStatistics() throws {
    func centered() -> Expr { x - x.mean(.channel) }
    let variance = "y = variance(x, channel)"
    #expect(try text(centered().pow(2).mean(.channel)) == variance)
    #expect(try text((centered() * centered()).mean(.channel)) == variance)
    #expect(try text(centered().square().sum(.channel) / .count(.channel)) == variance)
    #expect(try text(x.pow(2).mean(.channel) - x.mean(.channel).pow(2)) == variance)
    #expect(
      try text((x * x).mean(.channel) - x.mean(.channel) * x.mean(.channel)) == variance)
    #expect(try text((x * x).mean(.channel)) == text(x.meanSquare(.channel)))
    #expect(try text((x * x).sum(.channel).sqrt()) == text(x.norm(2, .channel)))
    // Other means than of the same roles are none of these.
    #expect(try text((x - x.mean(.space)).square().mean(.channel)) != variance)
    #expect(try text(x.pow(2).mean(.channel) - x.mean(.space).pow(2)) != variance)
  }

  @Test("What is left of a mean subtracted in part is told apart from the variance")
  func partOfMean() throws {
    let alpha = Expr.parameter("alpha", per: .channel)
    let roles: RoleSet = [.batch, .space]
    #expect(
      try text((x - alpha * x.mean(roles)).square().mean(roles)) == """
        mean = mean(x, batch, space)
        y = variance(x, batch, space) + (mean - alpha * mean)^2
        """)
    // Nothing of a mean is in these, or it is one of other roles or another value.
    for shift in [alpha, x.mean(.space), x.square().mean(roles)] {
      #expect(try text((x - shift).square().mean(roles)).contains("mean_square("))
    }
  }

  @Test("A line's name never is one that the formula already has")
  func names() throws {
    let mean = Expr.parameter("mean", per: .channel)
    let shared = x.mean(.channel)
    #expect(
      try text((x - shared) * mean + shared) == """
        mean2 = mean(x, channel)
        y = (x - mean2) * mean + mean2
        """)
  }

  @Test("A formula of fifty thousand operations is written without trapping, in bounded lines")
  func deep() throws {
    var value = x
    for index in 0..<50_000 { value = (value + .hyper("h\(index % 7)")).tanh() }
    let formula = Formula(try Graph([("y", value)]))
    #expect(formula.lines.count > 1)
    #expect(formula.lines.allSatisfy { $0.expression.count < 400 })
  }
}
