/// A Swift type that an argument or an option of a script can become.
public protocol LuaConvertible {
  /// What messages say was expected: "a whole number".
  static var luaExpectation: String { get }
  /// The value as this type, or nil when it is something else.
  static func from(lua value: LuaValue) -> Self?
}

extension LuaValue: LuaConvertible {
  /// Anything.
  public static var luaExpectation: String { "a value" }
  /// The value itself.
  public static func from(lua value: LuaValue) -> LuaValue? { value }
}

extension Bool: LuaConvertible {
  /// A boolean; numbers and nil are none.
  public static var luaExpectation: String { "true or false" }
  /// The boolean, or nil.
  public static func from(lua value: LuaValue) -> Bool? {
    if case .bool(let value) = value { value } else { nil }
  }
}

extension Int: LuaConvertible {
  /// An integer, or a float without a fraction: `64/2` is 32.0 in Lua.
  public static var luaExpectation: String { "a whole number" }
  /// The integer, or nil.
  public static func from(lua value: LuaValue) -> Int? {
    switch value {
    case .int(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }
}

extension Double: LuaConvertible {
  /// Any number.
  public static var luaExpectation: String { "a number" }
  /// The number, or nil.
  public static func from(lua value: LuaValue) -> Double? {
    switch value {
    case .int(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}

extension String: LuaConvertible {
  /// Text; numbers are none.
  public static var luaExpectation: String { "a string" }
  /// The text, or nil.
  public static func from(lua value: LuaValue) -> String? {
    if case .string(let value) = value { value } else { nil }
  }
}

extension TableRef: LuaConvertible {
  /// A table.
  public static var luaExpectation: String { "a table" }
  /// The table, or nil.
  public static func from(lua value: LuaValue) -> TableRef? {
    if case .table(let table) = value { table } else { nil }
  }
}

extension FunctionRef: LuaConvertible {
  /// A function written in Lua or given by the host.
  public static var luaExpectation: String { "a function" }
  /// The function, or nil.
  public static func from(lua value: LuaValue) -> FunctionRef? {
    if case .function(let function) = value { function } else { nil }
  }
}

extension Array: LuaConvertible where Element: LuaConvertible {
  /// A list whose items all convert.
  public static var luaExpectation: String { "a list, each item \(Element.luaExpectation)" }
  /// The items, or nil when the value is no list or an item does not convert.
  public static func from(lua value: LuaValue) -> [Element]? {
    guard case .table(let table) = value, let items = try? table.items() else { return nil }
    var result: [Element] = []
    for item in items {
      guard let element = Element.from(lua: item) else { return nil }
      result.append(element)
    }
    return result
  }
}

extension HostObject {
  /// The type's name with an article.
  public static var luaExpectation: String {
    ("aeiou".contains(luaName.prefix(1)) ? "an " : "a ") + luaName
  }
  /// The object, or nil when it is of another class.
  public static func from(lua value: LuaValue) -> Self? {
    if case .object(let object) = value { object as? Self } else { nil }
  }
}
