import NormaCore
import NormaLua
import Testing

private func evaluate(_ text: String) throws -> [LuaValue] {
  try makeInterpreter().run(text: "return " + text, name: "test.lua")
}

@Test(
  "Methods, operators, properties and calls reach Swift",
  arguments: [
    ("probe(2):plus(3):plus(4).value", 9), ("(probe(2) + 3).value", 5),
    ("(3 + probe(2)).value", 5), ("(probe(2) + probe(5)).value", 7), ("(probe(3)^2).value", 9),
    ("(-probe(3)).value", -3), ("probe(1).gamma", 7), ("probe(4)[2.5]", 10),
    ("math.sqrt(probe(16)).value", 4), ("math.max(0, probe(-2)).value", 0),
    ("math.max(probe(1), 5, probe(3)).value", 5), ("math.sqrt(16)", 4), ("math.max(1, 4, 2)", 4),
    ("select(2, probe(1)(1, nil, 3))", 3), ("probe(64 / 2).value", 32),
  ] as [(String, Double)])
func objectValues(text: String, expected: Double) throws {
  #expect(try evaluate(text).first?.number == expected)
}

@Test("tostring shows the description, equality is identity, the metatable is locked")
func objectIdentity() throws {
  #expect(try evaluate("tostring(probe(2))").first?.text == "probe(2.0)")
  let values = try evaluate("(function() local p = probe(1); return p == p, p == probe(1) end)()")
  #expect(values.map { Bool.from(lua: $0) } == [true, false])
  #expect(try evaluate("getmetatable(probe(1))").map { Bool.from(lua: $0) } == [false])
  #expect(try failure(of: "setmetatable(probe(1), {})") != nil)
}

@Test(
  "Wrong use of an object says what is wrong",
  arguments: [
    ("local x = probe(1):plsu(2)", "a probe has no 'plsu'; did you mean 'plus'?"),
    ("probe(1).x = 2", "a probe cannot be changed: 'x' = ..."),
    ("probe(1).plus(2)", "probe.plus was called without its probe"),
    ("local x = probe(1) < 2", "probe: '<' on a probe: its value is not known"),
    ("local x = probe(1) + {}", "a probe does not combine with a table"),
    ("probe('three')", "probe: 'number' must be a number, got 'three'"),
    ("probe()", "probe: 'number' must be a number, got nil"),
    ("local x = #probe(1)", "attempt to get length of a probe value"),
  ])
func objectErrors(text: String, message: String) throws {
  let error = try #require(try failure(of: "\n" + text))
  #expect(error.message == message)
  #expect(error.place?.line == 2)
}

@Test("A namespace is callable, answers for absent fields, and holds functions")
func namespaces() throws {
  let interpreter = try makeInterpreter()
  try interpreter.define("norm.rms") { call throws(NormaError) in
    let options = try call.options()
    try options.rejectUnknown(known: ["epsilon"], noun: "hyper-parameter")
    return [.number(try options.value("epsilon", default: 0.5))]
  }
  try interpreter.namespace(
    "norm", call: { call throws(NormaError) in [call[0]] },
    missing: { name, _ throws(NormaError) in
      throw NormaError(
        .script, "no norm named '\(name)'\(Suggestion.phrase(for: name, among: ["rms"]))")
    })
  let values = try interpreter.run(
    text: "return norm.rms(), norm.rms { epsilon = 2 }, norm(5)", name: "test.lua")
  #expect(values.map(\.number) == [0.5, 2, 5])
  let error = try #require(try failure(of: "norm.rsm()", in: interpreter))
  #expect(error.description == "test.lua:1: no norm named 'rsm'; did you mean 'rms'?")
  let unknown = try #require(try failure(of: "norm.rms { epsilom = 1 }", in: interpreter))
  #expect(
    unknown.message == "norm.rms: no hyper-parameter 'epsilom'; did you mean 'epsilon'?")
  #expect(unknown.help == "it has: epsilon")
}

@Test("Closures made at run time are callable and released")
func closures() throws {
  let live = LiveCount()
  let interpreter = try makeInterpreter()
  try interpreter.define("dataset") { call throws(NormaError) in
    let name = try call.value(0, "name", as: String.self)
    let held = Probe(0, live: live)
    return [
      call.interpreter.closure("dataset") { inner throws(NormaError) in
        _ = held
        return [.string("\(name) \(try inner.options().required("train", as: Int.self))")]
      }
    ]
  }
  let result = try interpreter.run(
    text: "return dataset 'digits' { train = 10 }", name: "test.lua")
  #expect(result.first?.text == "digits 10")
  interpreter.collectGarbage()
  #expect(live.value == 0)
}

@Test("Host functions work inside coroutines, and know their line")
func coroutines() throws {
  let interpreter = try makeInterpreter()
  try interpreter.define("line") { call throws(NormaError) in
    [.int(call.place?.line ?? 0)]
  }
  let values = try interpreter.run(
    text: """
      local f = coroutine.wrap(function(a)
        local b = coroutine.yield(probe(a).value)
        coroutine.yield(line())
        return line()
      end)
      return f(4), f(1), f(), line()
      """, name: "test.lua")
  #expect(values.map(\.number) == [4, 3, 4, 6])
}

@Test("Comparison metamethods must give what Lua makes of them")
func equalityOperator() throws {
  let interpreter = try Interpreter()
  let type = Probe.type()
  type.on(.equal) { call throws(NormaError) in throw call.error("'==' on a probe") }
  try interpreter.register(type)
  try interpreter.define("probe") { _ in [.object(Probe(1))] }
  let error = try #require(
    try failure(of: "local a = probe() == probe()", in: interpreter))
  #expect(error.description == "test.lua:1: probe: '==' on a probe")
}
