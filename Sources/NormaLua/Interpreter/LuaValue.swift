/// A Swift class whose instances scripts may hold; how it behaves there is a `HostType`.
public protocol HostObject: AnyObject, LuaConvertible {
  /// What messages call such a thing: "tensor", "model".
  static var luaName: String { get }
}

/// A value on its way between a script and Swift.
public enum LuaValue {
  /// Nothing.
  case `nil`
  /// True or false.
  case bool(Bool)
  /// An integer.
  case int(Int)
  /// A float.
  case number(Double)
  /// Text; bytes that are no UTF-8 arrive repaired.
  case string(String)
  /// A table, by reference.
  case table(TableRef)
  /// A function, by reference.
  case function(FunctionRef)
  /// A Swift object.
  case object(any HostObject)
  /// A value the host has no use for (a coroutine), by the name of its type.
  case other(String)

  /// True for nil.
  public var isNil: Bool {
    if case .nil = self { true } else { false }
  }

  /// The value as messages quote it: `'three'`, `2.5`, `a table`.
  public var quoted: String {
    switch self {
    case .nil: "nil"
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): value.count <= 40 ? "'\(value)'" : "'\(value.prefix(37))...'"
    case .table: "a table"
    case .function: "a function"
    case .object(let object): type(of: object).luaExpectation
    case .other(let name): "a \(name)"
    }
  }
}

extension LuaValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral
{
  /// Nil.
  public init(nilLiteral: ()) { self = .nil }
  /// A boolean.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// An integer.
  public init(integerLiteral value: Int) { self = .int(value) }
  /// A float.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
}
