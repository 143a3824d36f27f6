import NormaCore
public import NormaNorms

/// The global `norm`: declarations, `norm.define`, and a constructor for every norm of the registry.
struct NormLibrary {
  /// Names that no norm can have, for they are functions of `norm`.
  static let reserved = ["define"] + Declarations.names

  private let registry: NormRegistry

  private let triesDefinitions: Bool

  init(registry: NormRegistry, triesDefinitions: Bool) {
    self.registry = registry
    self.triesDefinitions = triesDefinitions
  }

  func register(in interpreter: Interpreter) throws(NormaError) {
    try interpreter.register(FormulaSettings.type())
    try interpreter.register(Mode.type())
    try interpreter.register(Dimensions.type())
    try interpreter.register(NormConstructor.type(registry))
    try interpreter.register(NormSpec.type(registry))
    try Declarations().register(in: interpreter)
    let (registry, tries) = (self.registry, triesDefinitions)
    try interpreter.define("norm.define") { call throws(NormaError) in
      try Self.define(call, in: registry, tries: tries)
      return []
    }
    try interpreter.namespace(
      "norm",
      missing: { name, _ throws(NormaError) in
        if Suggestion.nearest(to: name, among: registry.names) == nil,
          let word = Suggestion.nearest(to: name, among: Self.reserved)
        {
          throw NormaError(.script, "norm has no '\(name)'; did you mean '\(word)'?")
        }
        if name != NormSpec.noneName { _ = try registry.entry(name) }
        return .object(NormConstructor(name))
      })
  }

  private static func define(
    _ call: CallContext, in registry: NormRegistry, tries: Bool
  ) throws(NormaError) {
    var reader = try DefinitionReader(call)
    let owner = reader.options.owner
    let place = call.place ?? SourcePlace(file: "script", line: 0)
    let entry = NormEntry(try reader.read(), source: .script(place))
    if tries {
      var trial = DefinitionTrial(entry)
      try trial.run()
    }
    do throws(NormaError) {
      try registry.register(entry, replace: try reader.replace)
    } catch {
      throw error.prefixed(owner)
    }
  }
}

/// What `norm.group` is: call it with settings for a norm; as it stands it means the defaults.
final class NormConstructor: HostObject {
  static let luaName = "norm constructor"
  let name: String

  init(_ name: String) {
    self.name = name
  }

  static func type(_ registry: NormRegistry) -> HostType<NormConstructor> {
    let type = HostType<NormConstructor>()
    type.call { constructor, call throws(NormaError) in
      let spec = try constructor.spec(call.renamed("norm.\(constructor.name)"), registry)
      return [.object(Boxed(spec))]
    }
    type.describe { "norm.\($0.name)" }
    // As it stands it means the defaults.
    NormSpec.addTrials(to: type, registry) { NormSpec($0.name) }
    return type
  }

  private func spec(
    _ call: CallContext, _ registry: NormRegistry
  ) throws(NormaError) -> NormSpec {
    let options = try call.options()
    if let item = options.items.first {
      throw options.error(
        "settings are named, got \(item.quoted)",
        help: "write \(call.function) { epsilon = 1e-5 }, or \(call.function)()")
    }
    var hyper: [String: HyperValue] = [:]
    for field in options.names where field != "preset" {
      guard let value = options[field].hyperValue else {
        throw options.error(
          "'\(field)' must be a number, a boolean or a word, got \(options[field].quoted)")
      }
      hyper[field] = value
    }
    let spec = NormSpec(
      name, hyper, preset: try options.optional("preset"), place: call.place)
    if name == NormSpec.noneName {
      try options.rejectUnknown(known: [], noun: "hyper-parameter")
    } else {
      _ = try registry.entry(name).schema.resolve(hyper, preset: spec.preset)
    }
    return spec
  }
}

extension NormSpec: HostNamed {
  /// What messages call a norm.
  public static var luaName: String { "norm" }
}
