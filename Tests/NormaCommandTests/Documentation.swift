import Foundation

/// The commands, outputs and scripts of a page in Markdown.
///
/// - A block `lua` whose first line is `-- NAME.lua` is that file; `-- NAME.lua, ...` adds to it. One
///   without a name is a script of its own.
/// - A block `console` holds commands behind `$ ` and what they print on standard output, or on both where
///   they fail; a line `...` stands for any lines. Behind `norma repl`, lines that begin with `norma> `
///   are typed.
/// - Lines of a block `sh` are commands. Those of `scripts/` and Python are left out: they set up the
///   machine, or need PyTorch.
/// - A block behind `<!-- not run: REASON -->` is left out.
struct Documentation {
  enum Step {
    case file(name: String, text: String, adds: Bool)
    case command(String, prints: [String]?)
  }

  struct Placed: CustomStringConvertible {
    let line: Int
    let step: Step
    var description: String { "line \(line): \(step)" }
  }

  let steps: [Placed]

  init(_ text: String) {
    var steps: [Placed] = []
    var block: (language: Substring, start: Int, lines: [String])?
    var isLeftOut = false
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      if let (language, start, lines) = block {
        if line == "```" {
          if !isLeftOut { steps += Self.steps(language, start, lines) }
          (block, isLeftOut) = (nil, false)
        } else {
          block?.lines.append(String(line))
        }
      } else if line.hasPrefix("```") {
        block = (line.dropFirst(3), number + 2, [])
      } else if !line.isEmpty {
        isLeftOut = line.hasPrefix("<!-- not run: ")
      }
    }
    if let block { steps += Self.steps("that never ends", block.start, []) }
    self.steps = steps
  }

  private static func steps(_ language: Substring, _ start: Int, _ lines: [String]) -> [Placed] {
    let text = lines.joined(separator: "\n") + "\n"
    switch language {
    case "lua":
      if let match = lines.first?.firstMatch(of: /^-- (\w+\.lua)(,.*)?$/) {
        let file = Step.file(name: String(match.1), text: text, adds: match.2 != nil)
        return [Placed(line: start, step: file)]
      }
      let name = "block-\(start).lua"
      return [
        Placed(line: start, step: .file(name: name, text: text, adds: false)),
        Placed(line: start, step: .command("norma norms list --script \(name)", prints: nil)),
      ]
    case "sh":
      return lines.enumerated().filter { $1.firstMatch(of: /^(scripts\/|python)/) == nil }
        .map { Placed(line: start + $0, step: .command($1, prints: nil)) }
    case "console":
      var found: [Placed] = []
      var rest = lines[...]
      while let first = rest.popFirst() {
        let command = first.hasPrefix("$ ") ? String(first.dropFirst(2)) : "false  # no command"
        let end = rest.firstIndex { $0.hasPrefix("$ ") } ?? rest.endIndex
        let place = start + rest.startIndex - 1
        let prompt = "norma> "
        let typed = rest[..<end].filter { $0.hasPrefix(prompt) }.map { $0.dropFirst(prompt.count) }
        let prints = rest[..<end].filter { !$0.hasPrefix(prompt) }
        let input = typed.isEmpty ? "" : " <<'END'\n" + typed.joined(separator: "\n") + "\nEND"
        found.append(Placed(line: place, step: .command(command + input, prints: Array(prints))))
        rest = rest[end...]
      }
      return found
    default: return [Placed(line: start, step: .command("false  # a block of what?", prints: nil))]
    }
  }

  /// Whether an output is the one shown; else the first line shown that it lacks.
  static func mismatch(shown: [String], found: String) -> String? {
    var lines = found.split(separator: "\n", omittingEmptySubsequences: false).map(plain)[...]
    while lines.last == "" { lines.removeLast() }
    var mayPass = false
    for line in shown.map(plain) {
      if line == "..." {
        mayPass = true
        continue
      }
      let place = mayPass ? lines.firstIndex { isSame(line, $0) } : lines.startIndex
      guard let place, place < lines.endIndex, isSame(line, lines[place]) else { return line }
      lines = lines[(place + 1)...]
      mayPass = false
    }
    return mayPass || lines.isEmpty ? nil : "nothing more before: \(lines.first ?? "")"
  }

  /// Columns are as wide as what they hold.
  private static func plain(_ line: some StringProtocol) -> String {
    line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// Whether lines differ in what is measured at most: numbers with a fraction, or before a unit, and sums
  /// of bytes.
  private static func isSame(_ shown: String, _ found: String) -> Bool {
    let (a, b) = (parts(shown), parts(found))
    guard a.texts == b.texts else { return false }
    return zip(a.numbers, b.numbers).enumerated().allSatisfy { index, pair in
      let isMeasured =
        (pair.0 + pair.1).contains(where: { ".e".contains($0) })
        || min(pair.0.count, pair.1.count) >= 12
        || a.texts[index + 1].firstMatch(of: /^ ?((µs|ms|s|KiB|MiB)\b|%)/) != nil
      return pair.0 == pair.1 || isMeasured
    }
  }

  private static func parts(_ line: String) -> (texts: [Substring], numbers: [Substring]) {
    let matches = line.matches(of: /[0-9a-f]{12,}|[-+]?\d+(\.\d+)?(e[-+]?\d+)?/)
    var texts: [Substring] = []
    var at = line.startIndex
    for match in matches {
      texts.append(line[at..<match.range.lowerBound])
      at = match.range.upperBound
    }
    return (texts + [line[at...]], matches.map(\.output.0))
  }
}
