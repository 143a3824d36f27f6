public import NormaCore

/// How a Swift class looks to scripts: its methods, properties and operators.
///
/// Fill one in, then `Interpreter.register` it. Bodies get the object and the call without it.
public final class HostType<Object: HostObject> {
  /// A method or call.
  public typealias Method = (Object, CallContext) throws(NormaError) -> [LuaValue]

  var methods: [String: Method] = [:]
  var properties: [String: (Object) throws(NormaError) -> LuaValue] = [:]
  var operators: [Operator: HostFunction] = [:]
  var otherIndex: ((Object, String, CallContext) throws(NormaError) -> LuaValue?)?
  var itemIndex: ((Object, LuaValue, CallContext) throws(NormaError) -> LuaValue)?
  var assignment: ((Object, LuaValue, LuaValue, CallContext) throws(NormaError) -> Void)?
  var calling: Method?
  var description: ((Object) throws(NormaError) -> String)?
  var byteCount: (Object) -> Int = { _ in 0 }

  /// An operator that scripts may use on the object.
  public enum Operator: String, CaseIterable, Sendable {
    /// `a + b` and the like; either operand may be the object.
    case add, sub, mul, div, mod, pow, idiv
    /// `-a`, which gets the operand twice.
    case negate = "unm"
    /// `a < b`, `a <= b`; `a > b` arrives as `b < a`.
    case less = "lt"
    /// `a <= b`.
    case lessOrEqual = "le"
    /// `a == b`, only asked when both are objects; without it the same object is equal.
    case equal = "eq"
    /// `#a`.
    case length = "len"
    /// `a .. b`.
    case concat
  }

  /// An empty type.
  public init() {}

  /// Adds `object:name(...)`.
  public func method(_ name: String, _ body: @escaping Method) {
    methods[name] = body
  }

  /// Adds `object.name`.
  public func property(
    _ name: String, _ body: @escaping (Object) throws(NormaError) -> LuaValue
  ) {
    properties[name] = body
  }

  /// Defines an operator; its operands are `call[0]` and `call[1]`.
  public func on(
    _ operation: Operator, _ body: @escaping (CallContext) throws(NormaError) -> LuaValue
  ) {
    let single: HostFunction = { call throws(NormaError) in [try body(call)] }
    operators[operation] = single
  }

  /// Answers for names that are no methods or properties; nil gives the usual error.
  public func index(
    _ body: @escaping (Object, String, CallContext) throws(NormaError) -> LuaValue?
  ) {
    otherIndex = body
  }

  /// Answers `object[key]` for keys that are no names.
  public func item(
    _ body: @escaping (Object, LuaValue, CallContext) throws(NormaError) -> LuaValue
  ) {
    itemIndex = body
  }

  /// Takes `object.key = value`; without it assignments are refused.
  public func assign(
    _ body: @escaping (Object, LuaValue, LuaValue, CallContext) throws(NormaError) -> Void
  ) {
    assignment = body
  }

  /// Makes the object callable.
  public func call(_ body: @escaping Method) {
    calling = body
  }

  /// Says what `tostring` and `print` show.
  public func describe(_ body: @escaping (Object) throws(NormaError) -> String) {
    description = body
  }

  /// Tells Lua's collector the memory behind an object, so that it collects in time.
  public func bytes(_ body: @escaping (Object) -> Int) {
    byteCount = body
  }
}

/// A Swift value carried as a host object.
public final class Boxed<Value: HostNamed>: HostObject {
  /// The value's name.
  public static var luaName: String { Value.luaName }
  /// The value.
  public let value: Value

  /// Boxes a value.
  public init(_ value: Value) {
    self.value = value
  }
}

/// A Swift value type that scripts may hold in a box.
public protocol HostNamed {
  /// What messages call such a thing.
  static var luaName: String { get }
}
