import NormaCore
import NormaGraph

extension ScriptTensor {
  /// The words of the definition language, on numbers.
  static func type() -> HostType<ScriptTensor> {
    let type = HostType<ScriptTensor>()
    type.bytes { $0.count * MemoryLayout<Float>.stride }
    type.describe { $0.text }
    type.index { tensor, name, call throws(NormaError) in
      guard name == "shape" else { return nil }
      return try call.interpreter.table(tensor.shape.map { .int($0) })
    }
    type.property("count") { .int($0.count) }
    type.item { tensor, key, _ throws(NormaError) in try tensor.item(key) }
    type.on(.length) { call throws(NormaError) in
      guard let size = ScriptTensor.from(lua: call[0])?.shape.first else {
        throw NormaError(.script, "a tensor without axes has no length")
      }
      return .int(size)
    }
    type.on(.equal) { call throws(NormaError) in
      guard let a = ScriptTensor.from(lua: call[0]), let b = ScriptTensor.from(lua: call[1])
      else { return false }
      return .bool(a.shape == b.shape && a.values == b.values)
    }
    addOperators(type)
    addStatistics(type)
    return type
  }

  private static func addOperators(_ type: HostType<ScriptTensor>) {
    let operators: [(HostType<ScriptTensor>.Operator, String, Elementwise)] = [
      (.add, "+", .add), (.sub, "-", .sub), (.mul, "*", .mul), (.div, "/", .div),
      (.pow, "^", .pow),
    ]
    for (operation, symbol, elementwise) in operators {
      type.on(operation) { call throws(NormaError) in
        .object(try map(elementwise, [call[0], call[1]], symbol))
      }
    }
    type.on(.negate) { call throws(NormaError) in .object(try map(.neg, [call[0]], "-")) }
    for operation in Elementwise.methods {
      type.method(operation.name) { tensor, call throws(NormaError) in
        guard call.count == operation.arity - 1 else {
          throw call.error(
            "takes \(operation.arity - 1) operand(s), got \(call.count)", help: operation.usage)
        }
        return [
          .object(try map(operation, [.object(tensor)] + call.arguments, operation.name))
        ]
      }
    }
  }

  private static func addStatistics(_ type: HostType<ScriptTensor>) {
    type.method("sum") { tensor, _ in [.number(tensor.sum)] }
    type.method("mean") { tensor, _ in [.number(tensor.mean)] }
    type.method("close") { tensor, call throws(NormaError) in
      let other = try call.value(0, "other", as: ScriptTensor.self)
      let tolerance = try call.optional(1, "tolerance", as: Double.self) ?? 1e-6
      guard other.shape == tensor.shape else {
        throw call.error("shapes \(tensor.shape) and \(other.shape) differ")
      }
      let difference = tensor.largestDifference(to: other)
      return [.bool(difference <= tolerance), .number(difference)]
    }
  }

  /// The sum in double precision.
  var sum: Double { values.reduce(0) { $0 + Double($1) } }
  /// The mean in double precision; NaN for no elements.
  var mean: Double { sum / Double(count) }

  /// The largest |a - b|; NaN where only one is NaN.
  private func largestDifference(to other: ScriptTensor) -> Double {
    var largest = 0.0
    for (a, b) in zip(values, other.values) where a != b && !(a.isNaN && b.isNaN) {
      let difference = Swift.abs(Double(a) - Double(b))
      if difference.isNaN { return difference }
      largest = Swift.max(largest, difference)
    }
    return largest
  }

  /// `where(condition, yes, no)` on numbers; nil when no operand is a tensor.
  static func choose(_ call: CallContext) throws(NormaError) -> LuaValue? {
    guard call.arguments.contains(where: { ScriptTensor.from(lua: $0) != nil }) else { return nil }
    return .object(try map(.select, call.arguments, "where"))
  }

  /// Applies an operation element by element to tensors of one shape and numbers.
  private static func map(
    _ operation: Elementwise, _ operands: [LuaValue], _ word: String
  ) throws(NormaError) -> ScriptTensor {
    var shape: [Int]?
    for operand in operands {
      if let tensor = ScriptTensor.from(lua: operand) {
        guard shape == nil || shape == tensor.shape else {
          throw NormaError(
            .script, "tensor: '\(word)' of shapes \(shape ?? []) and \(tensor.shape)",
            help: "tensors of numbers combine with numbers and with tensors of the same shape")
        }
        shape = tensor.shape
      } else if Double.from(lua: operand) == nil {
        throw NormaError(
          .script, "tensor: '\(word)' takes tensors and numbers, got \(operand.quoted)")
      }
    }
    let sizes = shape ?? []
    let columns = operands.map { operand -> (Int) -> Double in
      if let tensor = ScriptTensor.from(lua: operand) { return { Double(tensor.values[$0]) } }
      let number = Double.from(lua: operand) ?? .nan
      return { _ in number }
    }
    let values = (0..<sizes.reduce(1, *)).map { index -> Float in
      let a = columns[0](index)
      let b = columns.count > 1 ? columns[1](index) : 0
      let c = columns.count > 2 ? columns[2](index) : 0
      return Float(operation.evaluate(a, b, c))
    }
    return try ScriptTensor(sizes, values)
  }

  /// `t[i]`: an element of a list, a row of anything deeper; counted from 1.
  private func item(_ key: LuaValue) throws(NormaError) -> LuaValue {
    guard let index = Int.from(lua: key), let size = shape.first,
      (1...Swift.max(1, size)).contains(index),
      size > 0
    else {
      throw NormaError(
        .script, "tensor: no item [\(key.quoted)] in shape \(shape)",
        help: shape.isEmpty ? nil : "items run from 1 to \(shape[0])")
    }
    if shape.count == 1 { return .number(Double(values[index - 1])) }
    let step = count / size
    let row = Array(values[(index - 1) * step..<index * step])
    return .object(try ScriptTensor(Array(shape.dropFirst()), row))
  }
}
