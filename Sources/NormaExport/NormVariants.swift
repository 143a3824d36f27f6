import NormaCompiler
package import NormaCore
import NormaGraph
package import NormaNorms

/// All forms that a norm's settings give its formula, each traced once.
///
/// Booleans and words are taken in every combination. An integer may have any value where the formula
/// is the same for all of them but for how many groups or chunks there are; else only the one it has.
package struct NormVariants {
  typealias Condition = StoredDefinition.Condition

  struct Variant {
    /// Its conditions, how roles are split, and its formulas among the stored ones.
    let stored: StoredDefinition.Variant
    /// Indices among `programs`.
    let train: Int
    let infer: Int
    /// The roles over which each mode takes variances, of which one value has none.
    let variances: [Mode: Set<RoleSet>]

    /// The same for C: masks for inference, then for training, each list ended by 0.
    var varianceMasks: String {
      let lists = [Mode.infer, .train].map { mode in
        let masks = (variances[mode] ?? []).map(\.rawValue).sorted() + [0]
        return "{" + masks.map { "\($0)" }.joined(separator: ", ") + "}"
      }
      return "{" + lists.joined(separator: ", ") + "}"
    }
  }

  let schema: NormSchema
  /// The distinct formulas, by what their C text says under the name `@`.
  private(set) var programs: [PortableProgram] = []
  private(set) var variants: [Variant] = []
  /// The distinct formulas as data.
  private var formulas: [StoredGraph] = []
  /// The integers that can have one value only.
  private(set) var fixed: [String: Int] = [:]
  /// Whether some formula looks at other samples, or is another in training.
  private(set) var usesBatch = false
  private(set) var differsInTraining = false

  /// The most combinations that are traced.
  static let most = 64
  /// Channels that are tried: rich in divisors, powers of two, primes, few and many.
  private static let channels = [48, 96, 144, 60, 210, 512, 7, 1, 2048]
  /// Where integers are tried: a number that many of them divide.
  private static let divisible = 480
  private static let samples = [2, 3, 4, 6, 8, 1, 5, 16, 32, 96, 160, 480]

  private let definition: NormDefinition
  private let defaults: [String: HyperValue]

  /// Traces a definition; `values` are all its hyper-parameters, resolved.
  ///
  /// - Throws: `usage` for what no library can say, with what it is; what the formula itself throws.
  package init(
    _ definition: NormDefinition, values: [String: HyperValue]
  ) throws(NormaError) {
    self.definition = definition
    schema = definition.schema
    defaults = values
    for state in schema.parameters + schema.buffers
    where ![RoleSet.none, .channel, .group, .member].contains(state.roles) {
      throw refusal("'\(state.name)' varies along (\(state.roles)), which the interface cannot say")
    }
    var options: [[Condition?]] = []
    for parameter in schema.hyper { options.append(try conditions(of: parameter)) }
    let count = options.reduce(1) { min($0 * $1.count, 1 << 20) }
    guard count <= Self.most else {
      throw refusal(
        "its settings have \(count) combinations, and at most \(Self.most) are compiled")
    }
    var combinations: [[Condition?]] = [[]]
    for option in options { combinations = combinations.flatMap { c in option.map { c + [$0] } } }
    var known: [String: Int] = [:]
    do throws(NormaError) {
      for conditions in combinations { try add(conditions, &known) }
    } catch {
      throw error.message.hasPrefix("norm.") ? error : refusal(error.message)
    }
    guard !variants.isEmpty else { throw refusal("none of its settings can be compiled") }
  }

  /// The definition as data.
  package var stored: StoredDefinition {
    StoredDefinition(schema, formulas: formulas, variants: variants.map(\.stored))
  }

  /// The variant that some settings choose; nil where none was compiled for them.
  func variant(for values: [String: HyperValue]) -> Variant? {
    let settings = schema.hyper.map { values[$0.name] }
    return variants.first { variant in
      zip(zip(variant.stored.conditions, settings), schema.hyper).allSatisfy {
        $0.0?.holds($0.1, of: $1) ?? true
      }
    }
  }

  /// The integers among some settings, by index.
  func integers(_ values: [String: HyperValue]) -> [Int: Int] {
    var found: [Int: Int] = [:]
    for (k, parameter) in schema.hyper.enumerated() {
      if case .int(let n)? = values[parameter.name] { found[k] = n }
    }
    return found
  }

  /// The formula for a number of channels.
  func traced(
    _ values: [String: HyperValue], channels: Int, _ mode: Mode
  ) throws(NormaError) -> NormProgram {
    try definition.program(hyper: values, channels: channels, mode: mode, gradient: true)
  }

  private func refusal(_ message: String) -> NormaError {
    NormaError(.usage, "norm.\(schema.name) cannot be compiled: \(message)")
  }

  /// What a hyper-parameter may be.
  private mutating func conditions(of parameter: HyperParameter) throws(NormaError) -> [Condition?]
  {
    switch parameter.kind {
    case .real: return [nil]
    case .bool: return [.bool(false), .bool(true)]
    case .choice(let words): return words.indices.map { .word($0) }
    case .int(_, _, let words):
      var found: [Condition?] = words.indices.map { .word($0) }
      if parameter.defaultValue == .none { found.append(.notGiven) }
      if try isFree(parameter) { return found + [.anyInteger] }
      guard case .int(let value)? = defaults[parameter.name] else { return found }
      fixed[parameter.name] = value
      return found + [.integer(value)]
    }
  }

  /// Whether the formula is the same for all values of an integer, but for sizes.
  private func isFree(_ parameter: HyperParameter) throws(NormaError) -> Bool {
    var values = defaults
    var first: [[Graph.Node]]?
    for n in Self.samples where (try? parameter.checked(.int(n))) != nil {
      values[parameter.name] = .int(n)
      guard let traced = try? graphs(values, channels: Self.divisible) else { continue }
      let nodes = traced.map(\.nodes)
      guard let known = first else {
        first = nodes
        continue
      }
      if !zip(known, nodes).allSatisfy({ Graph.same($0, $1) }) { return false }
    }
    return first != nil
  }

  private func graphs(
    _ values: [String: HyperValue], channels: Int
  ) throws(NormaError) -> [Graph] {
    var found: [Graph] = []
    for mode in [Mode.train, .infer] {
      let program = try definition.program(
        hyper: values, channels: channels, mode: mode, gradient: true)
      guard program.backwardUpdates.isEmpty else {
        throw refusal("backward changes buffers, which the interface leaves to forward")
      }
      found.append(try Graph(program.forwardResults + program.backwardResults))
    }
    return found
  }

  /// Values for some integers, by index: each takes all samples, and no two run in step, so that what
  /// depends on one is never put down to the other.
  private static func combinations(of free: [Int]) -> [[Int: Int]] {
    guard !free.isEmpty else { return [[:]] }
    let count = samples.count
    return (0..<(free.count == 1 ? count : 3 * count)).map { i in
      var values: [Int: Int] = [:]
      for (place, k) in free.enumerated() {
        values[k] = samples[(i * (place + 1) + place * (i / count)) % count]
      }
      return values
    }
  }

  /// Throws where states are kept for each group or member, and how many there are follows from other
  /// than a setting.
  private func requireSayable(_ rule: SizeRule) throws(NormaError) {
    let states = schema.parameters + schema.buffers
    guard let state = states.first(where: { $0.roles == .group || $0.roles == .member }) else {
      return
    }
    if case .setting = rule { return }
    throw refusal(
      "'\(state.name)' is kept for each \(state.roles), and the interface can say how many groups"
        + " there are by an integer setting alone")
  }

  private mutating func add(
    _ conditions: [Condition?], _ known: inout [String: Int]
  ) throws(NormaError) {
    func values(_ integers: [Int: Int]) -> [String: HyperValue] {
      var values = defaults
      for (k, (parameter, condition)) in zip(schema.hyper, conditions).enumerated() {
        switch (condition, parameter.kind) {
        case (.bool(let on)?, _): values[parameter.name] = .bool(on)
        case (.word(let k)?, .choice(let words)), (.word(let k)?, .int(_, _, let words)):
          values[parameter.name] = .choice(words[k])
        case (.notGiven?, _): values[parameter.name] = HyperValue.none
        case (.integer(let n)?, _): values[parameter.name] = .int(n)
        case (.anyInteger?, _): values[parameter.name] = .int(integers[k] ?? 1)
        default: break
        }
      }
      return values
    }
    let free = conditions.indices.filter { conditions[$0] == .anyInteger }
    var groups: [SizeRule.Sample] = []
    var chunks: [SizeRule.Sample] = []
    var base: (values: [String: HyperValue], channels: Int, graphs: [Graph])?
    var failure: NormaError?
    for channels in Self.channels {
      for integers in Self.combinations(of: free) {
        let values = values(integers)
        let traced: [Graph]
        do throws(NormaError) {
          for (parameter, value) in zip(schema.hyper, schema.hyper.map { values[$0.name] }) {
            if let value { _ = try parameter.checked(value) }
          }
          traced = try graphs(values, channels: channels)
        } catch {
          failure = error
          continue
        }
        if let base {
          guard zip(base.graphs, traced).allSatisfy({ Graph.same($0.nodes, $1.nodes) }) else {
            throw refusal(
              "its formula depends on the number of channels, or on two integers at once")
          }
        } else {
          base = (values, channels, traced)
        }
        let splits = traced[0].splits
        groups.append(.init(values: integers, channels: channels, size: splits.groups ?? 1))
        if let size = splits.chunkSize {
          chunks.append(.init(values: integers, channels: channels, size: size))
        }
      }
    }
    guard let base else {
      throw failure ?? refusal("its formula could not be traced")
    }
    guard let groupRule = SizeRule.explaining(groups) else {
      throw refusal("how it finds its number of groups could not be made out")
    }
    try requireSayable(groupRule)
    let chunkRule = SizeRule.explaining(chunks)
    guard chunks.isEmpty || chunkRule != nil else {
      throw refusal("how it finds the samples of a chunk could not be made out")
    }
    var indices: [Int] = []
    var stored: [Int] = []
    var variances: [Mode: Set<RoleSet>] = [:]
    for mode in [Mode.train, .infer] {
      let program = try definition.program(
        hyper: base.values, channels: base.channels, mode: mode, gradient: true)
      let portable = try PortableProgram(program, name: "@")
      if known[portable.text] == nil {
        known[portable.text] = programs.count
        programs.append(portable)
      }
      indices.append(known[portable.text] ?? 0)
      let formula = try StoredGraph(
        definition.graph(hyper: base.values, channels: base.channels, mode: mode))
      stored.append(formulas.firstIndex(of: formula) ?? formulas.count)
      if stored.last == formulas.count { formulas.append(formula) }
      variances[mode] = Set(try program.variances(mode).map(\.roles))
      for node in try Graph(program.forwardResults).nodes {
        if case .reduce(_, let roles) = node.kind, !roles.isDisjoint(with: .batch) {
          usesBatch = true
        }
      }
    }
    if indices[0] != indices[1] { differsInTraining = true }
    variants.append(
      Variant(
        stored: StoredDefinition.Variant(
          conditions: conditions, train: stored[0], infer: stored[1], groups: groupRule,
          chunk: chunkRule, infersInChunks: base.graphs[1].splits.chunkSize != nil),
        train: indices[0], infer: indices[1], variances: variances))
  }
}
