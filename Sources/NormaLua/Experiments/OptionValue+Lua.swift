import NormaCore
import NormaNetwork

extension OptionValue {
  /// A script's value as an option of a layer; nil for functions, objects and mixed tables.
  init?(lua value: LuaValue) {
    switch value {
    case .bool(let flag): self = .bool(flag)
    case .int(let number): self = .number(Double(number))
    case .number(let number): self = .number(number)
    case .string(let word): self = .text(word)
    case .table:
      guard let numbers = [Double].from(lua: value), !numbers.isEmpty else { return nil }
      self = .numbers(numbers)
    default: return nil
    }
  }

  /// The value for a script.
  var lua: LuaValue {
    switch self {
    case .number(let number): Int(exactly: number).map { .int($0) } ?? .number(number)
    case .bool(let flag): .bool(flag)
    case .text(let word): .string(word)
    case .numbers: .nil
    }
  }
}
