import Foundation
import NormaCore
import NormaLua
import Synchronization
import Testing

@Test("A throwing Swift function runs its defer blocks and releases its objects")
func throwingUnwinds() throws {
  let live = LiveCount()
  let deferred = LiveCount()
  let interpreter = try makeInterpreter(live: live)
  try interpreter.define("leak") { call throws(NormaError) in
    let probe = Probe(1, live: live)
    defer { deferred.change(1) }
    _ = try call.value(0, "number", as: Int.self)
    return [.object(probe)]
  }
  try interpreter.run(
    text: "for i = 1, 1000 do assert(not pcall(leak, 'x')) end", name: "test.lua")
  #expect(deferred.value == 1000)
  #expect(live.value == 0)
}

@Test("10,000 host objects, kept, dropped or thrown past, are all released")
func objectsAreReleased() throws {
  let live = LiveCount()
  var interpreter: Interpreter? = try makeInterpreter(live: live)
  try interpreter?.run(
    text: """
      for i = 1, 10000 do
        pcall(function() local p = probe(i); fail('x') end)
      end
      kept = probe(1)
      """, name: "test.lua")
  interpreter?.collectGarbage()
  #expect(live.value == 1)
  interpreter = nil
  #expect(live.value == 0)
}

@Test("References die with their Swift holders and survive the interpreter harmlessly")
func references() throws {
  var interpreter: Interpreter? = try makeInterpreter()
  let used = try #require(interpreter).memoryUsed
  for _ in 0..<2000 { _ = try interpreter?.table(fields: ["x": "some text"]) }
  interpreter?.collectGarbage()
  #expect(try #require(interpreter).memoryUsed < used + 100_000)
  let function = try #require(
    FunctionRef.from(lua: interpreter?.run(text: "return print", name: "t.lua").first ?? .nil))
  interpreter = nil
  #expect(throws: NormaError.self) { try function("late") }
}

@Test("An object of Swift that holds a Lua function does not keep the interpreter alive")
func noCycle() throws {
  let live = LiveCount()
  do {
    let interpreter = try makeInterpreter(live: live)
    var kept: [FunctionRef] = []
    try interpreter.define("keep") { call throws(NormaError) in
      kept.append(try call.value(0, "f"))
      return []
    }
    try interpreter.run(
      text: "local p = probe(1); keep(function() return p end)", name: "test.lua")
    #expect(kept.count == 1 && live.value == 1)
  }
  #expect(live.value == 0)
}

@Test("The memory limit gives an error, in Lua and for what Swift pushed, and work goes on after")
func memoryLimit() throws {
  let interpreter = try makeInterpreter { $0.memoryBytes = 8 << 20 }
  let lua = try #require(
    try failure(
      of: "local t = {}\nwhile true do t[#t + 1] = ('x'):rep(1000) .. #t end", in: interpreter))
  #expect(lua.message == "the script needs more than 8 MiB of memory")
  try interpreter.define("blob") { _ in [.string(String(repeating: "y", count: 1 << 20))] }
  let host = try #require(
    try failure(
      of: "local t = {}\nfor i = 1, 100 do t[i] = blob() .. i end", in: interpreter))
  #expect(host.message == "the script needs more than 8 MiB of memory")
  try interpreter.define("blobs") { call throws(NormaError) in
    let text = String(repeating: "z", count: 1 << 20)
    return [try call.interpreter.table((0..<20).map { .string(text + "\($0)") })]
  }
  let table = try #require(try failure(of: "\nkept = blobs()", in: interpreter))
  #expect(table.message == "the script needs more than 8 MiB of memory")
  #expect(try interpreter.run(text: "return 1 + 1", name: "b.lua").first?.number == 2)
}

@Test("A host object's size makes Lua collect in time")
func sizesAreReported() throws {
  let live = LiveCount()
  let peak = LiveCount()
  let interpreter = try Interpreter()
  let type = Probe.type()
  type.bytes { _ in 1 << 20 }
  try interpreter.register(type)
  try interpreter.define("buffer") { _ in
    let probe = Probe(0, live: live)
    peak.change(max(0, live.value - peak.value))
    return [.object(probe)]
  }
  try interpreter.run(text: "for i = 1, 4000 do buffer() end", name: "test.lua")
  #expect(peak.value < 500)
}

@Test(
  "Loops that hide from a count hook are stopped",
  arguments: [
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "local function loop() while true do end end xpcall(loop, loop)",
    "while true do coroutine.wrap(function() while true do end end)() end",
    "while true do pcall(coroutine.wrap(function() while true do end end)) end",
    "local t <close> = setmetatable({}, { __close = function() while true do end end }) error('x')",
    "setmetatable({}, { __index = function(t, k) while true do end end }).x = nil; "
      + "local x = setmetatable({}, { __index = function() while true do end end }).y",
    "tostring(setmetatable({}, { __tostring = function() while true do end end }))",
    "print(setmetatable({}, { __tostring = function() while true do end end }))",
  ])
func instructionLimit(text: String) throws {
  let interpreter = try makeInterpreter { $0.instructions = 1_000_000 }
  let error = try #require(try failure(of: text, in: interpreter))
  #expect(
    error.message == "stopped: the script ran 1 million instructions without calling the host")
  #expect(error.help == "--instructions 10000000")
  #expect(try interpreter.run(text: "return 2", name: "b.lua").first?.number == 2)
}

@Test("Time inside host functions does not count against the script's time")
func timeLimit() throws {
  let interpreter = try makeInterpreter {
    $0.seconds = 0.05
    $0.instructions = 0
  }
  try interpreter.define("train") { _ in
    Thread.sleep(forTimeInterval: 0.1)
    return []
  }
  #expect(try failure(of: "train()", in: interpreter) == nil)
  let error = try #require(
    try failure(of: "while true do coroutine.wrap(function() end)() end", in: interpreter))
  #expect(error.message == "stopped: the script itself ran for more than 0.05 s")
}

@Test("Another thread interrupts a script")
func interrupt() throws {
  let interpreter = try makeInterpreter { $0.instructions = 0 }
  let interrupter = interpreter.options.interrupter
  Thread.detachNewThread {
    Thread.sleep(forTimeInterval: 0.05)
    interrupter.request()
  }
  let error = try #require(try failure(of: "while true do pcall(error) end", in: interpreter))
  #expect(error.code == .interrupted)
  interrupter.reset()
  #expect(try failure(of: "local x = 1", in: interpreter) == nil)
}
