import NormaCore

/// An array of numbers in a script: for tests, the console and `norm.NAME {...}:apply`.
final class ScriptTensor: HostObject {
  static let luaName = "tensor"
  /// More elements than this (256 MiB) are a mistake in a script.
  static let countLimit = 1 << 26

  let shape: [Int]
  /// The elements in C order.
  let values: [Float]

  /// The number of elements.
  var count: Int { values.count }

  /// Makes a tensor; throws when the values are not as many as the shape says.
  init(_ shape: [Int], _ values: [Float]) throws(NormaError) {
    guard values.count == shape.reduce(1, *) else {
      throw NormaError(.internal, "\(values.count) values do not fill shape \(shape)")
    }
    self.shape = shape
    self.values = values
  }

  /// A tensor or a nested list of numbers, which `owner` was given.
  static func read(_ value: LuaValue, owner: String) throws(NormaError) -> ScriptTensor {
    if let tensor = ScriptTensor.from(lua: value) { return tensor }
    var shape: [Int] = []
    var values: [Float] = []
    try collect(value, 0, &shape, &values, owner: owner)
    return try ScriptTensor(shape, values)
  }

  private static func collect(
    _ value: LuaValue, _ depth: Int, _ shape: inout [Int], _ values: inout [Float], owner: String
  ) throws(NormaError) {
    if let number = Double.from(lua: value), depth == shape.count {
      values.append(Float(number))
      return
    }
    guard case .table(let table) = value, depth < 8 else {
      throw NormaError(
        .script, "\(owner): a list of numbers is expected, got \(value.quoted)",
        help: "write { { 1, 2 }, { 3, 4 } }: all rows of one length, at most 8 levels")
    }
    let reader = try TableReader(table, owner: owner)
    try reader.rejectUnknown(known: [])
    let items = reader.items
    if depth == shape.count {
      guard values.isEmpty else {
        throw NormaError(.script, "\(owner): numbers and lists are mixed")
      }
      shape.append(items.count)
    }
    guard items.count == shape[depth] else {
      throw NormaError(
        .script, "\(owner): a row has \(items.count) items, another \(shape[depth])",
        help: "all rows must be of one length")
    }
    for item in items { try collect(item, depth + 1, &shape, &values, owner: owner) }
  }

  /// The sizes that a list in a script gives, as a shape of a tensor that fits.
  static func shape(_ sizes: [Int], owner: String) throws(NormaError) -> [Int] {
    guard sizes.count <= 8, sizes.allSatisfy({ $0 >= 0 }) else {
      throw NormaError(
        .script, "\(owner): \(sizes) is no shape", help: "give at most 8 sizes, none negative")
    }
    var count = 1
    for size in sizes where size != 0 && count <= countLimit {
      count = count * min(size, countLimit + 1)
    }
    guard count <= countLimit else {
      throw NormaError(
        .script, "\(owner): shape \(sizes) has more than \(countLimit) elements",
        help: "scripts hold small tensors; training data come from dataset")
    }
    return sizes
  }
}

/// The global `tensor`.
extension ScriptTensor {
  static func register(in interpreter: Interpreter) throws(NormaError) {
    try interpreter.register(type())
    try interpreter.define("tensor.random") { call throws(NormaError) in
      let seed = try call.value(0, "seed", as: Int.self)
      let sizes = try shape(try call.value(1, "shape"), owner: call.function)
      var source = RandomSource(seed: UInt64(bitPattern: Int64(seed)), purpose: "tensor.random")
      let values = (0..<sizes.reduce(1, *)).map { _ in Float(source.normal()) }
      return [.object(try ScriptTensor(sizes, values))]
    }
    try interpreter.define("tensor.zeros") { call throws(NormaError) in
      [.object(try filled(try call.value(0, "shape"), 0, call))]
    }
    try interpreter.define("tensor.full") { call throws(NormaError) in
      let value = try call.value(1, "value", as: Double.self)
      return [.object(try filled(try call.value(0, "shape"), value, call))]
    }
    try interpreter.define("tensor.load") { call throws(NormaError) in
      let name = try call.value(0, "file", as: String.self)
      return [.object(try load(name, call))]
    }
    try interpreter.namespace(
      "tensor",
      call: { call throws(NormaError) in
        [.object(try read(call[0], owner: "tensor"))]
      },
      missing: { name, _ throws(NormaError) in
        let known = ["full", "load", "random", "zeros"]
        throw NormaError(
          .script, "tensor has no '\(name)'\(Suggestion.phrase(for: name, among: known))",
          help: "it has: \(known.joined(separator: ", "))")
      })
  }

  private static func filled(
    _ sizes: [Int], _ value: Double, _ call: CallContext
  ) throws(NormaError) -> ScriptTensor {
    let sizes = try shape(sizes, owner: call.function)
    return try ScriptTensor(
      sizes, [Float](repeating: Float(value), count: sizes.reduce(1, *)))
  }
}
