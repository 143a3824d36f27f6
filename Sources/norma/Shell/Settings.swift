import NormaCore
import NormaNorms

/// Values that arrive as text.
enum Settings {
  /// Splits `name=value` pairs, each name once.
  ///
  /// - Throws: `usage` naming the option and the pair.
  static func pairs(
    _ texts: [String], option: String, example: String
  ) throws(NormaError) -> [(name: String, value: String)] {
    var pairs: [(name: String, value: String)] = []
    for text in texts {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw NormaError(
          .usage, "\(option) '\(text)' is not of the form name=value", help: "such as \(example)")
      }
      let name = String(parts[0])
      guard !pairs.contains(where: { $0.name == name }) else {
        throw NormaError(.usage, "\(option) '\(name)' is given twice", help: "give it once")
      }
      pairs.append((name, String(parts[1])))
    }
    return pairs
  }

  /// A norm and its settings, as `--hyper` gives them; `preset` is one like in scripts.
  static func norm(_ name: String, hyper: [String]) throws(NormaError) -> NormSpec {
    if let open = name.firstIndex(of: "("), name.hasSuffix(")") {
      let settings = name[name.index(after: open)...].dropLast().split(separator: ",")
      throw NormaError(
        .usage, "'\(name)' is not the name of a norm",
        help: "settings are given apart: \(name[..<open])"
          + settings.map { " --hyper \($0.filter { !$0.isWhitespace })" }.joined())
    }
    if NormChoice.isScript(name) {
      throw NormaError(
        .usage, "'\(name)' is a script, and a norm is asked for",
        help: "name one that it defines: NAME --script \(name)")
    }
    var spec = NormSpec(name)
    for (key, text) in try pairs(hyper, option: "--hyper", example: "--hyper epsilon=1e-5") {
      if key == "preset" {
        spec.preset = text
      } else {
        spec.hyper[key] = value(text)
      }
    }
    return spec
  }

  /// A value in the type it looks like; the schema converts and checks it.
  private static func value(_ text: String) -> HyperValue {
    switch text {
    case "true": .bool(true)
    case "false": .bool(false)
    case "none": .none
    default: Int(text).map(HyperValue.int) ?? Double(text).map(HyperValue.real) ?? .choice(text)
    }
  }

  /// `-1` or `1,2,3`.
  static func axes(_ text: String) throws(NormaError) -> [Int] {
    var axes: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let axis = Int(part) else {
        throw NormaError(
          .usage, "--axis '\(text)' is not a list of whole numbers",
          help: "such as --axis -1 or --axis 1,2,3")
      }
      axes.append(axis)
    }
    return axes
  }

  /// `4096x1024`.
  static func shape(_ text: String) throws(NormaError) -> [Int] {
    var shape: [Int] = []
    for part in text.split(separator: "x", omittingEmptySubsequences: false) {
      guard let size = Int(part), size >= 0 else {
        throw NormaError(
          .usage, "--shape '\(text)' is not a list of sizes", help: "such as --shape 4096x1024")
      }
      shape.append(size)
    }
    guard isAddressable(shape) else {
      throw NormaError(
        .usage, "--shape '\(text)' is larger than any memory", help: "such as --shape 4096x1024")
    }
    return shape
  }

  /// Whether sizes and strides can be computed; an empty axis does not excuse the others.
  static func isAddressable(_ shape: [Int]) -> Bool {
    shape.reduce(1.0) { $0 * Double(max($1, 1)) } < 0x1p48
  }
}
