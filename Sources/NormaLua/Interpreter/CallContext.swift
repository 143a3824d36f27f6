import CLuaShim
public import NormaCore

/// One call of a host function: its arguments, read when asked for; valid only during the call.
public struct CallContext {
  /// The interpreter the call comes from.
  public let interpreter: Interpreter
  let state: OpaquePointer
  let base: Int32
  /// How many arguments were given.
  public let count: Int
  /// The function's name, which begins its messages.
  public let function: String

  /// The script line that calls.
  public var place: SourcePlace? { interpreter.place }

  /// The argument at `index`, counted from 0; nil past the end.
  public subscript(index: Int) -> LuaValue {
    guard index >= 0, index < count else { return .nil }
    return interpreter.value(at: base + Int32(index) + 1, of: state)
  }

  /// All arguments.
  public var arguments: [LuaValue] { (0..<count).map { self[$0] } }

  /// The arguments from `first` on, each converted; for lists of names such as roles.
  public func rest<Value: LuaConvertible>(
    from first: Int = 0, _ name: String, as type: Value.Type = Value.self
  ) throws(NormaError) -> [Value] {
    var values: [Value] = []
    for index in stride(from: first, to: count, by: 1) { values.append(try value(index, name)) }
    return values
  }

  /// The argument at `index`; throws, naming it, when it is absent or something else.
  public func value<Value: LuaConvertible>(
    _ index: Int, _ name: String, as type: Value.Type = Value.self
  ) throws(NormaError) -> Value {
    let given = self[index]
    guard let value = Value.from(lua: given) else {
      throw error("'\(name)' must be \(Value.luaExpectation), got \(given.quoted)")
    }
    return value
  }

  /// The argument at `index`, or nil when it is absent; throws when it is something else.
  public func optional<Value: LuaConvertible>(
    _ index: Int, _ name: String, as type: Value.Type = Value.self
  ) throws(NormaError) -> Value? {
    if self[index].isNil { return nil }
    return try value(index, name, as: type)
  }

  /// The options at `index`: `f { 32, kernel = 3 }`, and also `f "name"`, `f(8)` and `f()`.
  public func options(_ index: Int = 0) throws(NormaError) -> TableReader {
    guard count <= index + 1 else {
      throw error(
        "one table is taken, got \(count - index) arguments",
        help: "put all into one: \(function) { ..., name = value }")
    }
    return switch self[index] {
    case .nil: try TableReader(nil, owner: function)
    case .table(let table): try TableReader(table, owner: function)
    case let single: TableReader(single: single, owner: function)
    }
  }

  /// An error of kind `script` that begins with the function's name; the place is added by itself.
  public func error(_ message: String, help: String? = nil) -> NormaError {
    NormaError(.script, "\(function): \(message)", help: help)
  }
}
