import CLuaShim
public import NormaCore

extension Interpreter {
  /// Makes a type known; objects of its class can be pushed from then on.
  public func register<Object: HostObject>(_ type: HostType<Object>) throws(NormaError) {
    let name = Object.luaName
    let index = hosts.add(name, skipping: 2) { call throws(NormaError) in
      [try member(of: type, call)]
    }
    let number = try withStack { _, state throws(NormaError) in
      nl_new_type(state, name, index)
    }
    guard number == Int32(hosts.types.count) else {
      throw NormaError(.internal, "too many Lua types; '\(name)' does not fit")
    }
    hosts.types.append(
      ErasedType(
        name: name, matches: { $0 is Object },
        restore: { Unmanaged<Object>.fromOpaque($0).takeUnretainedValue() },
        byteCount: { ($0 as? Object).map(type.byteCount) ?? 0 }))
    for (method, body) in type.methods.sorted(by: { $0.key < $1.key }) {
      let selector = hosts.add("\(name):\(method)", skipping: 1) { call throws(NormaError) in
        guard let object = call.receiver as? Object else {
          throw NormaError(
            .script, "\(name).\(method) was called without its \(name)",
            help: "write a colon: x:\(method)(...)")
        }
        return try body(object, call)
      }
      nl_type_method(state, number, method, selector)
    }
    for (operation, body) in type.operators {
      set("__" + operation.rawValue, of: number, to: hosts.add(name, body))
    }
    try registerRest(of: type, number)
  }

  private func registerRest<Object: HostObject>(
    of type: HostType<Object>, _ number: Int32
  ) throws(NormaError) {
    let name = Object.luaName
    let assign = hosts.add(name, skipping: 1) { call throws(NormaError) in
      guard let assignment = type.assignment, let object = call.receiver as? Object else {
        throw NormaError(.script, "a \(name) cannot be changed: \(call[0].quoted) = ...")
      }
      try assignment(object, call[0], call[1], call)
      return []
    }
    set("__newindex", of: number, to: assign)
    if let calling = type.calling {
      let selector = hosts.add(name, skipping: 1) { call throws(NormaError) in
        guard let object = call.receiver as? Object else { return [] }
        return try calling(object, call)
      }
      set("__call", of: number, to: selector)
    }
    let describe = hosts.add(name, skipping: 1) { call throws(NormaError) in
      guard let object = call.receiver as? Object else { return [.string("released \(name)")] }
      return [.string(try type.description?(object) ?? name)]
    }
    set("__tostring", of: number, to: describe)
  }

  private func set(_ metamethod: String, of type: Int32, to selector: Int32) {
    nl_type_metamethod(state, type, metamethod, selector)
  }
}

extension CallContext {
  /// The object before the arguments that were skipped.
  var receiver: (any HostObject)? {
    base > 0 ? interpreter.object(at: 1, of: state) : nil
  }

  /// The key of an index operation.
  var key: LuaValue { interpreter.value(at: 2, of: state) }
}

/// A name that is no method: a property, the type's own answer, or an error that suggests one.
private func member<Object: HostObject>(
  of type: HostType<Object>, _ call: CallContext
) throws(NormaError) -> LuaValue {
  guard let object = call.receiver as? Object else {
    throw NormaError(.script, "a \(Object.luaName) was used after it was released")
  }
  guard case .string(let name) = call.key else {
    if let item = type.itemIndex { return try item(object, call.key, call) }
    throw NormaError(.script, "a \(Object.luaName) has no items: [\(call.key.quoted)]")
  }
  if let property = type.properties[name] { return try property(object) }
  if let value = try type.otherIndex?(object, name, call) { return value }
  let known = (Array(type.methods.keys) + Array(type.properties.keys)).sorted()
  throw NormaError(
    .script,
    "a \(Object.luaName) has no '\(name)'\(Suggestion.phrase(for: name, among: known))",
    help: known.isEmpty ? nil : "it has: \(known.joined(separator: ", "))")
}
