import CLuaShim
public import NormaCore
import Synchronization

/// Registry slots whose Swift reference is gone; the interpreter frees them when it next may.
final class ReferencePool: Sendable {
  private let released = Mutex<[Int32]>([])
  // Looked at after every host call, where a lock would cost.
  private let pending = Atomic<Bool>(false)

  func release(_ slot: Int32) {
    released.withLock { $0.append(slot) }
    pending.store(true, ordering: .releasing)
  }

  func takeReleased() -> [Int32] {
    guard pending.exchange(false, ordering: .acquiring) else { return [] }
    return released.withLock { slots in
      defer { slots.removeAll(keepingCapacity: true) }
      return slots
    }
  }
}

/// One registry slot. It does not keep the interpreter alive: objects that Lua holds may hold it.
final class RegistrySlot {
  let number: Int32
  private weak var owner: Interpreter?
  private let pool: ReferencePool

  init(_ number: Int32, owner: Interpreter, pool: ReferencePool) {
    self.number = number
    self.owner = owner
    self.pool = pool
  }

  deinit {
    pool.release(number)
  }

  /// Whether the interpreter still lives.
  var isAlive: Bool { owner != nil }

  func interpreter() throws(NormaError) -> Interpreter {
    guard let owner else {
      throw NormaError(.internal, "a Lua value outlived the interpreter it came from")
    }
    return owner
  }
}

/// A table of a script, by reference; every access is raw, so that no metamethod runs.
public final class TableRef {
  let slot: RegistrySlot

  init(_ slot: RegistrySlot) {
    self.slot = slot
  }

  /// The list part: items 1, 2, ... up to the first absent one.
  public func items() throws(NormaError) -> [LuaValue] {
    try slot.interpreter().withStack { interpreter, state throws(NormaError) in
      nl_push_ref(state, slot.number)
      let table = nl_top(state)
      var items: [LuaValue] = []
      for index in 0..<nl_raw_count(state, table) {
        nl_get_item(state, table, index + 1)
        let value = interpreter.value(at: -1, of: state)
        nl_set_top(state, table)
        if value.isNil { break }
        items.append(value)
      }
      return items
    }
  }

  /// All keys with their values, in no order; keys that are tables or objects come as they are.
  public func pairs() throws(NormaError) -> [(key: LuaValue, value: LuaValue)] {
    try slot.interpreter().withStack { interpreter, state throws(NormaError) in
      nl_push_ref(state, slot.number)
      let table = nl_top(state)
      var pairs: [(key: LuaValue, value: LuaValue)] = []
      nl_push_nil(state)
      while nl_next(state, table) {
        pairs.append(
          (interpreter.value(at: -2, of: state), interpreter.value(at: -1, of: state)))
        nl_set_top(state, table + 1)
      }
      return pairs
    }
  }

  /// The field `name`, nil when absent.
  public func get(_ name: String) throws(NormaError) -> LuaValue {
    try slot.interpreter().withStack { interpreter, state throws(NormaError) in
      nl_push_ref(state, slot.number)
      nl_get_field(state, -1, name)
      return interpreter.value(at: -1, of: state)
    }
  }

  /// Sets the field `name`.
  public func set(_ name: String, _ value: LuaValue) throws(NormaError) {
    try slot.interpreter().withStack { interpreter, state throws(NormaError) in
      nl_push_ref(state, slot.number)
      try interpreter.push(value, on: state)
      nl_set_field(state, -2, name)
    }
  }
}

/// A function a script may have written, by reference.
public final class FunctionRef {
  let slot: RegistrySlot

  init(_ slot: RegistrySlot) {
    self.slot = slot
  }

  /// Calls it; throws what the script raised, with the script's line.
  @discardableResult
  public func callAsFunction(_ arguments: LuaValue...) throws(NormaError) -> [LuaValue] {
    try call(arguments)
  }

  /// Calls it with a list of arguments.
  @discardableResult
  public func call(_ arguments: [LuaValue]) throws(NormaError) -> [LuaValue] {
    try slot.interpreter().withStack { interpreter, state throws(NormaError) in
      nl_push_ref(state, slot.number)
      return try interpreter.callTop(arguments, on: state)
    }
  }
}

extension FunctionRef {
  /// The line on which it begins; nil for a function of the host.
  public func place() throws(NormaError) -> SourcePlace? {
    try slot.interpreter().withStack { interpreter, state throws(NormaError) in
      nl_push_ref(state, slot.number)
      var source: UnsafePointer<CChar>?
      var count = 0
      var line: Int32 = 0
      guard nl_function_place(state, -1, &source, &count, &line) else { return nil }
      return SourcePlace(source: source, count: count, line: line)
    }
  }

  /// The variables it captured from around it, with their present values.
  public func captured() throws(NormaError) -> [(name: String, value: LuaValue)] {
    try slot.interpreter().withStack { interpreter, state throws(NormaError) in
      nl_push_ref(state, slot.number)
      let function = nl_top(state)
      var found: [(name: String, value: LuaValue)] = []
      while let name = nl_captured(state, function, Int32(found.count + 1)) {
        found.append((String(cString: name), interpreter.value(at: -1, of: state)))
        nl_set_top(state, function)
      }
      return found
    }
  }
}
