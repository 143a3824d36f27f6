import NormaCore
import NormaNorms

/// Reads the table of `norm.define` into a definition.
struct DefinitionReader {
  private static let fields = [
    "doc", "paper", "hyper", "param", "buffer", "forward", "alias", "presets", "replace",
    "gradient", "input", "backward", "claims", "on",
  ]

  let options: TableReader
  var schema: NormSchema
  private let place: SourcePlace?

  /// Reads the name and the table; throws `script` for a name that cannot be a norm's.
  init(_ call: CallContext) throws(NormaError) {
    let name: String = try call.value(0, "name")
    let owner = "\(call.function)(\"\(name)\")"
    try DefinitionReader.checkNormName(name, owner: owner)
    guard case .table(let table) = call[1] else {
      throw NormaError(
        .script, "\(owner): a table must follow, got \(call[1].quoted)",
        help: "norm.define(\"\(name)\", { forward = function(x, s) return x end })")
    }
    options = try TableReader(table, owner: owner)
    schema = NormSchema(name: name)
    place = call.place
  }

  /// Whether a built-in norm of the name is to be replaced.
  var replace: Bool {
    get throws(NormaError) { try options.value("replace", default: false) }
  }

  /// The definition; throws `script` with the norm's name and the field's.
  mutating func read() throws(NormaError) -> NormDefinition {
    try options.rejectUnknown(known: Self.fields)
    try options.rejectItems(beyond: 0)
    schema.summary = try options.value("doc", default: "")
    schema.paper = try options.value("paper", default: "")
    let forward: FunctionRef = try options.required("forward")
    schema.hyper = try readHyper()
    schema.parameters = try readState("param")
    schema.buffers = try readState("buffer")
    schema.inputs = try readInputs()
    schema.aliases = try readAliases()
    schema.presets = try readPresets()
    if let gradient: String = try options.optional("gradient") {
      let words: [NormSchema.GradientKind] = [.partial, .own]
      guard let kind = words.first(where: { $0.rawValue == gradient }) else {
        throw options.error(
          "'gradient' must be \"partial\" or \"own\", got '\(gradient)'",
          help:
            "\"partial\" says that x:stop() leaves something out on purpose, \"own\" that backward"
            + " is not the derivative")
      }
      guard kind != .own || options.has("backward") else {
        throw options.error(
          "gradient = \"own\" needs a backward", help: "backward = function(x, dy, s) return dx end"
        )
      }
      schema.gradient = kind
    }
    schema.claims = try readClaims()
    if let target: String = try options.optional("on") {
      guard target == "weight" else {
        throw options.error(
          "'on' must be \"weight\", got '\(target)'",
          help: "leave it out for a norm of tensors; \"weight\" is for weight_norm in nn.linear")
      }
      schema.isForWeights = true
    }
    try checkNames()
    try lint(forward, tensors: 1)
    let formula = ScriptFormula(
      "forward", schema: schema, function: ScriptFunction(forward, of: schema.name), place: place)
    guard let backward: FunctionRef = try options.optional("backward") else {
      return NormDefinition(
        schema: schema,
        trace: { x, context throws(NormaError) in
          try formula.output(x, context)
        })
    }
    try lint(backward, tensors: 2)
    let gradients = ScriptFormula(
      "backward", schema: schema, function: ScriptFunction(backward, of: schema.name), place: place)
    return NormDefinition(
      schema: schema,
      trace: { x, context throws(NormaError) in try formula.output(x, context) },
      backward: { x, dy, context throws(NormaError) in try gradients.gradients(x, dy, context) })
  }

  /// Refuses what a function's text does to traced tensors without Lua noticing.
  private func lint(_ function: FunctionRef, tensors: Int) throws(NormaError) {
    guard let place = try function.place(),
      let text = try function.slot.interpreter().texts[place.file]
    else { return }
    let traced =
      schema.hyper.filter(\.isReal).map(\.name) + schema.parameters.map(\.name)
      + schema.buffers.map(\.name) + schema.inputs.map(\.name)
    let lint = FormulaLint(text, line: place.line, tensors: tensors, settings: Set(traced))
    guard let finding = lint.finding else { return }
    throw NormaError(
      .script, "\(schema.name): \(finding.message)",
      place: SourcePlace(file: place.file, line: finding.line), help: finding.help)
  }

  private static func checkNormName(_ name: String, owner: String) throws(NormaError) {
    if NormLibrary.reserved.contains(name) || name == NormSpec.noneName {
      throw NormaError(
        .script, "\(owner): '\(name)' is a reserved name", help: "choose another name")
    }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ isWord($0) && $0 == $0.lowercased() }) else {
      throw NormaError(
        .script, "\(owner): '\(name)' cannot be the name of a norm",
        help: "lower-case letters, digits and _, as in \"rms_plus\"; vendor/name for a plugin's")
    }
  }

  private static func isWord(_ text: some StringProtocol) -> Bool {
    guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
    else { return false }
    return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
  }

  private func readHyper() throws(NormaError) -> [HyperParameter] {
    let table = try options.nested("hyper")
    try table.rejectItems(beyond: 0)
    var found: [(serial: Int, parameter: HyperParameter)] = []
    for name in table.names {
      guard let boxed = Boxed<HyperDeclaration>.from(lua: table[name]) else {
        throw options.error(
          "'\(name)' in hyper must be a declaration, got \(table[name].quoted)",
          help: "\(name) = norm.real { 1e-5 }, or norm.int, norm.bool, norm.choice")
      }
      let value = boxed.value
      found.append(
        (value.serial, HyperParameter(name, value.kind, default: value.initial, doc: value.doc)))
    }
    return found.sorted { ($0.serial, $0.parameter.name) < ($1.serial, $1.parameter.name) }
      .map(\.parameter)
  }

  private func readInputs() throws(NormaError) -> [InputSpec] {
    let table = try options.nested("input")
    try table.rejectItems(beyond: 0)
    var found: [(serial: Int, input: InputSpec)] = []
    for name in table.names {
      guard let boxed = Boxed<InputDeclaration>.from(lua: table[name]) else {
        throw options.error(
          "'\(name)' in input must be a declaration, got \(table[name].quoted)",
          help: "\(name) = norm.input { \"batch\", \"channel\" }, or norm.input() for x's shape")
      }
      let value = boxed.value
      found.append(
        (
          value.serial,
          InputSpec(name, per: value.roles, bounds: value.bounds, doc: value.doc)
        ))
    }
    return found.sorted { $0.serial < $1.serial }.map(\.input)
  }

  /// What `claims = { statistics = { "channel" }, epsilon = "inside" }` says.
  private func readClaims() throws(NormaError) -> Claims {
    let table = try options.nested("claims")
    try table.rejectItems(beyond: 0)
    try table.rejectUnknown(
      known: ["statistics", "epsilon", "correction", "infer"], noun: "claim")
    var claims = Claims()
    if let names: [String] = try table.optional("statistics") {
      var roles = RoleSet.none
      for name in names {
        do throws(NormaError) {
          roles.formUnion(try RoleNames.role(name))
        } catch {
          throw error.prefixed("\(options.owner): claims.statistics")
        }
      }
      claims.statistics = roles
    }
    if let word: String = try table.optional("epsilon") {
      guard let place = Claims.EpsilonPlace(rawValue: word) else {
        throw table.error("'epsilon' is \"inside\" or \"outside\" the root, got '\(word)'")
      }
      guard schema.hyper.contains(where: { $0.name == "epsilon" && $0.isReal }) else {
        throw table.error("'epsilon' is claimed, but no norm.real of that name is declared")
      }
      claims.epsilon = place
    }
    if let correction: Int = try table.optional("correction") {
      guard (0...1).contains(correction) else {
        throw table.error("'correction' is 0 or 1, got \(correction)")
      }
      guard schema.buffers.contains(where: { $0.name == "variance" }) else {
        throw table.error("'correction' is claimed of the buffer 'variance', which there is not")
      }
      claims.correction = correction
    }
    if let word: String = try table.optional("infer") {
      guard word == "batch" else {
        throw table.error(
          "'infer' must be \"batch\", got '\(word)'",
          help: "\"batch\" says that inference looks at the other samples too")
      }
      claims.infersFromBatch = true
    }
    return claims
  }

  private func readState(_ field: String) throws(NormaError) -> [StateSpec] {
    let table = try options.nested(field)
    try table.rejectItems(beyond: 0)
    var found: [(serial: Int, spec: StateSpec)] = []
    for name in table.names {
      guard let boxed = Boxed<StateDeclaration>.from(lua: table[name]) else {
        throw options.error(
          "'\(name)' in \(field) must be a declaration, got \(table[name].quoted)",
          help: "\(name) = norm.per_channel { 1 }, norm.scalar { 1 }, norm.per { \"group\" } { 1 }")
      }
      do throws(NormaError) {
        let spec = try state(name, boxed.value, isBuffer: field == "buffer")
        found.append((boxed.value.serial, spec))
      } catch {
        throw error.at(boxed.value.place)
      }
    }
    return found.sorted { ($0.serial, $0.spec.name) < ($1.serial, $1.spec.name) }.map(\.spec)
  }

  private func state(
    _ name: String, _ value: StateDeclaration, isBuffer: Bool
  ) throws(NormaError) -> StateSpec {
    if let when = value.when {
      guard schema.hyper.contains(where: { $0.name == when && $0.kind == .bool }) else {
        let booleans = schema.hyper.filter { $0.kind == .bool }.map(\.name)
        throw options.error(
          "'\(name)' is there when '\(when)' is true, but no norm.bool has that name"
            + Suggestion.phrase(for: when, among: booleans),
          help: "declare it: hyper = { \(when) = norm.bool { true } }")
      }
      guard isBuffer || value.initial.isNumber else {
        throw options.error(
          "'\(name)' may be absent, so its initial value must be a number",
          help: "the number stands for it when '\(when)' is false")
      }
    }
    if isBuffer, value.role != nil {
      throw options.error("the buffer '\(name)' has a role", help: "roles are for parameters")
    }
    let role: StateRole =
      isBuffer ? .runningStatistic : value.role ?? (value.initial.isZero ? .shift : .gain)
    return StateSpec(
      name, per: value.roles, initial: try initial(name, value.initial), role: role,
      when: value.when, doc: value.doc)
  }

  private func initial(
    _ name: String, _ value: StateDeclaration.Initial
  ) throws(NormaError) -> InitialValue {
    switch value {
    case .number(let number): return .number(number)
    case .hyper(let source):
      let numbers = schema.hyper.filter {
        switch $0.kind {
        case .real, .int: true
        default: false
        }
      }
      guard numbers.contains(where: { $0.name == source }) else {
        let names = numbers.map(\.name)
        throw options.error(
          "'\(name)' starts at '\(source)', which is no number among the hyper-parameters"
            + Suggestion.phrase(for: source, among: names),
          help: "give a number, the name of a norm.real or norm.int, or a function of the sizes")
      }
      return .hyper(source)
    case .function(let function):
      return ScriptInitialValue(function, of: schema.name, parameter: name).value
    }
  }

  private func readPresets() throws(NormaError) -> [String: [String: HyperValue]] {
    let table = try options.nested("presets")
    try table.rejectItems(beyond: 0)
    var presets: [String: [String: HyperValue]] = [:]
    for name in table.names {
      let settings = try TableReader(
        try table.required(name, as: TableRef.self), owner: options.owner, part: "presets.\(name)")
      try settings.rejectItems(beyond: 0)
      try settings.rejectUnknown(known: schema.hyper.map(\.name), noun: "hyper-parameter")
      var values: [String: HyperValue] = [:]
      for parameter in schema.hyper where settings.has(parameter.name) {
        guard let value = settings[parameter.name].hyperValue else {
          throw settings.error(
            "'\(parameter.name)' in presets.\(name) must be \(parameter.rangeText),"
              + " got \(settings[parameter.name].quoted)")
        }
        do throws(NormaError) {
          values[parameter.name] = try parameter.checked(value)
        } catch {
          throw error.prefixed("\(options.owner): presets.\(name)")
        }
      }
      presets[name] = values
    }
    return presets
  }

  private func readAliases() throws(NormaError) -> [Alias] {
    let table = try options.nested("alias")
    try table.rejectItems(beyond: 0)
    var aliases: [Alias] = []
    for name in table.names {
      do throws(NormaError) {
        aliases.append(
          try ScriptAlias.read(name, table[name], of: schema.name, among: schema.hyper.map(\.name)))
      } catch {
        throw error.prefixed(options.owner)
      }
    }
    return aliases
  }

  /// Everything in `s` is one namespace, and so is everything a constructor takes.
  private func checkNames() throws(NormaError) {
    var kinds: [String: String] = [:]
    let all =
      schema.hyper.map { ($0.name, "a hyper-parameter") }
      + schema.parameters.map { ($0.name, "a parameter") }
      + schema.buffers.map { ($0.name, "a buffer") } + schema.inputs.map { ($0.name, "an input") }
      + schema.aliases.map { ($0.name, "an alias") }
    for (name, kind) in all {
      guard Self.isWord(name) else {
        throw options.error(
          "'\(name)' cannot be the name of \(kind)", help: "letters, digits and _, no digit first")
      }
      if name == "preset" {
        throw options.error(
          "'preset' is a reserved name", help: "norm.\(schema.name) { preset = ... } names a preset"
        )
      }
      if ["x", "y", "dy"].contains(name) {
        throw options.error(
          "'\(name)' cannot be the name of \(kind): formulas call their tensors so",
          help: "choose another name")
      }
      if let other = kinds[name] {
        throw options.error(
          "'\(name)' is both \(other) and \(kind)",
          help: "s holds them all: give each a name of its own")
      }
      kinds[name] = kind
    }
  }
}

extension StateDeclaration.Initial {
  fileprivate var isNumber: Bool { if case .number = self { true } else { false } }
  fileprivate var isZero: Bool { if case .number(0) = self { true } else { false } }
}
