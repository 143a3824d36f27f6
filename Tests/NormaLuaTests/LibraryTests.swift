import Foundation
import NormaCore
import NormaLua
import Testing

@Test(
  "What a script must not reach is absent",
  arguments: [
    "io", "os", "package", "debug", "dofile", "loadfile", "collectgarbage", "warn",
    "string.dump", "table.move",
  ])
func absent(name: String) throws {
  #expect(try makeInterpreter().run(text: "return \(name)", name: "t.lua").first?.isNil == true)
}

@Test(
  "What could hang or crash is refused",
  arguments: [
    ("('x'):rep(1 << 21)", "longer than 1 MiB"),
    ("('x'):rep(2, ('y'):rep(1 << 20) .. 'y')", "longer than 1 MiB"),
    ("setmetatable({}, { __gc = print })", "no __gc"),
    ("table.insert(setmetatable({}, { __len = function() return 2^53 | 0 end }), 1, 2)", "'__len'"),
    ("math.randomseed()", "number expected"),
    ("getmetatable('').__index = nil", "index a boolean value"),
    ("assert(load(string.char(27) .. 'Lua'))", "attempt to load a binary chunk"),
    ("load(function() end)", "string expected"),
  ])
func refused(text: String, fragment: String) throws {
  let interpreter = try makeInterpreter { $0.instructions = 1_000_000 }
  let error = try failure(of: text, in: interpreter)
  #expect(error?.message.contains(fragment) == true, "\(String(describing: error))")
}

@Test("The library works as usual where it is harmless")
func libraryWorks() throws {
  try makeInterpreter().run(
    text: """
      assert(("ab"):rep(3, "-") == "ab-ab-ab" and (""):rep(1 << 60) == "")
      local t = { 3, 1, 2 }
      table.sort(t); table.insert(t, 4); table.insert(t, 1, 0); table.remove(t)
      assert(table.concat(t, ",") == "0,1,2,3" and select("#", table.unpack(t)) == 4)
      table.sort(t, function(a, b) return a > b end)
      assert(t[1] == 3)
      assert(load("return ...", "x")(7) == 7)
      assert(load("return y", "x", "t", { y = 5 })() == 5)
      local f, message = load("return +")
      assert(f == nil and message:find("%(load%):1:"))
      assert(utf8.char(228) == "ä" and math.abs(-2) == 2 and math.exp(0) == 1)
      local m = setmetatable({}, { __index = { z = 1 } })
      assert(m.z == 1)
      assert(not pcall(setmetatable, setmetatable({}, { __metatable = 1 }), {}))
      """, name: "test.lua")
}

@Test("xpcall passes arguments and results, and calls its handler with the error")
func xpcallWorks() throws {
  try makeInterpreter().run(
    text: """
      local ok, a, b = xpcall(function(...) return ... end, print, 1, 2)
      assert(ok and a == 1 and b == 2)
      local ok, text = xpcall(error, function(e) return "handled " .. e end, "boom")
      assert(not ok and text == "handled boom")
      local co = coroutine.wrap(function()
        return xpcall(function() return coroutine.yield(1) end, print)
      end)
      assert(co() == 1)
      local ok, value = co(9)
      assert(ok == true and value == 9)
      local co = coroutine.wrap(function()
        return xpcall(function() coroutine.yield(1) error("late", 0) end, function(e) return e .. "!" end)
      end)
      co()
      local ok, value = co()
      assert(ok == false and value == "late!")
      """, name: "test.lua")
}

@Test("math.random is seeded by the host: the same in every run")
func seeded() throws {
  func draw(_ seed: UInt64) throws -> Double? {
    try makeInterpreter { $0.randomSeed = seed }
      .run(text: "return math.random()", name: "t.lua").first?.number
  }
  #expect(try draw(1) == draw(1))
  #expect(try draw(1) != draw(2))
}

@Test("print goes to the host, with tostring's text")
func printing() throws {
  var lines: [String] = []
  let interpreter = try makeInterpreter { $0.print = { lines.append($0) } }
  try interpreter.run(text: "print('a', 1, 2.0, nil, true, probe(3)) print()", name: "t.lua")
  #expect(lines == ["a\t1\t2.0\tnil\ttrue\tprobe(3.0)", ""])
}

/// A folder of files that goes when the test ends.
private final class Folder {
  let url: URL

  init(_ files: [String: String]) throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    for (name, text) in files {
      let file = url.appendingPathComponent(name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func run(_ name: String) throws -> [LuaValue] {
    try makeInterpreter().run(file: url.appendingPathComponent(name).path)
  }

  func failure(_ name: String) -> NormaError? {
    do {
      _ = try run(name)
      return nil
    } catch {
      return error as? NormaError
    }
  }
}

@Test("require runs a module once and gives its value; errors inside name its file")
func requireModules() throws {
  let folder = try Folder([
    "main.lua": "local a = require 'lib.a'; assert(require 'lib.a' == a); return a.n, count",
    "lib/a.lua": "count = (count or 0) + 1\nreturn { n = 5 }",
    "broken.lua": "#!/usr/bin/env norma\nrequire 'bad'",
    "bad.lua": "local x = 1\nlocal y = x.z.w",
    "syntax.lua": "\nrequire 'wrong'", "wrong.lua": "local = 3",
    "ring.lua": "require 'ring2'", "ring2.lua": "require 'ring2'",
  ])
  #expect(try folder.run("main.lua").map(\.number) == [5, 1])
  #expect(folder.failure("broken.lua")?.place == SourcePlace(file: "bad.lua", line: 2))
  #expect(folder.failure("syntax.lua")?.place == SourcePlace(file: "wrong.lua", line: 1))
  #expect(folder.failure("ring.lua")?.message.contains("ring2 > ring2") == true)
}

@Test("require stays in the script's folder")
func requireIsConfined() throws {
  let outside = try Folder(["secret.lua": "return 'secret'"])
  let folder = try Folder([
    "up.lua": "require '../x'", "dots.lua": "require '..secret'", "root.lua": "require '/etc/x'",
    "link.lua": "require 'linked'", "none.lua": "\nrequire 'absent'",
  ])
  try FileManager.default.createSymbolicLink(
    at: folder.url.appendingPathComponent("linked.lua"),
    withDestinationURL: outside.url.appendingPathComponent("secret.lua"))
  for name in ["up.lua", "dots.lua", "root.lua"] {
    #expect(folder.failure(name)?.message.contains("is no module name") == true)
  }
  #expect(folder.failure("link.lua")?.message.contains("outside the script's folder") == true)
  #expect(folder.failure("none.lua")?.place == SourcePlace(file: "none.lua", line: 2))
  #expect(folder.failure("missing.lua")?.code == .inputMissing)
}
