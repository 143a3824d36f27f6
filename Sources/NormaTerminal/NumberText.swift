import Foundation

/// Numbers as people read them; every text is plain ASCII, the same in every locale.
public enum NumberText {
  /// Four decimals; an e-form where those would show too little (below 1e-3) or too much (from 1e6).
  public static func number(_ value: Double, decimals: Int = 4) -> String {
    if let special = special(value) { return special }
    let size = abs(value)
    if size != 0, size < 1e-3 || size >= 1e6 { return scientific(value) }
    return String(format: "%.\(decimals)f", value)
  }

  /// One decimal and an exponent without padding: `3.0e-4`.
  public static func scientific(_ value: Double) -> String {
    if let special = special(value) { return special }
    let parts = String(format: "%.1e", value).split(separator: "e")
    guard parts.count == 2, let exponent = Int(parts[1]) else { return "\(value)" }
    return "\(parts[0])e\(exponent)"
  }

  /// A time in its two largest units: `450 ms`, `18 s`, `2 min 3 s`, `1 h 5 min`, `2 d 3 h`.
  public static func duration(seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e12 else { return "-" }
    if seconds <= 0 { return "0 s" }
    let milliseconds = (seconds * 1000).rounded()
    if milliseconds < 1000 { return "\(Int(milliseconds)) ms" }
    return wholeSeconds(Int(seconds.rounded()))
  }

  /// Time left, in whole seconds, never promising less than there is: `18 s`.
  public static func remaining(seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e12 else { return "-" }
    return wholeSeconds(Int(max(0, seconds).rounded(.up)))
  }

  private static func wholeSeconds(_ total: Int) -> String {
    switch total {
    case ..<60: "\(total) s"
    case ..<3600: "\(total / 60) min \(total % 60) s"
    case ..<86400: "\(total / 3600) h \(total % 3600 / 60) min"
    default: "\(total / 86400) d \(total % 86400 / 3600) h"
    }
  }

  /// A size in decimal units: `512 B`, `38 kB`, `412 MB`, `1.2 GB`.
  public static func bytes(_ count: Int) -> String {
    switch count {
    case ..<1000: "\(count) B"
    case ..<999_500: String(format: "%.0f kB", Double(count) / 1e3)
    case ..<999_500_000: String(format: "%.0f MB", Double(count) / 1e6)
    default: String(format: "%.1f GB", Double(count) / 1e9)
    }
  }

  /// Three significant digits a second, or all of the whole ones: `0.42`, `41.2`, `1234`.
  public static func rate(_ perSecond: Double) -> String {
    if let special = special(perSecond) { return special }
    let decimals = perSecond < 9.995 ? 2 : perSecond < 99.95 ? 1 : 0
    return String(format: "%.\(decimals)f", perSecond)
  }

  private static func special(_ value: Double) -> String? {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    return nil
  }
}
