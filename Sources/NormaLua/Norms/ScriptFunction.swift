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

  /// Keeps `function`, which belongs to the norm `name`.
  init(_ function: FunctionRef, of name: String) {
    self.function = function
    self.name = name
  }

  /// Calls it; throws what it raised, `internal` on another thread than the interpreter's.
  func call(_ arguments: [LuaValue]) throws(NormaError) -> [LuaValue] {
    guard pthread_equal(pthread_self(), owner) != 0 else {
      throw NormaError(
        .internal, "\(name): its script was called from another thread than the script's",
        help: "build layers and models that use it on the thread of its session")
    }
    return try function.call(arguments)
  }
}
