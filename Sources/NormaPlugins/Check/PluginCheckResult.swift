/// What one check of a plugin found.
public struct PluginCheckResult: Sendable, Codable, Hashable {
  /// How a check ended.
  public enum Outcome: String, Sendable, Codable {
    /// It holds.
    case pass = "PASS"
    /// It does not hold.
    case fail = "FAIL"
    /// The process ended while it ran.
    case crash = "CRASH"
    /// It did not end in time.
    case timeout = "TIMEOUT"
    /// It does not apply, or could not be asked.
    case skip = "SKIP"
  }

  /// What must hold.
  public var name: String
  /// The level, 0 to 4.
  public var level: Int
  /// The norm it is about, or empty.
  public var norm: String
  /// How it ended.
  public var outcome: Outcome
  /// What is wrong, with numbers; empty when nothing is.
  public var message: String

  /// Makes a result.
  public init(
    _ name: String, level: Int, norm: String = "", _ outcome: Outcome, _ message: String = ""
  ) {
    self.name = name
    self.level = level
    self.norm = norm
    self.outcome = outcome
    self.message = message
  }

  /// Whether it speaks against the plugin.
  public var isFailure: Bool { outcome != .pass && outcome != .skip }
}
