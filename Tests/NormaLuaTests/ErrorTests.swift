import NormaCore
import NormaLua
import Testing

@Test("A syntax error has its place once and outside the message")
func syntaxError() throws {
  let error = try #require(try failure(of: "local a = 1\nlocal b = = 2"))
  #expect(error.code == .script)
  #expect(error.place == SourcePlace(file: "test.lua", line: 2))
  #expect(error.message == "unexpected symbol near '='")
}

@Test("Runtime errors and error() have the line they happened on")
func runtimePlaces() throws {
  let nilCall = try #require(try failure(of: "\n\nlocal t = {}\nt.x.y = 1"))
  #expect(nilCall.place?.line == 4)
  #expect(nilCall.message == "attempt to index a nil value (field 'x')")
  let raised = try #require(try failure(of: "local function f()\n  error('bad')\nend\nf()"))
  #expect(raised.description == "test.lua:2: bad")
  let caller = try #require(try failure(of: "local function f()\n  error('bad', 2)\nend\nf()"))
  #expect(caller.description == "test.lua:4: bad")
  let bare = try #require(try failure(of: "\nerror('bad', 0)"))
  #expect(bare.description == "test.lua:2: bad")
  let table = try #require(try failure(of: "error({})"))
  #expect(table.message == "the script raised a table as an error")
}

@Test("A mistyped global finds its neighbour")
func globalSuggestion() throws {
  let error = try #require(try failure(of: "prinz('x')"))
  #expect(error.message.hasSuffix("(global 'prinz'); did you mean 'print'?"))
}

@Test("An error of the library names the function the script called")
func libraryErrors() throws {
  let error = try #require(try failure(of: "\ntable.insert(nil, 1)"))
  #expect(error.message == "bad argument #1 to 'insert' (table expected, got nil)")
  #expect(error.place?.line == 2)
}

@Test("A Swift error crosses Lua whole, with the script's line added")
func swiftErrorKeepsEverything() throws {
  let error = try #require(try failure(of: "local x = 1\nfail('went wrong')"))
  #expect(error.code == .diverged)
  #expect(error.message == "went wrong")
  #expect(error.notes == ["a note"])
  #expect(error.help == "do otherwise")
  #expect(error.place == SourcePlace(file: "test.lua", line: 2))
}

@Test("Caught and raised again through nested pcall, it is still the same error")
func errorSurvivesPcall() throws {
  let interpreter = try makeInterpreter()
  let text = """
    local ok, e = pcall(function()
      local ok, e = pcall(fail, 'deep')
      assert(not ok)
      message, code, shown = e.message, e.code, 'got: ' .. e
      error(e)
    end)
    same = tostring(e)
    error(e)
    """
  let error = try #require(try failure(of: text, in: interpreter))
  #expect(error.code == .diverged && error.help == "do otherwise")
  #expect(error.place == SourcePlace(file: "test.lua", line: 2))
  #expect(try interpreter.global("message").text == "deep")
  #expect(try interpreter.global("code").text == "diverged")
  #expect(try interpreter.global("shown").text?.hasPrefix("got: test.lua:2: deep") == true)
  #expect(try interpreter.global("same").text == error.description)
}

@Test("An error in a Lua function called by Swift keeps the inner line and the inner traceback")
func errorThroughBothSides() throws {
  let interpreter = try makeInterpreter()
  try interpreter.define("apply") { call throws(NormaError) in
    try call.value(0, "f", as: FunctionRef.self)(3)
  }
  let text = "local function inner(n)\n  return n.x.y\nend\napply(function(n)\n  inner(n)\nend)"
  let error = try #require(try failure(of: text, in: interpreter))
  #expect(error.place?.line == 2)
  #expect(interpreter.lastTraceback?.contains("test.lua:2") == true)
  let value = try interpreter.run(
    text: "return apply(function(n) return n + 1 end)", name: "b.lua")
  #expect(value.first?.number == 4)
}

@Test("Errors inside coroutines come out with the innermost place")
func coroutineErrors() throws {
  let wrapped = try #require(
    try failure(of: "local f = coroutine.wrap(function()\n  error('inside')\nend)\nf()"))
  #expect(wrapped.message == "inside")
  #expect(wrapped.place?.line == 2)
  let host = try #require(try failure(of: "\nlocal f = coroutine.wrap(fail)\nf('x')"))
  #expect(host.code == .diverged)
  #expect(host.place?.line == 3)
}

@Test("Lua functions and long file names: the place is the whole name")
func longNames() throws {
  let name = "a-very-long-file-name-that-lua-shortens-in-its-own-messages-to-sixty-bytes.lua"
  do {
    try makeInterpreter().run(text: "error('bad')", name: name)
    Issue.record("no error")
  } catch let error as NormaError {
    #expect(error.place == SourcePlace(file: name, line: 1))
    #expect(error.message == "bad")
  }
}

@Test("Endless recursion, in Lua and through Swift, is an error")
func recursion() throws {
  let lua = try #require(try failure(of: "local function f() return 1 + f() end\nf()"))
  #expect(lua.message.contains("stack overflow"))
  let interpreter = try makeInterpreter()
  try interpreter.define("again") { call throws(NormaError) in
    try call.value(0, "f", as: FunctionRef.self)()
  }
  let both = try #require(
    try failure(of: "local function f() again(f) end\nf()", in: interpreter))
  #expect(both.message.contains("overflow"))
}
