import CLuaShim
public import NormaCore

extension Interpreter {
  /// Defines a host function under a dotted path such as `nn.conv`; tables on the way are made.
  public func define(_ path: String, _ body: @escaping HostFunction) throws(NormaError) {
    let selector = hosts.add(path, body)
    try atPath(path) { state, name in
      nl_push_function(state, selector)
      nl_set_field(state, -2, name)
    }
  }

  /// Sets the value at a dotted path.
  public func set(_ path: String, _ value: LuaValue) throws(NormaError) {
    try atPath(path) { state, name throws(NormaError) in
      try push(value, on: state)
      nl_set_field(state, -2, name)
    }
  }

  /// Makes the table `name` callable, `name(...)`, and able to answer for absent fields, `name.x`.
  ///
  /// `missing` gets the field's name; what it returns is not kept.
  public func namespace(
    _ name: String, call: HostFunction? = nil,
    missing: ((String, CallContext) throws(NormaError) -> LuaValue)? = nil
  ) throws(NormaError) {
    let calling = call.map { hosts.add(name, skipping: 1, $0) } ?? -1
    let absent = missing.map { missing in
      hosts.add(name, skipping: 1) { call throws(NormaError) in
        guard case .string(let field) = call[0] else { return [.nil] }
        return [try missing(field, call)]
      }
    }
    try atPath(name + ".x") { state, _ in
      nl_make_namespace(state, -1, calling, absent ?? -1)
    }
  }

  /// The global `name`; nil when there is none.
  public func global(_ name: String) throws(NormaError) -> LuaValue {
    try withStack { interpreter, state throws(NormaError) in
      nl_push_globals(state)
      nl_get_field(state, -1, name)
      return interpreter.value(at: -1, of: state)
    }
  }

  /// The names of all globals, sorted.
  public var globalNames: [String] { names(in: "") }

  /// The names in the global table at a dotted path, sorted; none where there is no table.
  public func names(in path: String) -> [String] {
    let names = try? withStack { interpreter, state throws(NormaError) in
      nl_push_globals(state)
      for name in path.split(separator: ".") {
        guard nl_reserve(state, 8) else { return [String]() }
        nl_get_field(state, nl_top(state), String(name))
        guard nl_type(state, -1) == NL_TABLE else { return [String]() }
      }
      var names: [String] = []
      let table = nl_top(state)
      nl_push_nil(state)
      while nl_next(state, table) {
        if nl_type(state, -2) == NL_STRING { names.append(interpreter.string(at: -2, of: state)) }
        nl_set_top(state, table + 1)
      }
      return names
    }
    return (names ?? []).sorted()
  }

  /// A host function made while a script runs; it goes when the script drops it.
  public func closure(_ name: String, _ body: @escaping HostFunction) -> LuaValue {
    .object(HostClosure(name, body))
  }

  /// Runs `body` with the table that holds the path's last name on top of the stack.
  private func atPath(
    _ path: String, _ body: (OpaquePointer, String) throws(NormaError) -> Void
  ) throws(NormaError) {
    let names = path.split(separator: ".").map(String.init)
    guard let last = names.last else { throw NormaError(.internal, "an empty path") }
    try withStack { _, state throws(NormaError) in
      nl_push_globals(state)
      for name in names.dropLast() {
        let parent = nl_top(state)
        nl_get_field(state, parent, name)
        if nl_type(state, -1) == NL_TABLE { continue }
        nl_set_top(state, parent)
        nl_new_table(state, 0, 8)
        nl_push_copy(state, -1)
        nl_set_field(state, parent, name)
      }
      try body(state, last)
    }
  }
}

/// A callable host object.
final class HostClosure: HostObject {
  static let luaName = "function"
  let name: String
  let body: HostFunction

  init(_ name: String, _ body: @escaping HostFunction) {
    self.name = name
    self.body = body
  }

  static func type() -> HostType<HostClosure> {
    let type = HostType<HostClosure>()
    type.call { closure, call throws(NormaError) in
      try closure.body(call.renamed(closure.name))
    }
    type.describe { "function: \($0.name)" }
    return type
  }
}

extension CallContext {
  /// The same call under another name.
  func renamed(_ name: String) -> CallContext {
    CallContext(
      interpreter: interpreter, state: state, base: base, count: count, function: name)
  }
}
