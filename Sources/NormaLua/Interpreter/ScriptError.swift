import CLuaShim
import Foundation
import NormaCore

/// A NormaError while it travels through Lua, so that scripts may catch it and raise it again.
final class ScriptError: HostObject {
  static let luaName = "error"
  let error: NormaError
  let traceback: String?

  init(_ error: NormaError, traceback: String?) {
    self.error = error
    self.traceback = traceback
  }

  static func type() -> HostType<ScriptError> {
    let type = HostType<ScriptError>()
    type.property("message") { .string($0.error.message) }
    type.property("code") { .string($0.error.code.id) }
    type.property("help") { $0.error.help.map(LuaValue.string) ?? .nil }
    type.property("file") { $0.error.place.map { .string($0.file) } ?? .nil }
    type.property("line") { $0.error.place.map { .int($0.line) } ?? .nil }
    type.describe { $0.error.description }
    type.on(.concat) { call throws(NormaError) in
      let parts = [call[0], call[1]].map { value in
        if case .object(let object as ScriptError) = value { return object.error.description }
        return String.from(lua: value) ?? value.quoted
      }
      return .string(parts.joined())
    }
    return type
  }
}

extension Interpreter {
  func pushError(_ error: NormaError, on state: OpaquePointer) {
    // An error that comes from a script further in keeps the longer traceback of that point.
    let inner = failure.flatMap { $0.place == error.place ? $0.traceback : nil }
    do throws(NormaError) {
      try push(ScriptError(error, traceback: inner), on: state)
    } catch {
      nl_push_nil(state)
    }
  }

  /// Takes the error value off the stack after a protected call that failed.
  func takeError(_ status: Int32, on state: OpaquePointer) -> NormaError {
    defer { nl_set_top(state, max(0, nl_top(state) - 1)) }
    var source: UnsafePointer<CChar>?
    var count = 0
    var line: Int32 = 0
    var place: SourcePlace?
    if nl_failure_place(context, &source, &count, &line) {
      place = SourcePlace(source: source, count: count, line: line)
    }
    let object = object(at: -1, of: state) as? ScriptError
    let error = stopError() ?? object?.error ?? error(status, on: state)
    let complete = error.at(place)
    if let place = complete.place {
      let traceback = object?.traceback ?? String(cString: nl_traceback(context))
      failure = (place, traceback)
    }
    return complete
  }

  private func error(_ status: Int32, on state: OpaquePointer) -> NormaError {
    guard nl_type(state, -1) == NL_STRING else {
      return NormaError(
        .script, "the script raised \(value(at: -1, of: state).quoted) as an error",
        help: "raise a text: error(\"...\")")
    }
    let (place, message) = splitPlace(string(at: -1, of: state))
    if status == NL_MEMORY || message == "not enough memory" {
      return NormaError(
        .script, "the script needs more than \(options.memoryBytes >> 20) MiB of memory",
        help: "keep fewer values alive, or raise the limit with --script-memory")
    }
    let suggestion = suggestGlobal(message)
    return NormaError(.script, message + suggestion, place: place)
  }

  /// Splits Lua's own `file:line:` off a message; where it stands twice, the innermost counts.
  private func splitPlace(_ message: String) -> (SourcePlace?, String) {
    var rest = Substring(message)
    var place: SourcePlace?
    // Of "console" and "console:3" the longer one is meant.
    while let (short, name) = chunkNames.filter({ rest.hasPrefix($0.key + ":") })
      .max(by: { $0.key.count < $1.key.count })
    {
      let afterName = rest.dropFirst(short.count + 1)
      let digits = afterName.prefix { $0.isNumber }
      guard let line = Int(digits), afterName.dropFirst(digits.count).hasPrefix(": ") else { break }
      place = SourcePlace(file: name, line: line)
      rest = afterName.dropFirst(digits.count + 2)
    }
    return (place, String(rest))
  }

  private func suggestGlobal(_ message: String) -> String {
    guard message.contains("a nil value (global '"), message.hasSuffix("')"),
      let start = message.range(of: "(global '")
    else { return "" }
    let name = String(message[start.upperBound...].dropLast(2))
    return Suggestion.phrase(for: name, among: globalNames)
  }

  private func stopError() -> NormaError? {
    switch nl_stop_reason(context) {
    case NL_INTERRUPTED: NormaError(.interrupted, "interrupted")
    case NL_INSTRUCTIONS:
      NormaError(
        .script,
        "stopped: the script ran \(ScriptError.count(options.instructions)) without calling the host",
        help: "--instructions \(min(options.instructions, .max / 10) * 10)")
    case NL_TIME:
      NormaError(.script, "stopped: the script itself ran for more than \(options.seconds) s")
    default: nil
    }
  }
}

extension ScriptError {
  /// `5 million instructions`.
  fileprivate static func count(_ instructions: UInt64) -> String {
    instructions >= 1_000_000 && instructions % 1_000_000 == 0
      ? "\(instructions / 1_000_000) million instructions" : "\(instructions) instructions"
  }
}
