public import NormaCore
import NormaNorms

/// What a person types, line by line, run in a session.
///
/// A line is tried as an expression first, whose values are shown; what Lua finds unfinished goes on in
/// the next line. `?name` and `:word` are the console's own.
public final class Console {
  /// What a line came to.
  public enum Answer: Equatable {
    /// The text is not finished: more lines are needed.
    case more
    /// Lines to show.
    case lines([String])
    /// The end was asked for.
    case end
  }

  /// A word of the console's own, such as `:plan`.
  public struct Word {
    /// The name without the colon.
    public let name: String
    /// How it is written: `:plan NORM [SHAPE]`.
    public let usage: String
    /// What it does, in a sentence.
    public let summary: String
    /// Runs it on what follows its name.
    public let run: (String) throws(NormaError) -> [String]

    /// Makes a word.
    public init(
      _ name: String, usage: String, summary: String,
      run: @escaping (String) throws(NormaError) -> [String]
    ) {
      self.name = name
      self.usage = usage
      self.summary = summary
      self.run = run
    }
  }

  private let session: ScriptSession
  private let help: (String) throws(NormaError) -> [String]
  private var words: [Word]
  private var pending = ""
  private var number = 0

  /// Makes a console.
  ///
  /// - Parameters:
  ///   - help: what `?name` shows.
  ///   - words: further words that begin with a colon.
  public init(
    _ session: ScriptSession, words: [Word] = [],
    help: @escaping (String) throws(NormaError) -> [String]
  ) {
    self.session = session
    self.help = help
    self.words = []
    self.words =
      [
        Word(
          "time", usage: ":time EXPRESSION",
          summary: "how long an expression takes, the median of several runs"
        ) { [unowned self] text throws(NormaError) in try time(text) }
      ] + words
  }

  /// Whether lines are waiting for more.
  public var isPending: Bool { !pending.isEmpty }

  /// Forgets unfinished lines.
  public func reset() { pending = "" }

  /// Takes a line.
  ///
  /// - Throws: what the text does wrong, with `console:N` as its place; the session goes on.
  public func feed(_ line: String) throws(NormaError) -> Answer {
    let trimmed = line.drop { $0 == " " || $0 == "\t" }
    if pending.isEmpty {
      if trimmed.isEmpty { return .lines([]) }
      if trimmed.hasPrefix("?") { return .lines(try ask(String(trimmed.dropFirst()))) }
      if trimmed.hasPrefix(":") { return try command(String(trimmed.dropFirst())) }
    }
    let text = pending + line
    let (code, isMuted) = Console.unmuted(text)
    let name = "console:\(number + 1)"
    var chunk = "return " + code
    if session.interpreter.syntaxError(in: chunk, name: name) != nil {
      // A local would end with its line.
      chunk = Console.withoutLocal(text)
      if let mistake = session.interpreter.syntaxError(in: chunk, name: name) {
        if mistake.message.hasSuffix("near <eof>") {
          pending = text + "\n"
          return .more
        }
        pending = ""
        number += 1
        throw mistake
      }
    }
    pending = ""
    number += 1
    let values = try session.run(text: chunk, name: name)
    let word = code.trimmed
    if values.count == 1, values[0].isNil, word.isName,
      !session.interpreter.globalNames.contains(word)
    {
      throw NormaError(
        .script,
        "nothing is called '\(word)'"
          + Suggestion.phrase(for: word, among: session.interpreter.globalNames))
    }
    guard !isMuted, !values.isEmpty, !(values.count == 1 && values[0].isNil) else {
      return .lines([])
    }
    var lines: [String] = []
    for value in values { lines += try shown(value) }
    return .lines(lines)
  }

  /// A value as lines; of a table its items and fields.
  private func shown(_ value: LuaValue) throws(NormaError) -> [String] {
    func text(_ value: LuaValue) throws(NormaError) -> [String] {
      try session.interpreter.describe(value)
        .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
    guard case .table(let table) = value else { return try text(value) }
    let (items, pairs) = (try table.items(), try table.pairs())
    var fields: [(name: String, lines: [String])] = []
    for (index, item) in items.prefix(20).enumerated() {
      fields.append(("\(index + 1)", try text(item)))
    }
    var named: [(name: String, lines: [String])] = []
    for (key, value) in pairs {
      if case .string(let name) = key { named.append((name, try text(value))) }
    }
    fields += named.sorted { $0.name < $1.name }.prefix(50)
    guard !fields.isEmpty else { return try text(value) }
    let lines = fields.flatMap { field in
      ["\(field.name) = \(field.lines.first ?? "")"] + field.lines.dropFirst()
    }
    let left = items.count + named.count - fields.count
    return left > 0 ? lines + ["... \(left) more"] : lines
  }

  /// The text without the semicolon that mutes it.
  private static func unmuted(_ text: String) -> (code: String, isMuted: Bool) {
    var code = text[...]
    while let last = code.last, last.isWhitespace { code.removeLast() }
    guard code.last == ";" else { return (text, false) }
    return (String(code.dropLast()), true)
  }

  /// The text with the word `local` left out of `local names = values` and `local function` at its
  /// beginning: each line is a chunk of its own, after which locals are gone.
  private static func withoutLocal(_ text: String) -> String {
    let start = text.drop { $0 == " " || $0 == "\t" }
    guard start.hasPrefix("local ") else { return text }
    let rest = start.dropFirst("local ".count)
    let names = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "," || $0 == " " }
    let isValue = rest.dropFirst(names.count).hasPrefix("=")
    return isValue || rest.hasPrefix("function ") ? String(rest) : text
  }

  // MARK: words of the console's own

  private func ask(_ name: String) throws(NormaError) -> [String] {
    let name = name.split(separator: " ").first.map(String.init) ?? ""
    if !name.isEmpty { return try help(name) }
    return [
      "an expression       is run and its value shown; a ; at the end mutes it",
      "?NAME               what a norm is",
    ]
      + words.map { word in
        word.usage + String(repeating: " ", count: max(2, 20 - word.usage.count)) + word.summary
      } + [":quit               ends the console; so does Ctrl-D"]
  }

  private func command(_ line: String) throws(NormaError) -> Answer {
    let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
    let name = parts.first ?? ""
    let rest = parts.count > 1 ? parts[1] : ""
    if ["q", "quit", "exit"].contains(name) { return .end }
    if name == "help" { return .lines(try ask("")) }
    guard let word = words.first(where: { $0.name == name }) else {
      let known = words.map(\.name) + ["help", "quit"]
      throw NormaError(
        .usage, "no word ':\(name)'" + Suggestion.phrase(for: name, among: known),
        help: known.map { ":" + $0 }.joined(separator: " "))
    }
    return .lines(try word.run(rest))
  }

  private func time(_ text: String) throws(NormaError) -> [String] {
    guard !text.isEmpty else {
      throw NormaError(.usage, ":time needs an expression", help: ":time norm.rms():apply(x)")
    }
    let chunk =
      session.interpreter.syntaxError(in: "return " + text, name: "console") == nil
      ? "return " + text : text
    var times: [Double] = []
    let clock = ContinuousClock()
    let begin = clock.now
    repeat {
      let start = clock.now
      _ = try session.run(text: chunk, name: "console")
      let time = start.duration(to: clock.now)
      times.append(
        Double(time.components.seconds) * 1e6 + Double(time.components.attoseconds) * 1e-12)
    } while times.count < 7 || (times.count < 1000 && begin.duration(to: clock.now) < .seconds(1))
    times.sort()
    let median = times[times.count / 2]
    let text = median < 1000 ? "\(Console.short(median)) µs" : "\(Console.short(median / 1000)) ms"
    return ["\(text)   median of \(times.count), least \(Console.short(times[0])) µs"]
  }

  private static func short(_ value: Double) -> String {
    value < 10 ? "\((value * 100).rounded() / 100)" : "\(Int(value.rounded()))"
  }

  // MARK: completion

  /// Names that go on from what is typed last: `no` → `norm`, `norm.gr` → `norm.group`.
  public func completions(of text: String) -> [String] {
    if text.hasPrefix("?") {
      let start = text.dropFirst()
      return session.registry.names.filter { $0.hasPrefix(start) }.map { "?" + $0 }
    }
    if text.hasPrefix(":") {
      return (words.map(\.name) + ["help", "quit"]).map { ":" + $0 }.filter { $0.hasPrefix(text) }
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count > 1 else {
      return session.interpreter.globalNames.filter { $0.hasPrefix(text) }
    }
    var names = session.interpreter.names(in: parts.dropLast().joined(separator: "."))
    if parts.count == 2, parts[0] == "norm" { names += session.registry.names }
    let head = parts.dropLast().joined(separator: ".") + "."
    return Set(names).filter { $0.hasPrefix(parts[parts.count - 1]) }.sorted().map { head + $0 }
  }
}

extension String {
  fileprivate var trimmed: String {
    String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
  }

  /// Whether it is one name and nothing else.
  fileprivate var isName: Bool {
    !isEmpty && first?.isNumber == false && allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
      && self != "nil"
  }
}
