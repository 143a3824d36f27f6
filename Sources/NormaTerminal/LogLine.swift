public import Foundation

/// One line of a log: the time, what it is about, then `key=value` fields; never a control code.
public struct LogLine: Sendable {
  /// When, shown in UTC to the second.
  public var date: Date
  /// What it is about: `epoch 3/10`.
  public var subject: String
  /// Names and values, in order.
  public var fields: [(name: String, value: String)]

  /// Makes a line.
  public init(_ date: Date, _ subject: String, _ fields: [(name: String, value: String)] = []) {
    self.date = date
    self.subject = subject
    self.fields = fields
  }

  /// `2026-01-05T10:02:11Z epoch 3/10 loss=1.2034 lr=3.0e-4`; a value with blanks is quoted.
  public var text: String {
    let words = [date.formatted(.iso8601), StyledText(subject).text]
    return (words + fields.map { "\($0.name)=\(Self.quoted($0.value))" }).joined(separator: " ")
  }

  private static func quoted(_ value: String) -> String {
    let clean = StyledText(value).text
    guard clean.isEmpty || clean.contains(where: { $0 == " " || $0 == "\"" }) else { return clean }
    return "\"" + clean.replacing("\"", with: "'") + "\""
  }
}
