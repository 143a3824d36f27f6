import CLuaShim
public import NormaCore

extension Interpreter {
  /// The value at a stack index; tables and functions are kept in the registry.
  func value(at index: Int32, of state: OpaquePointer) -> LuaValue {
    switch nl_type(state, index) {
    case NL_NIL: .nil
    case NL_BOOL: .bool(nl_get_bool(state, index))
    case NL_INT: .int(Int(nl_get_int(state, index)))
    case NL_NUMBER: .number(nl_get_number(state, index))
    case NL_STRING: .string(string(at: index, of: state))
    case NL_TABLE: .table(TableRef(reference(to: index, of: state)))
    case NL_FUNCTION: .function(FunctionRef(reference(to: index, of: state)))
    case NL_OBJECT: object(at: index, of: state).map(LuaValue.object) ?? .other("released object")
    default: .other("coroutine")
    }
  }

  func string(at index: Int32, of state: OpaquePointer) -> String {
    var count = 0
    guard let bytes = nl_get_string(state, index, &count) else { return "" }
    return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  func object(at index: Int32, of state: OpaquePointer) -> (any HostObject)? {
    var type: Int32 = 0
    guard let pointer = nl_get_object(state, index, &type) else { return nil }
    return hosts.types[Int(type)].restore(pointer)
  }

  private func reference(to index: Int32, of state: OpaquePointer) -> RegistrySlot {
    freeReleased()
    nl_push_copy(state, index)
    return RegistrySlot(nl_ref(state), owner: self, pool: pool)
  }

  /// Frees the registry slots whose Swift holders are gone.
  func freeReleased() {
    for slot in pool.takeReleased() { nl_unref(state, slot) }
  }

  /// Pushes a value; throws, having pushed nothing, for one this interpreter cannot hold.
  func push(_ value: LuaValue, on state: OpaquePointer) throws(NormaError) {
    guard nl_reserve(state, 8) else { throw NormaError(.script, "stack overflow", place: place) }
    switch value {
    case .nil: nl_push_nil(state)
    case .bool(let value): nl_push_bool(state, value)
    case .int(let value): nl_push_int(state, Int64(value))
    case .number(let value): nl_push_number(state, value)
    case .string(var value):
      value.withUTF8 { nl_push_string(state, $0.baseAddress, $0.count) }
    case .table(let table): try push(table.slot, on: state)
    case .function(let function): try push(function.slot, on: state)
    case .object(let object): try push(object, on: state)
    case .other(let name): throw NormaError(.internal, "a \(name) cannot be given back to a script")
    }
  }

  private func push(_ slot: RegistrySlot, on state: OpaquePointer) throws(NormaError) {
    guard try slot.interpreter() === self else {
      throw NormaError(.internal, "a Lua value was given to another interpreter")
    }
    nl_push_ref(state, slot.number)
  }

  func push(_ object: any HostObject, on state: OpaquePointer) throws(NormaError) {
    guard let type = hosts.type(of: object) else {
      throw NormaError(.internal, "no Lua type is registered for \(type(of: object).luaName)")
    }
    nl_push_object(
      state, type, Unmanaged<AnyObject>.passRetained(object).toOpaque(),
      max(0, hosts.types[Int(type)].byteCount(object)))
  }

  /// Makes a table of a list and named fields.
  public func table(
    _ items: [LuaValue] = [], fields: [String: LuaValue] = [:]
  ) throws(NormaError) -> LuaValue {
    try withStack { interpreter, state throws(NormaError) in
      nl_new_table(state, Int32(clamping: items.count), Int32(clamping: fields.count))
      for (index, item) in items.enumerated() {
        try interpreter.push(item, on: state)
        nl_set_item(state, -2, Int64(index + 1))
      }
      for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
        try interpreter.push(value, on: state)
        nl_set_field(state, -2, name)
      }
      return interpreter.value(at: -1, of: state)
    }
  }

  /// The text `tostring` gives, metamethods included.
  public func describe(_ value: LuaValue) throws(NormaError) -> String {
    try withStack { interpreter, state throws(NormaError) in
      try interpreter.push(value, on: state)
      let status = nl_describe(state, -1)
      guard status == NL_OK else { throw interpreter.takeError(status, on: state) }
      return interpreter.string(at: -1, of: state)
    }
  }

  /// Calls the function on top of the stack; leaves what was below it, plus rubbish to be dropped.
  func callTop(_ arguments: [LuaValue], on state: OpaquePointer) throws(NormaError) -> [LuaValue] {
    let base = nl_top(state) - 1
    guard nl_reserve(state, Int32(clamping: arguments.count + 8)) else {
      throw NormaError(.script, "stack overflow", place: place)
    }
    for argument in arguments { try push(argument, on: state) }
    beginRun()
    depth += 1
    defer { depth -= 1 }
    let status = nl_call(state, Int32(arguments.count), -1)
    guard status == NL_OK else { throw takeError(status, on: state) }
    guard nl_reserve(state, 8) else { throw NormaError(.script, "stack overflow", place: place) }
    let top = nl_top(state)
    return (base..<top).map { value(at: $0 + 1, of: state) }
  }
}
