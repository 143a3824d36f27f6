/// A number times powers of factors: what products are collected into before they are written, so that
/// `sum(-(a * r), channel) / N(channel)` reads `-mean(a * r, channel)`.
struct FormulaTerm {
  /// Something raised to a whole power.
  private struct Factor {
    var base: Base
    var power: Int

    var text: String {
      let size = power.magnitude
      return size == 1 ? base.factorText : "\(base.raisedText)^\(size)"
    }
  }

  /// What is raised.
  enum Base: Equatable {
    /// A name or a call.
    case atom(String)
    /// A power, which binds tighter than a product.
    case power(String)
    /// A sum or a comparison, which does not.
    case loose(String)
    /// The number of elements along roles.
    case count(String)
    /// Σ of the operand over roles.
    case sum(of: String, over: String)

    /// As it stands between products.
    var factorText: String {
      switch self {
      case .atom(let text), .power(let text): text
      case .loose(let text): "(\(text))"
      case .count(let roles): "N(\(roles))"
      case .sum(let operand, let roles): "sum(\(operand), \(roles))"
      }
    }

    /// As it stands under an exponent.
    var raisedText: String { if case .power(let text) = self { "(\(text))" } else { factorText } }
  }

  /// The number above the line.
  private(set) var coefficient: Double
  /// The number below it.
  private(set) var divisor = 1.0
  private var factors: [Factor]

  init(_ coefficient: Double) {
    self.coefficient = coefficient
    factors = []
  }

  init(_ base: Base) {
    coefficient = 1
    factors = [Factor(base: base, power: 1)]
  }

  static func * (a: FormulaTerm, b: FormulaTerm) -> FormulaTerm { a.multiplied(by: b, power: 1) }

  static func / (a: FormulaTerm, b: FormulaTerm) -> FormulaTerm { a.multiplied(by: b, power: -1) }

  static prefix func - (a: FormulaTerm) -> FormulaTerm {
    var result = a
    result.coefficient = -a.coefficient
    return result
  }

  /// The term split into its number and the rest.
  var separated: (number: FormulaTerm, rest: FormulaTerm) {
    var number = self
    number.factors = []
    var rest = self
    rest.coefficient = 1
    rest.divisor = 1
    return (number, rest)
  }

  private func multiplied(by other: FormulaTerm, power: Int) -> FormulaTerm {
    var result = self
    result.coefficient *= power > 0 ? other.coefficient : other.divisor
    result.divisor *= power > 0 ? other.divisor : other.coefficient
    if result.divisor < 0 {
      result.coefficient = -result.coefficient
      result.divisor = -result.divisor
    }
    for factor in other.factors { result.add(factor.base, factor.power * power) }
    result.writeMeans()
    return result
  }

  private mutating func add(_ base: Base, _ power: Int) {
    guard let index = factors.firstIndex(where: { $0.base == base }) else {
      factors.append(Factor(base: base, power: power))
      return
    }
    factors[index].power += power
    if factors[index].power == 0 { factors.remove(at: index) }
  }

  /// A sum over roles divided by their count is their mean.
  private mutating func writeMeans() {
    for i in factors.indices {
      guard i < factors.count, case .sum(let operand, let roles) = factors[i].base,
        factors[i].power == 1,
        let j = factors.firstIndex(where: { $0.base == .count(roles) && $0.power < 0 })
      else { continue }
      factors[i].base = .atom("mean(\(operand), \(roles))")
      factors[j].power += 1
      if factors[j].power == 0 { factors.remove(at: j) }
    }
  }

  /// Whether it is written with a minus sign.
  var isNegative: Bool { coefficient < 0 }

  /// The term without its sign: `2 * a * b^2 / c`.
  var magnitude: String {
    var size = coefficient.magnitude
    var below = factors.filter { $0.power < 0 }.map(\.text)
    if (size / divisor).rounded() == size / divisor {
      size /= divisor
    } else if divisor != 1 {
      below.insert(Self.number(divisor), at: 0)
    }
    let above = factors.filter { $0.power > 0 }.map(\.text)
    let numbers = size == 1 && !above.isEmpty ? [] : [Self.number(size)]
    return ([(numbers + above).joined(separator: " * ")] + below).joined(separator: " / ")
  }

  /// The term by itself.
  var text: String {
    if case .loose(let text)? = single { return text }
    return (isNegative ? "-" : "") + magnitude
  }

  /// Whether its text needs no parentheses anywhere.
  var isAtom: Bool {
    switch single {
    case .atom, .count, .sum: true
    case .power, .loose: false
    case nil: factors.isEmpty && divisor == 1 && !isNegative
    }
  }

  /// The base, where the term is nothing else.
  private var single: Base? {
    guard coefficient == 1, divisor == 1, factors.count == 1, factors[0].power == 1 else {
      return nil
    }
    return factors[0].base
  }

  /// A number without a needless fraction: `2`, `0.5`, `1e-05`.
  static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
  }
}
