import Foundation

/// The course of a real hyper-parameter over training steps: constant, a straight line, constant.
public struct Ramp: Hashable, Sendable, Codable {
  /// The value up to step `start`, and where a norm is applied without steps.
  public let first: Double
  /// The value from step `end` on, and in inference of a network that was not trained.
  public let last: Double
  /// The step at which it begins to move.
  public let start: Int
  /// The step at which it has arrived.
  public let end: Int

  /// Makes a course; `end` is not before `start`.
  public init(_ first: Double, _ last: Double, start: Int, end: Int) {
    self.first = first
    self.last = last
    self.start = max(0, start)
    self.end = max(self.start, end)
  }

  /// The value at a step, counted from 0.
  public func value(at step: Int) -> Double {
    if step <= start { return first }
    if step >= end { return last }
    return first + (last - first) * Double(step - start) / Double(end - start)
  }

  /// Reads what `description` writes; nil for anything else.
  public init?(_ text: String) {
    let halves = text.split(separator: "@", omittingEmptySubsequences: false)
    guard halves.count == 2 else { return nil }
    func pair(_ text: Substring) -> (Substring, Substring)? {
      guard let range = text.range(of: "..") else { return nil }
      return (text[..<range.lowerBound], text[range.upperBound...])
    }
    guard let values = pair(halves[0]), let steps = pair(halves[1]),
      let first = Double(values.0), let last = Double(values.1), first.isFinite, last.isFinite,
      let start = Int(steps.0), let end = Int(steps.1), start >= 0, end >= start
    else { return nil }
    self.init(first, last, start: start, end: end)
  }
}

extension Ramp: CustomStringConvertible {
  /// `1..3@5000..40000`.
  public var description: String {
    "\(HyperValue.real(first))..\(HyperValue.real(last))@\(start)..\(end)"
  }
}
