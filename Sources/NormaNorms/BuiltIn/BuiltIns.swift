import NormaCore
import NormaGraph

/// The norms that come with Norma, one file each.
public enum BuiltIns {
  /// All definitions.
  public static let definitions = [batch, group, instance, layer, rms]
}

extension NormRegistry {
  /// A registry that holds the built-in norms.
  public static func builtIn() -> NormRegistry {
    NormRegistry(BuiltIns.definitions.map { NormEntry($0, source: .builtIn) })
  }
}

extension DefinitionBuilder {
  /// The epsilon under the root.
  func epsilon(_ value: Double = 1e-5) -> Expr {
    real("epsilon", default: value, Bounds(min: 0), "added under the root")
  }
  /// The factor per channel, absent when `scale` is false.
  func gamma() -> Expr {
    bool("scale", default: true, "whether gamma is present")
    return parameter(
      "gamma", per: .channel, initial: 1, role: .gain, when: "scale", "factor per channel")
  }
  /// The offset per channel, absent when `center` is false.
  func beta() -> Expr {
    bool("center", default: true, "whether beta is present")
    return parameter(
      "beta", per: .channel, initial: 0, role: .shift, when: "center", "offset per channel")
  }
}
