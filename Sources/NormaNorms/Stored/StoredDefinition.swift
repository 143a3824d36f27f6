import Foundation
package import NormaCore
package import NormaGraph

/// A norm's definition as data: what a library compiled from it carries, so that a host has formula,
/// reference, gradient and claims of it without the script.
package struct StoredDefinition: Codable, Sendable {
  /// What a variant takes for a hyper-parameter that is fixed when a layer is built.
  package enum Condition: Hashable, Codable, Sendable {
    case bool(Bool)
    /// A word, by its index among the choices.
    case word(Int)
    case notGiven
    case anyInteger
    case integer(Int)

    /// Whether a value of the hyper-parameter fulfils it.
    package func holds(_ value: HyperValue?, of parameter: HyperParameter) -> Bool {
      switch (self, value) {
      case (.bool(let a), .bool(let b)?): a == b
      case (.integer(let a), .int(let b)?): a == b
      case (.anyInteger, .int?): true
      case (.notGiven, nil), (.notGiven, HyperValue.none?): true
      case (.word(let k), .choice(let word)?): parameter.words.firstIndex(of: word) == k
      default: false
      }
    }
  }

  /// A formula for some settings.
  package struct Variant: Codable, Sendable {
    /// One a hyper-parameter; nil for real ones.
    package let conditions: [Condition?]
    /// Indices among the formulas.
    package let train: Int
    package let infer: Int
    package let groups: SizeRule
    /// Samples of a chunk; nil where the batch is not split.
    package let chunk: SizeRule?
    /// Whether inference splits the batch too.
    package let infersInChunks: Bool

    package init(
      conditions: [Condition?], train: Int, infer: Int, groups: SizeRule, chunk: SizeRule?,
      infersInChunks: Bool = false
    ) {
      self.conditions = conditions
      self.train = train
      self.infer = infer
      self.groups = groups
      self.chunk = chunk
      self.infersInChunks = infersInChunks
    }
  }

  /// The version of this form.
  private var form = 1
  /// `y`, `buffer:NAME`, `gradient:NAME`.
  private let formulas: [StoredGraph]
  private let variants: [Variant]
  private let claims: Claims
  private let gradient: NormSchema.GradientKind
  private let isForWeights: Bool
  private let presets: [String: [String: HyperValue]]
  private let bounds: [String: Bounds]
  /// The integers that divide the channels, where other settings do not put them out of use.
  private let divisors: [String]

  /// Stores a definition that was traced.
  package init(_ schema: NormSchema, formulas: [StoredGraph], variants: [Variant]) {
    self.formulas = formulas
    self.variants = variants
    claims = schema.claims
    gradient = schema.gradient
    isForWeights = schema.isForWeights
    presets = schema.presets
    divisors = schema.hyper.filter {
      if case .int(_, .channel?, _) = $0.kind { true } else { false }
    }.map(\.name)
    bounds = Dictionary(uniqueKeysWithValues: schema.inputs.map { ($0.name, $0.bounds) })
  }

  private static let (infinity, negative, none) = ("inf", "-inf", "nan")

  /// Reads what `text` wrote.
  ///
  /// - Throws: `data` when it is no definition.
  package init(reading text: String) throws(NormaError) {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: Self.infinity, negativeInfinity: Self.negative, nan: Self.none)
    do {
      self = try decoder.decode(StoredDefinition.self, from: Data(text.utf8))
    } catch {
      throw NormaError(.data, "its text is no definition", underlying: error)
    }
  }

  /// The definition as JSON.
  package func text() throws(NormaError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: Self.infinity, negativeInfinity: Self.negative, nan: Self.none)
    do {
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    } catch {
      throw NormaError(.internal, "the definition cannot be written", underlying: error)
    }
  }

  /// The definition, for the schema that it is kept with.
  ///
  /// - Throws: `data` when it is damaged, or of a later form.
  package func definition(_ plain: NormSchema) throws(NormaError) -> NormDefinition {
    guard form == 1 else {
      throw NormaError(
        .data, "its definition has form \(form), and this Norma reads form 1", help: "update Norma")
    }
    guard variants.allSatisfy({ isSound($0, for: plain) }) else {
      throw NormaError(.data, "its definition does not fit its hyper-parameters")
    }
    // What is damaged is found here, not when a layer is built.
    let leaves = Self.leaves(of: plain)
    for formula in formulas { _ = try formula.expressions(splits: Splits()) { leaves[$0] } }
    var schema = plain
    schema.claims = claims
    schema.gradient = gradient
    schema.isForWeights = isForWeights
    schema.presets = presets
    schema.hyper = plain.hyper.map { parameter in
      guard divisors.contains(parameter.name), case .int(let limits, _, let words) = parameter.kind
      else { return parameter }
      return HyperParameter(
        parameter.name, .int(limits, divides: .channel, words: words),
        default: parameter.defaultValue, doc: parameter.doc)
    }
    schema.inputs = plain.inputs.map {
      InputSpec($0.name, per: $0.roles, bounds: bounds[$0.name] ?? $0.bounds, doc: $0.doc)
    }
    let known = schema
    @Sendable func results(_ context: TraceContext) throws(NormaError) -> [(
      name: String, value: Expr
    )] {
      let values = known.hyper.map { context.hyper[$0.name] }
      let variant = variants.first { variant in
        zip(zip(variant.conditions, values), known.hyper).allSatisfy {
          $0.0?.holds($0.1, of: $1) ?? true
        }
      }
      guard let variant else {
        throw NormaError(.usage, "\(known.name): was not compiled for these settings")
      }
      var integers: [Int: Int] = [:]
      for (k, value) in values.enumerated() {
        if case .int(let n)? = value { integers[k] = n }
      }
      let channels = context.channels
      let groups = variant.groups.size(integers, channels: channels) ?? 1
      let chunk = context.isTraining || variant.infersInChunks ? variant.chunk : nil
      let splits = Splits(
        groups: variant.groups == .fixed(1) ? nil : groups,
        chunkSize: chunk.flatMap { $0.size(integers, channels: channels) })
      let index = context.isTraining ? variant.train : variant.infer
      return try formulas[index].expressions(splits: splits) { leaves[$0] }
    }
    let trace: NormDefinition.Trace = { _, context throws(NormaError) -> Expr in
      let found = try results(context)
      for (name, value) in found where name.hasPrefix("buffer:") {
        // The stored value is the new one itself.
        try context.track(String(name.dropFirst("buffer:".count)), value, momentum: 1)
      }
      guard let y = found.first(where: { $0.name == "y" }) else {
        throw NormaError(.data, "\(known.name): its definition has no 'y'")
      }
      return y.value
    }
    let backward: NormDefinition.BackwardTrace = {
      _, _, context throws(NormaError) -> [String: Expr] in
      var gradients: [String: Expr] = [:]
      for (name, value) in try results(context) where name.hasPrefix("gradient:") {
        gradients[String(name.dropFirst("gradient:".count))] = value
      }
      return gradients
    }
    let isOwn = formulas.contains { $0.has("gradient:") }
    return NormDefinition(schema: known, trace: trace, backward: isOwn ? backward : nil)
  }

  /// All that a formula may refer to, and along which roles it varies.
  private static func leaves(of schema: NormSchema) -> [Expr.Kind: RoleSet] {
    var leaves: [Expr.Kind: RoleSet] = [.input("x"): .all, .outputGradient("y"): .all]
    for input in schema.inputs { leaves[.input(input.name)] = input.roles }
    for state in schema.parameters { leaves[.parameter(state.name)] = state.roles }
    for state in schema.buffers { leaves[.buffer(state.name)] = state.roles }
    for parameter in schema.hyper where parameter.isReal {
      leaves[.hyper(parameter.name)] = RoleSet.none
    }
    return leaves
  }

  private func isSound(_ variant: Variant, for schema: NormSchema) -> Bool {
    func isSetting(_ rule: SizeRule?) -> Bool {
      switch rule {
      case .setting(let k), .channelsBySetting(let k): schema.hyper.indices.contains(k)
      default: true
      }
    }
    return variant.conditions.count == schema.hyper.count
      && [variant.train, variant.infer].allSatisfy(formulas.indices.contains)
      && isSetting(variant.groups) && isSetting(variant.chunk)
  }
}

extension HyperParameter {
  /// The words it accepts.
  package var words: [String] {
    switch kind {
    case .choice(let words), .int(_, _, let words): words
    case .real, .bool: []
    }
  }
}
