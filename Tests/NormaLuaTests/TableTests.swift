import NormaCore
import NormaLua
import Testing

/// What a constructor that reads `text` as its options answers.
private func read(
  _ text: String, _ body: @escaping (TableReader) throws(NormaError) -> LuaValue
) throws -> LuaValue {
  let interpreter = try makeInterpreter()
  try interpreter.define("experiment") { call throws(NormaError) in [try body(call.options())] }
  return try interpreter.run(text: "return experiment" + text, name: "sweep.lua").first ?? .nil
}

private func readingFails(
  _ text: String, _ body: @escaping (TableReader) throws(NormaError) -> LuaValue
) -> String {
  do {
    _ = try read(text, body)
    return "no error"
  } catch {
    return (error as? NormaError)?.description ?? "\(error)"
  }
}

@Test("Options have a list part and typed fields; integral floats are integers")
func options() throws {
  let value = try read("{ 32, 'same', kernel = 6 / 2, roles = { 'a', 'b' }, deep = { x = 1 } }") {
    options throws(NormaError) in
    let roles = try options.required("roles", as: [String].self)
    let deep = try options.nested("deep").required("x", as: Double.self)
    return .string(
      "\(try options.item(0, "channels", as: Int.self)) \(options.items.count) "
        + "\(try options.required("kernel", as: Int.self)) \(roles) \(deep) "
        + "\(try options.value("stride", default: 1)) \(options.names)")
  }
  #expect(
    value.text == #"32 2 3 ["a", "b"] 1.0 1 ["deep", "kernel", "roles"]"#)
}

@Test("A string, a number, nothing: all are options")
func looseOptions() throws {
  for (text, expected) in [("'x'", 1), ("(3)", 1), ("()", 0), ("{}", 0)] {
    let count = try read(text) { .int($0.items.count) }
    #expect(count.number == Double(expected))
  }
}

@Test("Mistakes in options name the owner, the field and the remedy")
func optionErrors() {
  #expect(
    readingFails("{ train = { epoch = 3 } }") { options throws(NormaError) in
      try options.nested("train").rejectUnknown(known: ["epochs", "optimizer"])
      return .nil
    }
      == """
      sweep.lua:1: experiment: no field 'epoch' in train; did you mean 'epochs'?
      hint: it has: epochs, optimizer
      """)
  #expect(
    readingFails("{ train = { epochs = 'three' } }") { options throws(NormaError) in
      .int(try options.nested("train").required("epochs"))
    } == "sweep.lua:1: experiment: 'epochs' in train must be a whole number, got 'three'")
  #expect(
    readingFails("{ 2.5 }") { options throws(NormaError) in .int(try options.item(0, "size")) }
      == "sweep.lua:1: experiment: the size must be a whole number, got 2.5")
  #expect(
    readingFails("{}") { options throws(NormaError) in .int(try options.required("name")) }
      == "sweep.lua:1: experiment: 'name' is missing: give a whole number")
  #expect(
    readingFails("{ 1, nil, 3 }") { _ in .nil }
      .hasPrefix("sweep.lua:1: experiment: the list has an item 3 but no item 2"))
  #expect(
    readingFails("{ [true] = 1 }") { _ in .nil }
      == "sweep.lua:1: experiment: true cannot be the name of a field")
  #expect(
    readingFails("{ 1, 2 }") { options throws(NormaError) in
      try options.rejectItems(beyond: 1)
      return .nil
    }.hasPrefix("sweep.lua:1: experiment: at most 1 item is taken, got 2"))
}

@Test("Of several unknown fields the first by name is reported, whatever Lua's order")
func deterministicOrder() {
  for _ in 0..<5 {
    #expect(
      readingFails("{ zeta = 1, beta = 2, alpha = 3, omega = 4 }") { options throws(NormaError) in
        try options.rejectUnknown(known: [])
        return .nil
      }.contains("no field 'alpha'"))
  }
}

@Test("Reading a table runs no metamethod of the script")
func rawAccess() throws {
  let value = try read(
    "(setmetatable({ 1 }, { __index = function() error('ran') end, __len = function() return 9 end }))"
  ) { options throws(NormaError) in .int(options.items.count) }
  #expect(value.number == 1)
}

@Test("Values go to Lua and back unchanged")
func roundTrip() throws {
  let interpreter = try makeInterpreter()
  let table = try interpreter.table([1, 2.5, "zwölf\0x"], fields: ["on": true, "none": nil])
  try interpreter.set("lab.given", table)
  try interpreter.run(
    text: """
      local g = lab.given
      assert(#g == 3 and math.type(g[1]) == "integer" and g[2] == 2.5 and g[3] == "zwölf\\0x")
      assert(g.on == true and g.none == nil)
      """, name: "test.lua")
  let other = try Interpreter()
  #expect(throws: NormaError.self) { try other.set("stolen", table) }
}
