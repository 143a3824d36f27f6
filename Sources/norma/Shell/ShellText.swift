/// Words of commands that are shown to be copied.
enum ShellText {
  /// A word as a shell reads it.
  static func quoted(_ text: some StringProtocol) -> String {
    let isPlain = text.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || "_-./=,:+".contains($0))
    }
    if isPlain, !text.isEmpty { return String(text) }
    if text.contains("'"), !text.contains(where: { "\"$`\\!".contains($0) }) {
      return "\"\(text)\""
    }
    return "'"
      + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
      + "'"
  }
}
