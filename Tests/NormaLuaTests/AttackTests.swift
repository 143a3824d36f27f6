import Foundation
import NormaCore
import NormaLua
import Testing

/// What hangs or escapes an interpreter that is not careful; each ends in an error, soon, and the host
/// goes on.
@Suite("Attacks on the sandbox", .serialized)
struct AttackTests {
  struct Attack: Sendable, CustomTestStringConvertible {
    let name: String
    let script: String
    /// Part of the error's message; nil where the script may also just end.
    let words: String?
    var testDescription: String { name }
  }

  private static let stopped = "stopped: the script"

  static let attacks = [
    Attack(name: "a loop", script: "while true do end", words: stopped),
    Attack(
      name: "a handler that loops",
      script: "local function loop() while true do end end xpcall(loop, loop)",
      words: stopped),
    Attack(
      name: "a finalizer that loops",
      script: "setmetatable({}, { __gc = function() while true do end end })",
      words: "scripts have no __gc finalizers"),
    Attack(
      name: "a string of a trillion", script: "return (''):rep(1 << 60) .. ('x'):rep(1 << 60)",
      words: "longer than 1 MiB"),
    Attack(
      name: "a C function that looks up",
      script: """
        return table.concat(setmetatable({}, { __index = table.concat }), "", 1, math.maxinteger)
        """, words: "table.concat: the range has more than 10 million items"),
    Attack(
      name: "a long text that is searched",
      script: "return ('a'):rep(1 << 20):find(('a'):rep(1 << 19) .. 'b', 1, true)",
      words: "string.find: this pattern may take too long"),
    Attack(
      name: "a long pattern",
      script: "return ('a'):rep(1 << 20):find(('a'):rep(1 << 19) .. '%d')",
      words: "string.find: this pattern may take too long"),
    Attack(
      name: "tensors without end",
      script: "local t = {} for i = 1, 1000 do t[i] = tensor.zeros { 1 << 22 } end",
      words: "the script needs more than 64 MiB of memory"),
    Attack(
      name: "sizes around an empty axis", script: "tensor.zeros { 1 << 40, 1 << 40, 0 }",
      words: "has more than"),
    Attack(
      name: "a slice from the least number",
      script: """
        norm.define('a', { forward = function(x) return x:slice('channel', math.mininteger, 2) end })
        """, words: "slice"),
    Attack(
      name: "a table in itself", script: "local t = {} t.me = t expect.equal(t, t)",
      words: "nested"),
    Attack(name: "moving a table", script: "table.move({}, 1, 1 << 62, 2)", words: "nil value"),
    Attack(
      name: "a length of 2^53",
      script: "table.insert(setmetatable({}, { __len = function() return 2 ^ 53 end }), 1, 1)",
      words: "__len"),
    Attack(
      name: "catching every stop",
      script: "while true do pcall(function() while true do end end) end", words: stopped),
    Attack(
      name: "many short coroutines",
      script: "while true do coroutine.wrap(function() return 1 end)() end", words: stopped),
    Attack(
      name: "a pattern that backtracks",
      script: "return string.find(('a'):rep(200), ('.-'):rep(12) .. 'b')",
      words: "string.find: this pattern may take too long on 200 bytes"),
    Attack(
      name: "a pattern in gsub", script: "return ('a'):rep(100000):gsub('a-a-b', '')",
      words: "string.gsub: this pattern may take too long"),
    Attack(
      name: "a pattern in gmatch", script: "for w in ('('):rep(1000000):gmatch('%b()') do end",
      words: "string.gmatch: this pattern may take too long"),
    Attack(
      name: "a pattern of choices",
      script: "return ('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30))",
      words: "string.find: this pattern may take too long"),
    Attack(
      name: "bytecode through load", script: "assert(load('\\27Lua' .. ('x'):rep(100)))",
      words: "attempt to load a binary chunk"),
    Attack(
      name: "bytecode through dump", script: "return string.dump(function() end)",
      words: "nil value"),
    Attack(
      name: "memory", script: "local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) .. #t end",
      words: "MiB of memory"),
    Attack(
      name: "a string doubled again and again",
      script: "local s = 'x' while true do s = s .. s end",
      words: "MiB of memory"),
    Attack(
      name: "inserting in front of many",
      script: "local t = {} for i = 1, 1 << 40 do table.insert(t, 1, i) end", words: stopped),
    Attack(name: "recursion", script: "local function f() return 1 + f() end f()", words: nil),
    Attack(
      name: "recursion through pcall",
      script: "local function f() pcall(f) end f() while true do f() end",
      words: nil),
    Attack(
      name: "nested metamethods",
      script:
        "local t = {} t = setmetatable({}, { __index = function(_, k) return t[k] end }) return t.x",
      words: "overflow"),
    Attack(
      name: "many results", script: "return table.unpack({}, 1, 1 << 30)",
      words: "the range has more than"
    ),
    Attack(
      name: "concatenating nothing", script: "return table.concat({}, 'x', 1, 1 << 60)",
      words: "the range has more than"),
    Attack(
      name: "the strings' metatable", script: "getmetatable('').__index = nil", words: "boolean"),
    Attack(name: "files", script: "return io.open('/etc/passwd')", words: "nil value"),
    Attack(name: "processes", script: "return os.execute('true')", words: "nil value"),
    Attack(name: "the debugger", script: "return debug.getregistry()", words: "nil value"),
    Attack(name: "libraries", script: "return package.loadlib('x', 'y')", words: "nil value"),
    Attack(
      name: "a module outside", script: "require '../../etc/passwd'", words: "is no module name"),
    Attack(
      name: "a huge tensor", script: "return tensor.random(1, { 1 << 20, 1 << 20 })",
      words: "tensor"),
    Attack(
      name: "sizes that overflow", script: "return tensor.random(1, { 1 << 40, 1 << 40 })",
      words: "tensor"),
    Attack(
      name: "a formula without end",
      script: "norm.define('a', { forward = function(x) while true do x = x + 1 end end })",
      words: "forward has more than 5000 operations"),
    Attack(
      name: "a formula that doubles",
      script: """
        norm.define('a', { forward = function(x)
          for i = 1, 2400 do x = x * x + x end return x end })
        """, words: nil),
    Attack(
      name: "a formula that defines itself",
      script: """
        local function again()
          norm.define('a', { forward = function(x) again() return x end })
        end
        again()
        """, words: "overflow"),
    Attack(
      name: "initial values that loop",
      script: """
        norm.define('a', { param = { g = norm.scalar { function() while true do end end } },
          forward = function(x, s) return x * s.g end })
        """, words: stopped),
    Attack(
      name: "a text that loops when shown",
      script: "print(setmetatable({}, { __tostring = function() while true do end end }))",
      words: stopped),
    Attack(
      name: "a name that loops when shown",
      script: "tostring(setmetatable({}, { __name = ('x'):rep(1 << 20) }))", words: nil),
  ]

  @Test("Each ends within twice the time limit; the interpreter works on", arguments: attacks)
  func ends(_ attack: Attack) throws {
    var options = Interpreter.Options()
    options.print = { _ in }
    options.memoryBytes = 64 << 20
    #expect(options.seconds == 2, "the default")
    options.seconds = 0.5
    let session = try ScriptSession(options: options)
    var message: String?
    // The processor's time: what other tests take meanwhile does not count.
    func seconds() -> Double {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
    let start = seconds()
    do {
      try session.run(text: attack.script, name: "attack.lua")
    } catch {
      message = error.message
    }
    #expect(seconds() - start < 2 * options.seconds)
    if let words = attack.words {
      #expect(message?.contains(words) == true, "\(message ?? "it ended")")
    }
    #expect(session.interpreter.memoryUsed < options.memoryBytes + (4 << 20))
    let values = try session.run(text: "return 6 * 7", name: "after.lua")
    #expect(values.first?.number == 42)
  }

  @Test(
    "Patterns that people write are not refused",
    arguments: [
      "return ('  key = some value  '):match('^%s*(.-)%s*=%s*(.-)%s*$')",
      "return (('word '):rep(20000):gsub('%s+', ' '))",
      "return ('x'):rep(100000):find('y', 1, true)",
      "return ('(a(b)c)'):rep(100):match('%b()')", "return ('a,b,,c'):rep(1000):gsub(',', ';')",
      "for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do end", "return ('[x]'):find('[]]')",
      "return ('x^2'):find('[^%^]') and ('%'):find('%%')",
    ])
  func usualPatterns(_ script: String) throws {
    try runNorms(script)
  }
}
