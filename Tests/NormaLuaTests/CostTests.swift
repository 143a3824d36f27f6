import NormaCore
import NormaLua
import Testing

@Test("A host call and a failing one cost microseconds at most")
func costs() throws {
  let interpreter = try makeInterpreter()
  try interpreter.define("nothing") { _ in [] }
  try interpreter.define("refuse") { _ throws(NormaError) in throw NormaError(.script, "no") }
  let clock = ContinuousClock()
  func microseconds(_ body: String) throws -> Double {
    let count = 200_000
    let time = try clock.measure {
      try interpreter.run(
        text: "local p = probe(1) for i = 1, \(count) do \(body) end", name: "t.lua")
    }
    return time / .microseconds(1) / Double(count)
  }
  let loop = try microseconds("")
  let call = try microseconds("nothing()") - loop
  let method = try microseconds("p:plus(1)") - loop
  let failing = try microseconds("pcall(refuse)") - loop
  print("host call \(call) µs, method \(method) µs, failing call + pcall \(failing) µs")
  // Bounds for a busy machine; the test library records a backtrace at every throw, which alone
  // takes most of a failing call here.
  #expect(call < 5 && method < 20 && failing < 200)
}
