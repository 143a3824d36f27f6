import NormaCore
import NormaNorms

/// What `norm.real { ... }` and its like give: a hyper-parameter that has no name yet.
struct HyperDeclaration: HostNamed {
  static let luaName = "hyper-parameter"
  let kind: HyperParameter.Kind
  let initial: HyperValue
  let doc: String
  let serial: Int
  let place: SourcePlace?
}

/// What `norm.per_channel { ... }` and its like give: a parameter or buffer that has no name yet.
struct StateDeclaration: HostNamed {
  static let luaName = "parameter"
  enum Initial {
    case number(Double)
    case hyper(String)
    case function(FunctionRef)
  }
  let roles: RoleSet
  let initial: Initial
  let role: StateRole?
  let when: String?
  let doc: String
  let serial: Int
  let place: SourcePlace?
}

/// What `norm.input { ... }` gives: a second input that has no name yet.
struct InputDeclaration: HostNamed {
  static let luaName = "input"
  let roles: RoleSet
  let bounds: Bounds
  let doc: String
  let serial: Int
}

/// The constructors from which a schema is declared.
final class Declarations {
  static let names = ["real", "int", "bool", "choice", "per_channel", "scalar", "per", "input"]
  /// Scripts' tables have no order: the calls in them have, and give a schema its own.
  private var serial = 0

  private func next() -> Int {
    serial += 1
    return serial
  }

  func register(in interpreter: Interpreter) throws(NormaError) {
    try interpreter.register(HostType<Boxed<HyperDeclaration>>())
    try interpreter.register(HostType<Boxed<StateDeclaration>>())
    try interpreter.register(HostType<Boxed<InputDeclaration>>())
    try hyper("real", ["min", "above", "max", "below"], in: interpreter) {
      options throws(NormaError) in
      (.real(try options.bounds()), .real(try options.item(0, "default value")))
    }
    try hyper("int", ["min", "max", "divides", "words", "optional"], in: interpreter) {
      options throws(NormaError) in
      try options.integer()
    }
    try hyper("bool", [], in: interpreter) { options throws(NormaError) in
      (.bool, .bool(try options.item(0, "default value")))
    }
    let example = "norm.choice { \"a\", choices = { \"a\", \"b\" } }"
    try hyper("choice", ["choices"], help: example, in: interpreter) {
      options throws(NormaError) in
      let words: [String] = try options.required("choices")
      guard !words.isEmpty else {
        throw options.error("'choices' is empty", help: example)
      }
      return (.choice(words), .choice(try options.item(0, "default value")))
    }
    try state("per_channel", .channel, in: interpreter)
    try state("scalar", .none, in: interpreter)
    try interpreter.define("norm.input") { call throws(NormaError) in
      let options = try call.options()
      try options.rejectUnknown(known: ["min", "above", "max", "below", "doc"])
      let roles = options.items.isEmpty ? .all : try self.roles(options, call)
      let input = InputDeclaration(
        roles: roles, bounds: try options.bounds(), doc: try options.value("doc", default: ""),
        serial: self.next())
      return [.object(Boxed(input))]
    }
    try interpreter.define("norm.per") { call throws(NormaError) in
      let options = try call.options()
      try options.rejectUnknown(known: [])
      let roles = try self.roles(options, call)
      let allowed: [RoleSet] = [.none, .channel, .group, .member]
      guard allowed.contains(roles) else {
        throw call.error(
          "a parameter cannot vary along (\(roles))",
          help: "parameters vary along channel, group or member, or along nothing")
      }
      return [
        call.interpreter.closure("norm.per") { call throws(NormaError) in
          [try self.state(roles, call)]
        }
      ]
    }
  }

  /// The roles that a list of names means.
  private func roles(_ options: TableReader, _ call: CallContext) throws(NormaError) -> RoleSet {
    var roles = RoleSet.none
    for index in options.items.indices {
      let name: String = try options.item(index, "role")
      do throws(NormaError) {
        roles.formUnion(try RoleNames.role(name))
      } catch {
        throw error.prefixed(call.function)
      }
    }
    return roles
  }

  private func hyper(
    _ name: String, _ fields: [String], help: String? = nil, in interpreter: Interpreter,
    _ read: @escaping (TableReader) throws(NormaError) -> (HyperParameter.Kind, HyperValue)
  ) throws(NormaError) {
    try interpreter.define("norm." + name) { call throws(NormaError) in
      let options = try call.options()
      try options.rejectUnknown(known: fields + ["doc"])
      try options.rejectItems(beyond: 1, help: help)
      let (kind, initial) = try read(options)
      do throws(NormaError) {
        let parameter = HyperParameter("default value", kind, default: initial)
        _ = try parameter.checked(initial)
      } catch {
        throw options.error(error.message, help: error.help)
      }
      return [
        .object(
          Boxed(
            HyperDeclaration(
              kind: kind, initial: initial, doc: try options.value("doc", default: ""),
              serial: self.next(), place: call.place)))
      ]
    }
  }

  private func state(
    _ name: String, _ roles: RoleSet, in interpreter: Interpreter
  ) throws(NormaError) {
    try interpreter.define("norm." + name) { call throws(NormaError) in
      [try self.state(roles, call)]
    }
  }

  private func state(_ roles: RoleSet, _ call: CallContext) throws(NormaError) -> LuaValue {
    let options = try call.options()
    try options.rejectUnknown(known: ["role", "when", "doc"])
    try options.rejectItems(beyond: 1)
    let initial: StateDeclaration.Initial
    switch options.items.first {
    case .string(let name)?: initial = .hyper(name)
    case .function(let function)?: initial = .function(function)
    case let value?:
      guard let number = Double.from(lua: value), number.isFinite else {
        throw options.error(
          "the initial value must be a number, a hyper-parameter's name or a function of the sizes,"
            + " got \(value.quoted)")
      }
      initial = .number(number)
    case nil:
      throw options.error("the initial value is missing", help: "write \(call.function) { 1 }")
    }
    var role: StateRole?
    if let name: String = try options.optional("role") {
      let roles: [StateRole] = [.gain, .shift, .weight]
      guard let known = roles.first(where: { $0.rawValue == name }) else {
        let names = roles.map(\.rawValue)
        throw options.error(
          "no role '\(name)' of a parameter\(Suggestion.phrase(for: name, among: names))",
          help: "role is one of: \(names.joined(separator: ", "))")
      }
      role = known
    }
    return .object(
      Boxed(
        StateDeclaration(
          roles: roles, initial: initial, role: role, when: try options.optional("when"),
          doc: try options.value("doc", default: ""), serial: next(), place: call.place)))
  }
}

extension TableReader {
  fileprivate func bounds() throws(NormaError) -> Bounds {
    for (a, b) in [("min", "above"), ("max", "below")] where has(a) && has(b) {
      throw error("'\(a)' and '\(b)' exclude each other", help: "give one of them")
    }
    let bounds = Bounds(
      min: try optional("min"), above: try optional("above"), max: try optional("max"),
      below: try optional("below"))
    if let lower = bounds.lower, let upper = bounds.upper, lower > upper {
      throw error("no number is \(bounds.text)")
    }
    return bounds
  }

  fileprivate func integer() throws(NormaError) -> (HyperParameter.Kind, HyperValue) {
    if let role: String = try optional("divides"), role != "channel" {
      throw error("'divides' must be \"channel\", got '\(role)'")
    }
    let words: [String] = try value("words", default: [])
    let kind = HyperParameter.Kind.int(
      try bounds(), divides: has("divides") ? .channel : nil, words: words)
    if try value("optional", default: false) {
      try rejectItems(beyond: 0)
      return (kind, .none)
    }
    if case .string(let word)? = items.first { return (kind, .choice(word)) }
    return (kind, .int(try item(0, "default value")))
  }
}
