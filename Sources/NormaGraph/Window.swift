public import NormaCore

/// A sum over neighbours along channels, or along every axis of space; beyond the edges there is nothing.
public struct Window: Hashable, Sendable {
  /// `channel` or `space`.
  public let role: RoleSet
  /// How many neighbours before an element belong to its window.
  public let before: Int
  /// How many after it.
  public let after: Int

  /// The window through which gradients come back.
  public var mirrored: Window { Window(role: role, before: after, after: before) }

  /// `channel, -2..2`.
  var text: String { "\(role), \(-before)..\(after)" }
}

extension Expr {
  /// The sum over a window of `n` elements along channels, or of `n` along each axis of space; of an even
  /// number, one more lies after the element than before it, as in ONNX's LRN.
  public func window(_ role: RoleSet, _ n: Int) -> Expr {
    guard n >= 1, n < 1 << 20 else {
      return failing("a window of \(n) elements is impossible", help: "give 1 or more")
    }
    guard role == .channel || role == .space else {
      return failing("a window goes along channel or space, not (\(role))")
    }
    guard slice == nil else {
      return failing("a window over a slice of channels is not possible")
    }
    return windowed(Window(role: role, before: (n - 1) / 2, after: n / 2))
  }

  /// What does not vary along the role has as many equal neighbours as there are.
  func windowed(_ window: Window) -> Expr {
    if domain.isSuperset(of: window.role) || constantValue == 1 {
      return Expr(.window(window), [self], domain: domain.union(window.role))
    }
    if domain.isDisjoint(with: window.role) {
      return self * Expr.constant(1).windowed(window)
    }
    // What varies along groups of channels only lies along all channels with 0 added.
    return (self + Expr.position(window.role).min(0)).windowed(window)
  }
}
