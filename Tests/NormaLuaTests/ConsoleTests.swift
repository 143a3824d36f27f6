import NormaCore
import NormaLua
import NormaNorms
import Testing

@Suite("The console")
struct ConsoleTests {
  private func console() throws -> (Console, () -> [String]) {
    final class Lines { var all: [String] = [] }
    let lines = Lines()
    var options = Interpreter.Options()
    options.print = { lines.all.append($0) }
    let session = try ScriptSession(options: options)
    let plan = Console.Word("plan", usage: ":plan NORM", summary: "how it runs") { text in
      ["plan of \(text)"]
    }
    let console = Console(session, words: [plan]) { name throws(NormaError) in
      [try session.registry.entry(name).schema.summary]
    }
    return (console, { lines.all })
  }

  @Test("Values are shown, a semicolon mutes, statements run, globals stay")
  func values() throws {
    let (console, printed) = try console()
    #expect(try console.feed("1 + 1") == .lines(["2"]))
    #expect(try console.feed("x = 3") == .lines([]))
    #expect(try console.feed("local y = x * 2") == .lines([]))
    #expect(try console.feed("y, x") == .lines(["6", "3"]))
    #expect(try console.feed("y;") == .lines([]))
    // One line that is whole though it begins with a local.
    #expect(try console.feed("local c <const> = 1") == .lines([]))
    #expect(try console.feed("{ 7, 8, a = 1 }") == .lines(["1 = 7", "2 = 8", "a = 1"]))
    guard case .lines(let many) = try console.feed("{ ('x'):rep(30):byte(1, -1) }") else {
      throw Failed()
    }
    #expect(many[1] == "2 = 120" && many.last == "... 10 more")
    #expect(try console.feed("print(y)") == .lines([]))
    #expect(printed() == ["6"])
    #expect(try console.feed("nil") == .lines([]))
    #expect(try console.feed("") == .lines([]))
    let tensor = try console.feed("tensor { { 3, 4 } }")
    guard case .lines(let lines) = tensor else { throw Failed() }
    #expect(lines.first == "tensor 1x2   mean 3.5   std 0.5")
  }

  @Test("What is not finished goes on; a mistake ends it and the next line is new")
  func unfinished() throws {
    let (console, _) = try console()
    #expect(try console.feed("for i = 1, 2 do") == .more)
    #expect(console.isPending)
    #expect(try console.feed("  z = i") == .more)
    #expect(try console.feed("end") == .lines([]))
    #expect(try console.feed("z") == .lines(["2"]))
    #expect(try console.feed("f = function(a,") == .more)
    do throws(NormaError) {
      _ = try console.feed("= 3)")
      Issue.record("it ran")
    } catch {
      #expect(error.place?.file.hasPrefix("console:") == true)
    }
    #expect(!console.isPending)
    #expect(try console.feed("z") == .lines(["2"]))
    do throws(NormaError) {
      _ = try console.feed("nothing.there")
      Issue.record("it ran")
    } catch {
      #expect(error.message.contains("(global 'nothing')"))
    }
    #expect(try console.feed("[[text\n") == .more)
    console.reset()
    #expect(try console.feed("z") == .lines(["2"]))
  }

  @Test("Its own words: help, plans, times, the end, and the nearest of what there is not")
  func words() throws {
    let (console, _) = try console()
    #expect(
      try console.feed("?rms")
        == .lines([
          "unit root mean square over the channels of each position"
        ]))
    #expect(try console.feed(":plan rms 4x4") == .lines(["plan of rms 4x4"]))
    guard case .lines(let time) = try console.feed(":time 1 + 1") else { throw Failed() }
    #expect(time.first?.contains("median of") == true)
    guard case .lines(let help) = try console.feed("?") else { throw Failed() }
    #expect(help.contains { $0.hasPrefix(":plan NORM") } && help.contains { $0.hasPrefix(":time") })
    #expect(try console.feed(":quit") == .end)
    for (line, words) in [
      (":paln rms", "no word ':paln'; did you mean 'plan'?"), ("?rmss", "did you mean 'rms'?"),
      (":time", ":time needs an expression"),
    ] {
      do throws(NormaError) {
        _ = try console.feed(line)
        Issue.record("\(line) ran")
      } catch {
        #expect(error.message.contains(words), "\(error.message)")
      }
    }
  }

  @Test("Names are completed: globals, members, norms, words")
  func completion() throws {
    let (console, _) = try console()
    #expect(console.completions(of: "tens") == ["tensor"])
    #expect(console.completions(of: "norm.gr") == ["norm.group"])
    #expect(console.completions(of: "norm.def") == ["norm.define"])
    #expect(console.completions(of: "?la") == ["?layer"])
    #expect(console.completions(of: ":pl") == [":plan"])
    #expect(console.completions(of: "math.sq") == ["math.sqrt"])
    #expect(console.completions(of: "nothing.x").isEmpty)
  }

  @Test("Stubs are Lua, and tell every norm's settings and every layer's options")
  func stubs() throws {
    let session = try ScriptSession()
    try session.run(
      text: """
        norm.define("mine", { doc = "two\\nlines", hyper = { width = norm.real { 1, above = 0, doc = "how wide" } },
          forward = function(x, s) return x * s.width end })
        """, name: "mine.lua")
    let text = LuaStubs.meta(session.registry)
    #expect(session.interpreter.syntaxError(in: text, name: "norma.meta.lua") == nil)
    for line in [
      "---@class norma.settings.mine", "---@field width? number|norma.Ramp how wide (> 0)",
      "---two lines", "function norm.mine(settings) end",
      "---@field groups? integer|\"auto\" ", "---@field preset? \"keras\"|\"torch\"",
      "function nn.conv(options) end", "---@field weight_norm? string|norma.Norm a norm",
      "function Traced:rsqrt() end",
    ] {
      #expect(text.contains(line), "\(line)")
    }
  }
}

/// An answer of another kind than was expected.
private struct Failed: Error {}
