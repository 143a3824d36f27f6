import Foundation
import NormaCompiler
import NormaCore
import NormaGraph
import NormaNorms

/// The C text of a compiled plugin: the programs of a norm, its descriptor, and the functions between.
struct PluginText {
  /// A processor that code is made for.
  struct Level {
    /// What stands behind the names of its tables.
    let suffix: String
    /// What the compiler is told.
    let flags: [String]
    /// The feature words that it needs, as C.
    let features: String
    /// Floats of a vector.
    let lanes: Int
  }

  /// One file of C.
  struct Unit {
    let text: String
    let flags: [String]
  }

  let variants: NormVariants
  let identity: Identity
  /// Processors, the best first; the last is what the library needs.
  let levels: [Level]
  /// Tensors of which each gets machine code of its own.
  let layouts: [TensorLayout]
  /// Default values, resolved.
  let values: [String: HyperValue]
  /// The formula, for people.
  let formula: String
  /// The definition as data.
  let definition: String

  private var schema: NormSchema { variants.schema }

  /// What a library says of itself.
  struct Identity {
    /// The norm's, `vendor/name`.
    let norm: String
    /// The plugin's, reverse DNS.
    let plugin: String
    let version: String
    let license: String
    let build: String
  }

  /// The files: general code and machine code for each processor, the best first, and what holds them
  /// together.
  func units() throws(NormaError) -> (sources: [Unit], shapes: [[Int]: Set<Mode>]) {
    var units: [Unit] = []
    var shapes: [[Int]: Set<Mode>] = [:]
    for level in levels {
      units.append(Unit(text: programs(level), flags: level.flags))
      let (text, found) = try natives(level)
      shapes = found
      units.append(Unit(text: text, flags: level.flags + Self.nativeFlags))
    }
    return (units + [Unit(text: try shell(), flags: levels.last?.flags ?? [])], shapes)
  }

  /// What text of the native executor is compiled with besides.
  #if arch(x86_64)
    private static let nativeFlags = ["-ffp-contract=fast", "-mprefer-vector-width=512"]
  #else
    private static let nativeFlags = ["-ffp-contract=fast"]
  #endif

  private func programs(_ level: Level) -> String {
    var lines = [PortableText.prelude, PluginShell.types]
    let names = variants.programs.indices.map { "p\($0)\(level.suffix)" }
    for (program, name) in zip(variants.programs, names) {
      lines.append(program.text.replacing("@", with: name))
    }
    lines.append("const program programs\(level.suffix)[] = {")
    for name in names {
      lines.append(
        "  {\(name)_saved, \(name)_forward_memory, \(name)_forward, \(name)_backward_memory,"
          + " \(name)_backward},")
    }
    return (lines + ["};", ""]).joined(separator: "\n")
  }

  private func natives(
    _ level: Level
  ) throws(NormaError) -> (text: String, shapes: [[Int]: Set<Mode>]) {
    var shapes: [[Int]: Set<Mode>] = [:]
    var lines = [PortableText.nativePrelude(lanes: level.lanes), PluginShell.natives]
    var table: [String] = []
    for layout in layouts {
      for mode in [Mode.train, .infer] {
        guard let variant = variants.variant(for: values) else { continue }
        let number = mode == .train ? variant.train : variant.infer
        let name = "n\(table.count)\(level.suffix)"
        let program = try variants.traced(values, channels: layout.channelCount, mode)
        guard
          let special = try NativeSpecial(
            program, layout: layout, lanes: level.lanes, name: name)
        else { continue }
        shapes[layout.shape, default: []].insert(mode)
        lines.append(special.text)
        table.append("{\(number), &\(name)},")
      }
    }
    lines.append(
      "const native natives\(level.suffix)[] = {\((table + ["{0}"]).joined(separator: " "))};")
    lines.append("const int native_count\(level.suffix) = \(table.count);")
    return ((lines + [""]).joined(separator: "\n"), shapes)
  }

  private func shell() throws(NormaError) -> String {
    var lines = [
      "#include \"norma_plugin.h\"", "#include <stdio.h>", PortableText.prelude, PluginShell.types,
      PortableText.nativeTypes, PluginShell.natives, PluginShell.level,
    ]
    for level in levels {
      let suffix = level.suffix
      lines.append(
        "extern const program programs\(suffix)[]; extern const native natives\(suffix)[];"
          + " extern const int native_count\(suffix);")
    }
    lines.append("static const level levels[] = {")
    for level in levels {
      let suffix = level.suffix
      lines.append(
        "  {\(level.features), programs\(suffix), natives\(suffix), &native_count\(suffix)},")
    }
    lines += [
      "};", "static const level *choose(const norma_host *host) {", "  const level *l = levels;",
      "  while ((host->cpu_features & l->features) != l->features) l++;", "  return l;", "}", "",
    ]
    let (arrays, constraintCount) = try descriptor()
    lines += variantTable() + arrays
    lines += [PluginShell.functions, tables(constraintCount), PluginShell.entry]
    return lines.joined(separator: "\n")
  }

  // MARK: variants

  private func variantTable() -> [String] {
    let count = max(schema.hyper.count, 1)
    var lines = ["static const variant variants[] = {"]
    for variant in variants.variants {
      let conditions = variant.stored.conditions.map { condition in
        switch condition {
        case nil: "{NORMA_F64, 1, 0}"
        case .bool(let on)?: "{NORMA_BOOL, 0, \(on ? 1 : 0)}"
        case .word(let k)?: "{NORMA_CHOICE, 0, \(k)}"
        case .notGiven?: "{NORMA_NONE, 1, 0}"
        case .anyInteger?: "{NORMA_I64, 1, 0}"
        case .integer(let n)?: "{NORMA_I64, 0, \(n)}"
        }
      }
      lines.append(
        "  {{\(conditions.isEmpty ? "{0}" : conditions.joined(separator: ", "))}, \(variant.train),"
          + " \(variant.infer), \(variant.stored.groups.text),"
          + " \(variant.stored.chunk?.text ?? "{RULE_NONE, 0}"), \(variant.stored.infersInChunks ? 1 : 0), \(variant.varianceMasks)},"
      )
    }
    lines.append("};")
    return ["#define HYPERS \(count)", PluginShell.variant] + lines
  }

  // MARK: the descriptor

  private func descriptor() throws(NormaError) -> (lines: [String], constraints: Int) {
    var lines: [String] = []
    var hypers: [String] = []
    var constraints: [String] = []
    for parameter in schema.hyper {
      var fields = [
        "sizeof(norma_hyper)", ".name = \(Self.literal(parameter.name))",
        ".doc = \(Self.literal(parameter.doc.isEmpty ? parameter.rangeText : parameter.doc))",
      ]
      let value = values[parameter.name] ?? parameter.defaultValue
      var words: [String] = []
      var bounds = Bounds()
      switch parameter.kind {
      case .real(let limits):
        bounds = limits
        fields.append(".kind = NORMA_F64")
      case .int(let limits, let divides, let names):
        (bounds, words) = (limits, names)
        fields.append(".kind = NORMA_I64")
        if divides == .channel, dividesAlways(parameter) {
          let isGroups = groupSetting == parameter.name
          constraints.append(
            "{sizeof(norma_constraint), \(isGroups ? "NORMA_CONSTRAINT_IS_GROUP_COUNT" : "0"),"
              + " NORMA_CONSTRAINT_DIVIDES, 0, \(Self.literal(parameter.name)), {NULL, 0}, NULL}")
        }
        if let only = variants.fixed[parameter.name] {
          bounds = Bounds(min: Double(only), max: Double(only))
        }
      case .bool: fields.append(".kind = NORMA_BOOL")
      case .choice(let names):
        words = names
        fields.append(".kind = NORMA_CHOICE")
      }
      if groupSetting == parameter.name, !isDivisor(parameter), hasGroupStates {
        constraints.append(
          "{sizeof(norma_constraint), NORMA_CONSTRAINT_IS_GROUP_COUNT, NORMA_CONSTRAINT_DIVIDES, 0,"
            + " \(Self.literal(parameter.name)), {NULL, 0}, NULL}")
      }
      fields.append(".default_value = \(Self.value(value, words))")
      var flags: [String] = []
      if let lower = bounds.lower {
        fields.append(".minimum = \(PortableText.number(lower))")
        flags.append("NORMA_HYPER_HAS_MINIMUM")
        if bounds.lowerExcluded { flags.append("NORMA_HYPER_MINIMUM_EXCLUDED") }
      }
      if let upper = bounds.upper {
        fields.append(".maximum = \(PortableText.number(upper))")
        flags.append("NORMA_HYPER_HAS_MAXIMUM")
        if bounds.upperExcluded { flags.append("NORMA_HYPER_MAXIMUM_EXCLUDED") }
      }
      if !flags.isEmpty { fields.append(".flags = \(flags.joined(separator: " | "))") }
      if !words.isEmpty {
        lines.append(Self.strings("words_\(parameter.name)", words))
        fields += [".choices = words_\(parameter.name)", ".choice_count = \(words.count)"]
      }
      let aliases = schema.aliases.filter { $0.target == parameter.name && $0.isPlain }.map(\.name)
      if !aliases.isEmpty {
        lines.append(Self.strings("aliases_\(parameter.name)", aliases))
        fields += [".aliases = aliases_\(parameter.name)", ".alias_count = \(aliases.count)"]
      }
      hypers.append("{\(fields.joined(separator: ", "))}")
    }
    lines += Self.array("norma_hyper hypers", hypers)
    lines += Self.array("norma_constraint constraints", constraints)
    var states: [String] = []
    for (state, isParameter) in schema.parameters.map({ ($0, true) })
      + schema.buffers.map({ ($0, false) })
    {
      states.append(try self.state(state, isParameter: isParameter))
    }
    lines += Self.array("norma_state states", states)
    let inputs = schema.inputs.map { input in
      "{sizeof(norma_input), .name = \(Self.literal(input.name)), .doc = \(Self.literal(input.doc)),"
        + " .roles = \(Self.roles(input.roles))}"
    }
    lines += Self.array("norma_input inputs", inputs)
    lines.append(
      "enum { PARAMETERS = \(schema.parameters.count), BUFFERS = \(schema.buffers.count),")
    lines.append("  INPUTS = \(1 + schema.inputs.count), STATES = PARAMETERS + BUFFERS };")
    let whens = (schema.parameters + schema.buffers).map { state in
      state.when.flatMap { name in schema.hyper.firstIndex { $0.name == name } } ?? -1
    }
    lines.append("/* The boolean without which a state is absent, by its index. */")
    lines.append(
      "static const int when[] = {\((whens + [-1]).map(String.init).joined(separator: ", "))};")
    let fullness = [1] + schema.inputs.map { $0.roles == .all ? 1 : 0 }
    lines.append(
      "static const int is_full[] = {\(fullness.map(String.init).joined(separator: ", "))};")
    return (lines, constraints.count)
  }

  private func isDivisor(_ parameter: HyperParameter) -> Bool {
    guard case .int(_, .channel?, _) = parameter.kind else { return false }
    return dividesAlways(parameter)
  }

  /// Whether an integer is the number of groups whatever the other settings are: only then must it
  /// divide the channels.
  private func dividesAlways(_ parameter: HyperParameter) -> Bool {
    guard let k = schema.hyper.firstIndex(where: { $0.name == parameter.name }) else {
      return false
    }
    return variants.variants.allSatisfy {
      $0.stored.conditions[k] != .anyInteger || $0.stored.groups == .setting(k)
    }
  }

  private var hasGroupStates: Bool {
    (schema.parameters + schema.buffers).contains { $0.roles == .group || $0.roles == .member }
  }

  /// The integer that says how many groups there are, where one does.
  private var groupSetting: String? {
    for variant in variants.variants {
      if case .setting(let k) = variant.stored.groups { return schema.hyper[k].name }
    }
    return nil
  }

  private func state(_ state: StateSpec, isParameter: Bool) throws(NormaError) -> String {
    let role =
      switch state.role {
      case .gain: "NORMA_STATE_GAIN"
      case .shift: "NORMA_STATE_SHIFT"
      case .weight: "NORMA_STATE_WEIGHT"
      case .runningStatistic: "NORMA_STATE_RUNNING"
      case .counter: "NORMA_STATE_COUNTER"
      }
    var fields = [
      "sizeof(norma_state)", ".name = \(Self.literal(state.name))",
      ".doc = \(Self.literal(state.doc))", ".role = \(role)",
      ".roles = \(Self.roles(state.roles))", ".version = \(schema.version)",
      ".merge = \(isParameter ? "NORMA_MERGE_NONE" : "NORMA_MERGE_WEIGHTED")",
    ]
    switch state.initial {
    case .number(let value): fields.append(".initial_factor = \(PortableText.number(value))")
    case .hyper(let name): fields.append(".initial_hyper = \(Self.literal(name))")
    case .function(let value):
      let (factor, power) = try Self.power(value, of: state, in: schema.name)
      fields += [".initial_factor = \(factor)", ".initial_power = \(power)"]
    }
    if let when = state.when { fields.append(".when = \(Self.literal(when))") }
    return "{\(fields.joined(separator: ", "))}"
  }

  /// An initial value as a factor times a power of the channels.
  static func power(
    _ value: (Dimensions) throws(NormaError) -> Double, of state: StateSpec, in norm: String
  ) throws(NormaError) -> (factor: Double, power: Double) {
    var samples: [(channels: Double, value: Double)] = []
    for channels in [16, 64, 144] {
      for groups in [1, 2] {
        let found = try value(Dimensions(channel: channels, group: groups))
        samples.append((Double(channels), found))
      }
    }
    for power in [0, 0.5, -0.5, 1, -1, 2, -2] {
      let factors = samples.map { $0.value / pow($0.channels, power) }
      let factor = factors[0]
      if factors.allSatisfy({ abs($0 - factor) <= 1e-12 * abs(factor) }) { return (factor, power) }
    }
    throw NormaError(
      .usage,
      "norm.\(norm) cannot be compiled: '\(state.name)' starts at a value the interface cannot say",
      help: "a number, a hyper-parameter, or a number times a power of the channels")
  }

  private func tables(_ constraintCount: Int) -> String {
    var capabilities: [String] = []
    if variants.usesBatch { capabilities.append("NORMA_CAN_BATCH_STATISTICS") }
    if variants.differsInTraining { capabilities.append("NORMA_CAN_DIFFER_IN_INFER") }
    if schema.gradient != .derivative { capabilities.append("NORMA_CAN_PARTIAL_GRADIENT") }
    return """
      static const char definition_text[] = \(Self.quoted(definition));
      #define NORM_ID \(Self.literal(identity.norm))
      #define NORM_SUMMARY \(Self.literal(schema.summary.isEmpty ? lastLine : schema.summary))
      #define NORM_FORMULA \(Self.literal(formula))
      #define NORM_PAPER \(Self.literal(schema.paper))
      #define NORM_SINCE \(Self.literal(identity.version))
      #define NORM_SCHEMA \(schema.version)
      #define NORM_HYPERS \(schema.hyper.isEmpty ? "NULL" : "hypers"), \
      \(constraintCount == 0 ? "NULL" : "constraints"), \(stateCount == 0 ? "NULL" : "states"), \
      \(schema.inputs.isEmpty ? "NULL" : "inputs"), \(schema.hyper.count), \(constraintCount), \
      \(stateCount), \(schema.inputs.count)
      #define NORM_CAPABILITIES (\(capabilities.isEmpty ? "0" : capabilities.joined(separator: " | ")))
      #define NORM_CPU (\(levels.last?.features ?? "0"))
      #define PLUGIN_ID \(Self.literal(identity.plugin))
      #define PLUGIN_VERSION \(Self.literal(identity.version))
      #define PLUGIN_LICENSE \(Self.literal(identity.license))
      #define PLUGIN_BUILD \(Self.literal(identity.build))

      """
  }

  /// The last line of the formula: what stands for a summary that is missing.
  private var lastLine: String { formula.split(separator: "\n").last.map(String.init) ?? "" }

  private var stateCount: Int { schema.parameters.count + schema.buffers.count }
  // MARK: words of C

  private static func roles(_ roles: RoleSet) -> String {
    var names: [String] = []
    if !roles.isDisjoint(with: .batch) { names.append("NORMA_ROLE_BATCH") }
    if roles.contains(.space) { names.append("NORMA_ROLE_SPACE") }
    if roles.contains(.channel) {
      names.append("NORMA_ROLE_CHANNEL")
    } else if roles.contains(.group) {
      names.append("NORMA_ROLE_GROUP")
    } else if roles.contains(.member) {
      names.append("NORMA_ROLE_MEMBER")
    }
    return names.isEmpty ? "0" : names.joined(separator: " | ")
  }

  private static func value(_ value: HyperValue, _ words: [String]) -> String {
    switch value {
    case .real(let v): "{.kind = NORMA_F64, .real = \(PortableText.number(v))}"
    case .ramp(let ramp): "{.kind = NORMA_F64, .real = \(PortableText.number(ramp.first))}"
    case .int(let v): "{.kind = NORMA_I64, .integer = \(v)}"
    case .bool(let v): "{.kind = NORMA_BOOL, .integer = \(v ? 1 : 0)}"
    case .choice(let word):
      "{.kind = NORMA_CHOICE, .integer = \(words.firstIndex(of: word) ?? 0), .text ="
        + " \(literal(word))}"
    case .none: "{.kind = NORMA_NONE}"
    }
  }

  private static func array(_ declaration: String, _ elements: [String]) -> [String] {
    elements.isEmpty
      ? []
      : ["static const \(declaration)[] = {"] + elements.map { "  \($0)," } + ["};"]
  }

  private static func strings(_ name: String, _ words: [String]) -> String {
    "static const norma_string \(name)[] = {\(words.map(literal).joined(separator: ", "))};"
  }

  /// Text as a norma_string; whatever is no plain letter goes by its octal number.
  static func literal(_ text: String) -> String {
    "{\(quoted(text)), \(text.utf8.count)}"
  }

  static func quoted(_ text: String) -> String {
    let letters = text.utf8.map { byte -> String in
      let isPlain = (32...126).contains(byte) && byte != 34 && byte != 92 && byte != 63
      if isPlain { return String(UnicodeScalar(byte)) }
      let octal = String(byte, radix: 8)
      return "\\" + String(repeating: "0", count: 3 - octal.count) + octal
    }
    return "\"" + letters.joined() + "\""
  }
}

extension Alias {
  /// Whether it is another name and nothing else.
  var isPlain: Bool {
    [HyperValue.real(0.25), .real(0.75), .int(3), .bool(true)].allSatisfy { value in
      guard let found = try? transform(value) else { return true }
      return found == value
    }
  }
}

extension SizeRule {
  /// Which case it is and its number: the struct `rule`.
  fileprivate var text: String {
    switch self {
    case .fixed(let n): "{RULE_FIXED, \(n)}"
    case .setting(let k): "{RULE_SETTING, \(k)}"
    case .channels: "{RULE_CHANNELS, 0}"
    case .channelsBySetting(let k): "{RULE_CHANNELS_BY_SETTING, \(k)}"
    case .commonDivisor(let n): "{RULE_COMMON_DIVISOR, \(n)}"
    }
  }
}
