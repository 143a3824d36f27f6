import Foundation
import NormaCore

/// A function of a script that Swift keeps and calls later.
///
/// SAFETY: the function is called only on the thread that made this object, the interpreter's own,
/// which `call` checks. Releasing it is safe on any thread: the registry slot goes through a locked
/// pool.
final class ScriptFunction: @unchecked Sendable {
  private let function: FunctionRef
  private let owner = pthread_self()
  private let name: String
  /// The plain values it captured, as they were when it was handed over.
  private let captured: [(name: String, value: LuaScalar)]

  /// Keeps `function`, which belongs to the norm `name`.
  init(_ function: FunctionRef, of name: String) {
    self.function = function
    self.name = name
    captured = ((try? function.captured()) ?? []).compactMap { variable in
      LuaScalar(variable.value).map { (variable.name, $0) }
    }
  }

  private var isOnItsThread: Bool { pthread_equal(pthread_self(), owner) != 0 }

  /// Whether it can be called here and now: on its thread, while its script's interpreter lives.
  var canBeCalled: Bool { isOnItsThread && function.slot.isAlive }

  /// Calls it; throws what it raised, `internal` on another thread than the interpreter's.
  func call(_ arguments: [LuaValue]) throws(NormaError) -> [LuaValue] {
    guard isOnItsThread else {
      throw NormaError(
        .internal, "\(name): its script was called from another thread than the script's",
        help: "build layers and models that use it on the thread of its session")
    }
    return try function.call(arguments)
  }

  /// Throws when a number, text or boolean that it captured is no longer what it was: layers built now
  /// would not be the norm that was defined.
  func checkCaptured(_ word: String) throws(NormaError) {
    guard isOnItsThread, !captured.isEmpty else { return }
    for variable in try function.captured() {
      guard let before = captured.first(where: { $0.name == variable.name })?.value,
        LuaScalar(variable.value) != before
      else { continue }
      throw NormaError(
        .script,
        "\(name): \(word) reads the local '\(variable.name)', which changed from \(before.text) to"
          + " \(LuaScalar(variable.value)?.text ?? variable.value.quoted) after define",
        place: try function.place(), help: "make it a hyper-parameter")
    }
  }
}

/// A number, text or boolean of a script.
private enum LuaScalar: Equatable {
  case number(Double)
  case text(String)
  case bool(Bool)

  init?(_ value: LuaValue) {
    switch value {
    case .int(let number): self = .number(Double(number))
    case .number(let number): self = .number(number)
    case .string(let text): self = .text(text)
    case .bool(let flag): self = .bool(flag)
    default: return nil
    }
  }

  var text: String {
    switch self {
    case .number(let number): Int(exactly: number).map(String.init) ?? "\(number)"
    case .text(let text): "'\(text)'"
    case .bool(let flag): "\(flag)"
    }
  }
}
