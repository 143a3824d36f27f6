import NormaCore
import NormaLua
import Synchronization

/// Counts the live instances of one test.
final class LiveCount: Sendable {
  private let count = Atomic<Int>(0)
  var value: Int { count.load(ordering: .relaxed) }
  func change(_ by: Int) { count.add(by, ordering: .relaxed) }
}

/// A stand-in for a traced tensor: a number with methods, operators and a size.
final class Probe: HostObject {
  static let luaName = "probe"
  let number: Double
  let live: LiveCount?

  init(_ number: Double, live: LiveCount? = nil) {
    self.number = number
    self.live = live
    live?.change(1)
  }

  deinit {
    live?.change(-1)
  }

  static func type() -> HostType<Probe> {
    let type = HostType<Probe>()
    type.property("value") { .number($0.number) }
    type.method("plus") { probe, call throws(NormaError) in
      [.object(Probe(probe.number + (try call.value(0, "other", as: Double.self))))]
    }
    type.method("sqrt") { probe, _ in [.object(Probe(probe.number.squareRoot()))] }
    type.method("max") { probe, call throws(NormaError) in
      [.object(Probe(max(probe.number, try operand(call[0]))))]
    }
    type.on(.add) { call throws(NormaError) in
      .object(Probe(try operand(call[0]) + operand(call[1])))
    }
    type.on(.pow) { call throws(NormaError) in
      .object(Probe([try operand(call[0])].map { $0 * $0 }[0]))
    }
    type.on(.negate) { call throws(NormaError) in .object(Probe(-(try operand(call[0])))) }
    type.on(.less) { call throws(NormaError) in
      throw call.error("'<' on a probe: its value is not known", help: "where(x:lt(y), a, b)")
    }
    type.index { _, name, _ in name == "gamma" ? 7 : nil }
    type.item { probe, key, _ throws(NormaError) in
      .number(probe.number * (Double.from(lua: key) ?? 0))
    }
    type.call { probe, call throws(NormaError) in
      [.number(probe.number), .int(call.count)]
    }
    type.describe { "probe(\($0.number))" }
    return type
  }

  private static func operand(_ value: LuaValue) throws(NormaError) -> Double {
    if case .object(let probe as Probe) = value { return probe.number }
    guard let number = Double.from(lua: value) else {
      throw NormaError(.script, "a probe does not combine with \(value.quoted)")
    }
    return number
  }
}

/// An interpreter with `probe(n)` and `fail(text)` defined.
func makeInterpreter(
  live: LiveCount? = nil, _ change: (inout Interpreter.Options) -> Void = { _ in }
) throws -> Interpreter {
  var options = Interpreter.Options()
  change(&options)
  let interpreter = try Interpreter(options)
  try interpreter.register(Probe.type())
  try interpreter.define("probe") { call throws(NormaError) in
    [.object(Probe(try call.value(0, "number"), live: live))]
  }
  try interpreter.define("fail") { call throws(NormaError) in
    throw NormaError(
      .diverged, try call.value(0, "text"), notes: ["a note"], help: "do otherwise")
  }
  return interpreter
}

/// The error a script ends with.
func failure(
  of text: String, in interpreter: Interpreter? = nil
) throws -> NormaError? {
  let interpreter = try interpreter ?? makeInterpreter()
  do {
    try interpreter.run(text: text, name: "test.lua")
    return nil
  } catch {
    return error
  }
}

extension LuaValue {
  var text: String? { String.from(lua: self) }
  var number: Double? { Double.from(lua: self) }
}
