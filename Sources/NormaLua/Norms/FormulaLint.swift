/// Finds what Lua does to traced tensors without asking them: `x == 0` is silently false, `if x` always
/// true. Arithmetic and order reach the tensor and need no lint.
///
/// It reads the function's own text. Traced are the function's tensors, the traced names of `s`, and
/// locals that are made of these.
struct FormulaLint {
  /// A mistake.
  struct Finding: Equatable {
    let line: Int
    let message: String
    let help: String
  }

  private struct Token {
    enum Kind { case name, number, text, symbol }
    let kind: Kind
    let text: String
    let line: Int
  }

  private var tokens: [Token] = []
  private var traced: Set<String> = []
  private var settings: Set<String> = []
  private var settingsName = ""
  private var modeName: String?
  /// The first mistake.
  private(set) var finding: Finding?

  /// Reads the function that begins on a line.
  ///
  /// - Parameters:
  ///   - tensors: how many of its first parameters are tensors; the next is `s`.
  ///   - settings: the names of `s` that are traced.
  init(_ text: String, line: Int, tensors: Int, settings: Set<String>) {
    let all = FormulaLint.scan(text)
    let word = tensors == 1 ? "forward" : "backward"
    let starts = all.indices.filter { all[$0].text == "function" && all[$0].line == line }
    // Several functions may begin on one line: the field's name stands before the one that is meant.
    guard
      let start = starts.first(where: {
        $0 >= 2 && all[$0 - 1].text == "=" && all[$0 - 2].text == word
      }) ?? starts.first
    else { return }
    guard let open = all[start...].firstIndex(where: { $0.text == "(" }),
      let close = all[open...].firstIndex(where: { $0.text == ")" })
    else { return }
    let parameters = all[open..<close].filter { $0.kind == .name }.map(\.text)
    traced = Set(parameters.prefix(tensors))
    settingsName = parameters.count > tensors ? parameters[tensors] : ""
    modeName = parameters.count > tensors + 1 ? parameters[tensors + 1] : nil
    self.settings = settings
    var depth = 1
    var end = close + 1
    while end < all.count, depth > 0 {
      switch all[end].text {
      case "function", "do", "if", "repeat": depth += 1
      case "end", "until": depth -= 1
      default: break
      }
      end += 1
    }
    tokens = Array(all[(close + 1)..<end])
    finding = check()
  }

  private func text(_ index: Int) -> String {
    tokens.indices.contains(index) ? tokens[index].text : ""
  }

  /// The tokens of a traced value that begins here: a name, or `s.name`; what goes on is another value.
  private func tracedValue(at index: Int) -> (text: String, end: Int)? {
    guard tokens[index].kind == .name, text(index - 1) != ".", text(index - 1) != ":" else {
      return nil
    }
    var (name, end) = (tokens[index].text, index + 1)
    if name == settingsName, text(end) == ".", settings.contains(text(end + 1)) {
      (name, end) = ("\(name).\(text(end + 1))", end + 2)
    } else if !traced.contains(name) {
      return nil
    }
    // What methods make of it is traced too; a size is a number.
    while text(end) == ":", text(end + 2) == "(" {
      guard text(end + 1) != "size" else { return nil }
      name += ":\(text(end + 1))(...)"
      var depth = 0
      end += 2
      repeat {
        if text(end) == "(" { depth += 1 }
        if text(end) == ")" { depth -= 1 }
        end += 1
      } while depth > 0 && end < tokens.count
    }
    return [".", ":", "(", "[", "="].contains(text(end)) ? nil : (name, end)
  }

  private mutating func check() -> Finding? {
    var index = 0
    var outer: [(end: Int, traced: Set<String>)] = []
    while index < tokens.count {
      if let last = outer.last, index >= last.end {
        traced = last.traced
        outer.removeLast()
      }
      if tokens[index].text == "function" {
        // Its parameters are others, whatever they are called.
        outer.append((end(of: index), traced))
        traced.subtract(tokens[index...].prefix { $0.text != ")" }.map(\.text))
      }
      if tokens[index].text == "local" { learn(from: index) }
      if let found = comparedMode(at: index) { return found }
      if let (name, end) = tracedValue(at: index), let found = mistake(name, index, end) {
        return found
      }
      index += 1
    }
    return nil
  }

  /// Where the function that begins at a token ends.
  private func end(of start: Int) -> Int {
    var depth = 0
    for index in start..<tokens.count {
      switch tokens[index].text {
      case "function", "do", "if", "repeat": depth += 1
      case "end", "until": depth -= 1
      default: break
      }
      if depth == 0 { return index }
    }
    return tokens.count
  }

  /// `mode == "train"`, which never holds.
  private func comparedMode(at index: Int) -> Finding? {
    guard let modeName, tokens[index].text == modeName, ![".", ":"].contains(text(index - 1)) else {
      return nil
    }
    let (before, after) = (text(index - 1), text(index + 1))
    let signs = ["==", "~="]
    let other = signs.contains(after) ? index + 2 : signs.contains(before) ? index - 2 : -1
    guard tokens.indices.contains(other), tokens[other].kind == .text else { return nil }
    let sign = signs.contains(after) ? after : before
    return Finding(
      line: tokens[index].line,
      message: "'\(modeName) \(sign) \(tokens[other].text)' is always"
        + " \(sign == "==" ? "false" : "true") here: a mode is no text",
      help: "write \(modeName).train or \(modeName).infer")
  }

  private static let plain: Set<String> = ["nil", "true", "false"]

  private func isPlain(_ index: Int) -> Bool {
    guard tokens.indices.contains(index) else { return false }
    return tokens[index].kind == .number || tokens[index].kind == .text
      || FormulaLint.plain.contains(tokens[index].text)
  }

  private func mistake(_ name: String, _ start: Int, _ end: Int) -> Finding? {
    func found(_ message: String, _ help: String) -> Finding {
      Finding(line: tokens[start].line, message: message + ": \(name) is traced", help: help)
    }
    func compared(_ sign: String, _ other: String, _ text: String) -> Finding? {
      guard sign == "==" || sign == "~=" else { return nil }
      let isEqual = sign == "=="
      return found(
        "'\(text)' is always \(isEqual ? "false" : "true") here",
        isEqual ? "where(\(name):eq(\(other)), a, b)" : "where(\(name):eq(\(other)), b, a)")
    }
    let sign = text(end) == "-" ? "" : text(end)
    let minus = text(end + 1) == "-" ? 1 : 0
    if isPlain(end + 1 + minus) {
      let other = (minus == 1 ? "-" : "") + text(end + 1 + minus)
      if let finding = compared(sign, other, "\(name) \(sign) \(other)") { return finding }
    }
    // What stands before belongs to the comparison only where nothing binds tighter.
    let binds = ["+", "-", "*", "/", "^", "%", "..", "//"]
    if isPlain(start - 2), !binds.contains(text(start - 3)), !binds.contains(text(end)) {
      let other = text(start - 2)
      if let finding = compared(text(start - 1), other, "\(other) \(text(start - 1)) \(name)") {
        return finding
      }
    }
    let remedy = "where(condition, a, b)"
    if text(start - 1) == "not" { return found("'not \(name)' is always false here", remedy) }
    let opens = ["if", "elseif", "while", "until"].contains(text(start - 1))
    if opens, ["then", "do", ""].contains(text(end)) || text(start - 1) == "until" {
      return found("'\(text(start - 1)) \(name)' always holds here", remedy)
    }
    if text(end) == "and" || text(end) == "or",
      // `plain and x or y` chooses by what is plain.
      ["(", "=", ",", "return", "if", "elseif", "while", text(end)].contains(text(start - 1))
    {
      return found("'\(name) \(text(end))' does not look at values", remedy)
    }
    return nil
  }

  /// `local a, b = ...`: traced where what they are made of is.
  private mutating func learn(from index: Int) {
    var names: [String] = []
    var i = index + 1
    while i < tokens.count, tokens[i].kind == .name {
      names.append(tokens[i].text)
      i += 1
      guard text(i) == "," else { break }
      i += 1
    }
    guard text(i) == "=", !names.isEmpty else { return }
    let line = tokens[i].line
    var value: [Int] = []
    i += 1
    // The expression ends with its line, or where a statement begins.
    while i < tokens.count {
      let isNew = ["local", "return", "if", "for", "while", "repeat", "end"].contains(text(i))
      if isNew || (tokens[i].line != line && depthIsZero(value)) { break }
      value.append(i)
      i += 1
    }
    // A size, a function or a comparison is no tensor.
    let others = ["size", "function", "==", "~=", "<", ">", "<=", ">=", "not", "and", "or", "{"]
    guard !value.contains(where: { others.contains(text($0)) }) else { return }
    let isMade = value.contains { index in
      guard tokens[index].kind == .name, ![".", ":"].contains(text(index - 1)) else { return false }
      if tokens[index].text == settingsName, text(index + 1) == "." {
        return settings.contains(text(index + 2))
      }
      return traced.contains(tokens[index].text)
    }
    if isMade { traced.formUnion(names) } else { traced.subtract(names) }
  }

  private func depthIsZero(_ indices: [Int]) -> Bool {
    var depth = 0
    for index in indices {
      if ["(", "[", "{"].contains(text(index)) { depth += 1 }
      if [")", "]", "}"].contains(text(index)) { depth -= 1 }
    }
    return depth == 0
  }

  // MARK: Lua's words

  private static func scan(_ text: String) -> [Token] {
    let bytes = Array(text.utf8)
    var tokens: [Token] = []
    var (i, line) = (0, 1)
    func at(_ index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }
    func isWord(_ byte: UInt8) -> Bool {
      (65...90).contains(byte & 0xDF) || (48...57).contains(byte) || byte == 95
    }
    func add(_ kind: Token.Kind, _ start: Int) {
      tokens.append(
        Token(kind: kind, text: String(decoding: bytes[start..<i], as: UTF8.self), line: line))
    }
    /// The end of `[[ ... ]]` or `[=[ ... ]=]` that begins here, and its line ends; nil for no such text.
    func long(_ start: Int) -> Int? {
      var level = start + 1
      while at(level) == 61 { level += 1 }
      guard at(start) == 91, at(level) == 91 else { return nil }
      let close = [93] + [UInt8](repeating: 61, count: level - start - 1) + [93]
      var end = level + 1
      while end < bytes.count, Array(bytes[end..<min(end + close.count, bytes.count)]) != close {
        end += 1
      }
      return min(end + close.count, bytes.count)
    }
    func skip(to end: Int) {
      line += bytes[i..<end].count { $0 == 10 }
      i = end
    }
    while i < bytes.count {
      let (byte, start) = (bytes[i], i)
      if byte == 10 {
        line += 1
        i += 1
      } else if byte <= 32 {
        i += 1
      } else if byte == 45, at(i + 1) == 45 {
        if let end = long(i + 2) {
          skip(to: end)
        } else {
          while i < bytes.count, bytes[i] != 10 { i += 1 }
        }
      } else if byte == 91, let end = long(i) {
        let first = line
        skip(to: end)
        tokens.append(Token(kind: .text, text: "[[...]]", line: first))
      } else if byte == 34 || byte == 39 {
        i += 1
        while i < bytes.count, bytes[i] != byte, bytes[i] != 10 { i += bytes[i] == 92 ? 2 : 1 }
        i = min(i + 1, bytes.count)
        add(.text, start)
      } else if (48...57).contains(byte) {
        while isWord(at(i)) || at(i) == 46
          || ([43, 45].contains(at(i)) && [69, 101, 80, 112].contains(at(i - 1)))
        { i += 1 }
        add(.number, start)
      } else if isWord(byte) {
        while isWord(at(i)) { i += 1 }
        add(.name, start)
      } else {
        let pair = String(decoding: bytes[i..<min(i + 2, bytes.count)], as: UTF8.self)
        i += ["==", "~=", "<=", ">=", "..", "//", "::"].contains(pair) ? 2 : 1
        add(.symbol, start)
      }
    }
    return tokens
  }
}
