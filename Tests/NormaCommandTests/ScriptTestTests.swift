import Foundation
import Testing

/// `norma test`.
struct ScriptTestTests {
  private func run(_ text: String, _ options: [String] = []) throws -> Command {
    let bench = try Workbench()
    try Data(text.utf8).write(to: bench.folder.appending(path: "t.lua"))
    return try Command(["test", bench.path("t.lua")] + options)
  }

  @Test("What holds passes: numbers, texts, lists, tensors, norms and errors")
  func passes() throws {
    let found = try run(
      """
      test("words", function()
        expect.equal(1 + 1, 2)
        expect.equal("a", "a")
        expect.equal({ { 1, 2 } }, tensor { { 1, 2 } })
        expect.equal({ name = "a", list = { "b", true } }, { name = "a", list = { "b", true } })
        expect.close(0.1 + 0.2, 0.3)
        expect.close(norm.rms { epsilon = 0 }:apply(tensor { { 3, 4 } }), { { 0.8485, 1.1314 } }, 1e-4)
        expect.ok(1)
        expect.error(function() return norm.gruop end, "did you mean 'group'?")
      end)
      """)
    #expect(found.status == 0 && found.output == "pass  words\n", "\(found.output)\(found.errors)")
  }

  @Test(
    "What does not hold says where, what was wanted and what was found",
    arguments: [
      ("expect.equal(1, 2)", "t.lua:2: expect.equal: expected 2.0, got 1.0"),
      ("expect.close(1, 2, 0.5)", "t.lua:2: expect.close: expected 2.0 within 0.5, got 1.0"),
      (
        "expect.equal({ { 1, 2 }, { 3, 4 } }, { { 1, 2 }, { 3, 5 } })",
        "t.lua:2: expect.equal: expected 5.0 at [2, 2], got 4.0; 1 of 4 values differ"
      ),
      ("expect.equal({ 1, 2 }, { 1 })", "t.lua:2: expect.equal: expected shape [1], got [2]"),
      (
        "expect.equal({ a = { 1, 'x' } }, { a = { 1, 'y' } })",
        "t.lua:2: expect.equal: expected 'y' at a[2], got 'x'"
      ),
      ("expect.equal({ 'x' }, { 'x', 'y' })", "t.lua:2: expect.equal: expected 2 items, got 1"),
      ("expect.equal('a', 1)", "t.lua:2: expect.equal: expected 1, got 'a'"),
      ("expect.ok(false, 'not so')", "t.lua:2: expect.ok: not so"),
      (
        "expect.error(function() end)",
        "t.lua:2: expect.error: expected an error, but the function returned"
      ),
      ("error('mine')", "t.lua:2: mine"),
    ])
  func fails(_ line: String, _ message: String) throws {
    let found = try run(
      "test('wrong', function()\n\(line)\nend)\ntest('right', function() end)\n")
    #expect(found.status == 2)
    #expect(found.output.contains("FAIL  wrong\n      \(message)\n"), "\(found.output)")
    #expect(found.output.hasSuffix("pass  right\n"))
    #expect(found.errors == "norma: 1 of 2 tests failed\n")
  }

  @Test("A file without tests is no success; other commands read past tests")
  func edges() throws {
    let none = try run("local a = 1")
    #expect(none.status == 65 && none.errors.contains("declares no test"))
    let endless = try run("test('a', function() while true do end end) test('b', function() end)")
    #expect(endless.status == 2 && endless.output.contains("pass  b"))
    let bench = try Workbench()
    try Data(
      """
      norm.define("mine", { forward = function(x, s) return x * 2 end })
      test("never", function() error("run") end)
      """.utf8
    ).write(to: bench.folder.appending(path: "mine.lua"))
    let shown = try Command(["norms", "show", "mine", "--script", bench.path("mine.lua")])
    #expect(shown.status == 0 && shown.errors.isEmpty)
  }
}
