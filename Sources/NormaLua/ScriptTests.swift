public import NormaCore

/// The tests of scripts: `test("name", function() ... end)`, with the words of `expect`.
///
/// A script only declares them; whoever wants runs them, as `norma test` does.
public final class ScriptTests {
  /// What became of a test.
  public struct Outcome: Sendable {
    /// Its name.
    public let name: String
    /// Where it was declared.
    public let place: SourcePlace?
    /// What failed, with the line of the script; nil when it passed.
    public let failure: NormaError?
  }

  private struct Declared {
    let name: String
    let place: SourcePlace?
    let body: FunctionRef
  }
  private var declared: [Declared] = []
  private var isRunning = false

  /// How many tests were declared so far.
  public var count: Int { declared.count }

  /// Runs all tests in the order of their declaration, each whatever became of the others.
  ///
  /// - Throws: what `report` throws.
  public func run(_ report: (Outcome) throws(NormaError) -> Void) throws(NormaError) {
    isRunning = true
    defer { isRunning = false }
    for test in declared {
      var failure: NormaError?
      do throws(NormaError) {
        try test.body.call([])
      } catch {
        failure = error
      }
      try report(Outcome(name: test.name, place: test.place, failure: failure))
    }
  }

  func register(in interpreter: Interpreter) throws(NormaError) {
    try interpreter.define("test") { call throws(NormaError) in
      let name: String = try call.value(0, "name")
      guard case .function(let body) = call[1], call.count == 2 else {
        throw call.error(
          "a name and a function are needed, got \(call[1].quoted)",
          help: "write test(\"name\", function() ... end)")
      }
      guard !self.isRunning else {
        throw call.error("a test declares no other", help: "put it beside this one")
      }
      self.declared.append(Declared(name: name, place: call.place, body: body))
      return []
    }
    try interpreter.namespace(
      "expect",
      missing: { name, _ throws(NormaError) in
        let known = ["close", "equal", "error", "ok"]
        throw NormaError(
          .script, "expect has no '\(name)'\(Suggestion.phrase(for: name, among: known))",
          help: "it has: \(known.joined(separator: ", "))")
      })
    try interpreter.define("expect.equal") { call throws(NormaError) in
      try Self.compare(call, tolerance: nil)
      return []
    }
    try interpreter.define("expect.close") { call throws(NormaError) in
      let tolerance: Double = try call.optional(2, "tolerance") ?? 1e-6
      guard tolerance >= 0 else {
        throw call.error("the tolerance must be 0 or more, got \(tolerance)")
      }
      try Self.compare(call, tolerance: tolerance)
      return []
    }
    try interpreter.define("expect.ok") { call throws(NormaError) in
      switch call[0] {
      case .nil, .bool(false):
        let message: String? = try call.optional(1, "message")
        throw call.error(message ?? "expected something true, got \(call[0].quoted)")
      default: return []
      }
    }
    try interpreter.define("expect.error") { call throws(NormaError) in
      guard case .function(let body) = call[0] else {
        throw call.error(
          "a function is expected, got \(call[0].quoted)",
          help: "write expect.error(function() ... end, \"part of the message\")")
      }
      let part: String = try call.optional(1, "part of the message") ?? ""
      let found: String
      do throws(NormaError) {
        try body.call([])
        found = ""
      } catch {
        found = error.description
        if error.code == .internal { throw error }
      }
      guard !found.isEmpty else {
        throw call.error("expected an error, but the function returned")
      }
      guard part.isEmpty || found.contains(part) else {
        throw call.error("expected an error with '\(part)', got: \(found)")
      }
      return []
    }
  }

  private static func compare(_ call: CallContext, tolerance: Double?) throws(NormaError) {
    guard call.count >= 2 else {
      throw call.error(
        "two values are needed, got \(call.count)", help: "write \(call.function)(found, wanted)")
    }
    if let message = try difference(call[0], call[1], tolerance, at: "", depth: 0, call) {
      throw call.error("expected \(message)")
    }
  }

  /// What keeps two values from being the same, up to a tolerance: numbers, texts, booleans, arrays of one
  /// shape, and tables of such.
  private static func difference(
    _ found: LuaValue, _ wanted: LuaValue, _ tolerance: Double?, at path: String, depth: Int,
    _ call: CallContext
  ) throws(NormaError) -> String? {
    guard depth < 64 else { throw call.error("the tables are nested too deeply") }
    let place = path.isEmpty ? "" : " at \(path)"
    func isSame(_ a: Double, _ b: Double) -> Bool {
      a == b || (a.isNaN && b.isNaN) || abs(a - b) <= (tolerance ?? -1)
    }
    let bound = tolerance.map { " within \($0)" } ?? ""
    if let a = Double.from(lua: found), let b = Double.from(lua: wanted) {
      return isSame(a, b) ? nil : "\(b)\(bound)\(place), got \(a)"
    }
    switch (found, wanted) {
    case (.nil, .nil): return nil
    case (.bool(let a), .bool(let b)) where a == b: return nil
    case (.string(let a), .string(let b)) where a == b: return nil
    case (.table(let a), .table(let b)):
      let (a, b) = try (
        TableReader(a, owner: call.function), TableReader(b, owner: call.function)
      )
      guard isArray(a), isArray(b) else {
        return try difference(a, b, tolerance, at: path, depth: depth, call)
      }
    case (.table, .object), (.object, .table), (.object, .object): break
    default: return "\(wanted.quoted)\(place), got \(found.quoted)"
    }
    let a = try ScriptTensor.read(found, owner: call.function)
    let b = try ScriptTensor.read(wanted, owner: call.function)
    guard a.shape == b.shape else { return "shape \(b.shape)\(place), got \(a.shape)" }
    let wrong = a.values.indices.filter { !isSame(Double(a.values[$0]), Double(b.values[$0])) }
    guard let first = wrong.first else { return nil }
    return
      "\(b.values[first])\(bound) at \(path)\(position(first, a.shape)), got \(a.values[first]);"
      + " \(wrong.count) of \(a.count) values differ"
  }

  /// Whether a table is numbers, or lists of them.
  private static func isArray(_ table: TableReader) -> Bool {
    guard table.names.isEmpty, let first = table.items.first else { return false }
    func isList(_ value: LuaValue) -> Bool { if case .table = value { true } else { false } }
    return isList(first)
      ? table.items.allSatisfy(isList) : table.items.allSatisfy { Double.from(lua: $0) != nil }
  }

  private static func difference(
    _ found: TableReader, _ wanted: TableReader, _ tolerance: Double?, at path: String, depth: Int,
    _ call: CallContext
  ) throws(NormaError) -> String? {
    guard found.items.count == wanted.items.count else {
      return
        "\(wanted.items.count) items\(path.isEmpty ? "" : " at \(path)"), got \(found.items.count)"
    }
    let names = Set(found.names).union(wanted.names).sorted()
    let fields = names.map { (path.isEmpty ? $0 : "\(path).\($0)", found[$0], wanted[$0]) }
    let items = found.items.indices.map {
      ("\(path)[\($0 + 1)]", found.items[$0], wanted.items[$0])
    }
    for (place, a, b) in fields + items {
      if let message = try difference(a, b, tolerance, at: place, depth: depth + 1, call) {
        return message
      }
    }
    return nil
  }

  /// An element's indices, from 1 as in scripts.
  private static func position(_ index: Int, _ shape: [Int]) -> String {
    var (rest, indices) = (index, [Int]())
    for size in shape.reversed() {
      indices.insert(rest % size + 1, at: 0)
      rest /= size
    }
    return "[" + indices.map(String.init).joined(separator: ", ") + "]"
  }
}
