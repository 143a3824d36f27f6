public import NormaCore

/// What a norm does for the operations beside it, in its own passes over memory.
///
/// Forward: `sum = x + residual`, `y = activation(norm(sum))`. Backward takes the sum as its `x` and
/// writes `dx = dsum + gradient of y at the sum`: the gradient of both addends, where dsum is what the
/// sum's other reader, the skip of a residual, hands back.
public struct Fusion: Hashable, Sendable {
  /// Whether forward normalizes x + residual.
  public var addsResidual: Bool
  /// Whether forward also writes the sum: for backward, or for a skip that reads it.
  public var keepsSum: Bool
  /// Whether backward adds the gradient that arrives at the sum, or at `x` where nothing is added.
  public var addsSkipGradient: Bool
  /// What follows the norm.
  public var activation: Activation?

  /// Nothing, or the given neighbours; a sum is kept only where there is one.
  public init(
    addsResidual: Bool = false, keepsSum: Bool = false, addsSkipGradient: Bool = false,
    activation: Activation? = nil
  ) {
    self.addsResidual = addsResidual
    self.keepsSum = addsResidual && keepsSum
    self.addsSkipGradient = addsSkipGradient
    self.activation = activation
  }

  /// Whether the norm is alone.
  public var isEmpty: Bool { self == Fusion() }
}

extension Fusion {
  /// The neighbours as words: `residual`, `skip`, an activation's name.
  public var words: [String] {
    (addsResidual ? ["residual"] : []) + (addsSkipGradient ? ["skip"] : [])
      + (activation.map { [$0.rawValue] } ?? [])
  }

  /// Reads `words`; the sum is kept where `mode` has a backward pass.
  ///
  /// - Throws: `usage` for an unknown word, one given twice, a second activation.
  public init(words: [String], mode: Mode) throws(NormaError) {
    self.init()
    for word in words {
      guard !self.words.contains(word) else {
        throw NormaError(.usage, "the neighbour '\(word)' is given twice", help: "give it once")
      }
      switch word {
      case "residual": addsResidual = true
      case "skip": addsSkipGradient = true
      default:
        guard let activation = Activation(rawValue: word) else {
          let known = ["residual", "skip"] + Activation.allCases.map(\.rawValue)
          throw NormaError(
            .usage,
            "a norm has no neighbour '\(word)'" + Suggestion.phrase(for: word, among: known),
            help: known.joined(separator: " "))
        }
        if let other = self.activation {
          throw NormaError(
            .usage, "one activation follows a norm, not both \(other.rawValue) and \(word)",
            help: "give one of them")
        }
        self.activation = activation
      }
    }
    keepsSum = addsResidual && mode == .train
  }
}

extension Fusion: CustomStringConvertible {
  /// For people: `residual before, skip's gradient, relu after`; empty for a norm alone.
  public var description: String {
    let parts =
      (addsResidual ? ["residual before"] : []) + (addsSkipGradient ? ["skip's gradient"] : [])
      + (activation.map { ["\($0.rawValue) after"] } ?? [])
    return parts.joined(separator: ", ")
  }
}
