public import NormaCore
public import NormaNorms

/// What a run of scripts needs: an interpreter, the registry scripts add norms to, and the globals.
///
/// It belongs to the thread that made it: formulas of its scripts are traced there and nowhere else,
/// so layers and models that use them for the first time are built on that thread too.
public final class ScriptSession {
  /// Registers further globals, such as `nn` and `experiment`.
  public typealias Extension = (ScriptSession) throws(NormaError) -> Void

  /// The interpreter scripts run in.
  public let interpreter: Interpreter
  /// The norms that scripts see and add to.
  public let registry: NormRegistry
  /// The tests that scripts declare.
  public let tests = ScriptTests()

  /// Makes a session with the globals `norm`, `tensor`, `where`, `test` and `expect`.
  ///
  /// - Parameters:
  ///   - options: limits, where `print` goes, and what stops a script.
  ///   - triesDefinitions: whether `norm.define` builds a norm in both modes, so that its mistakes show
  ///     there and not where it is first used.
  ///   - extensions: run in order, once the session's own globals exist.
  public init(
    registry: NormRegistry = .builtIn(), options: Interpreter.Options = Interpreter.Options(),
    triesDefinitions: Bool = true, extensions: [Extension] = []
  ) throws(NormaError) {
    interpreter = try Interpreter(options)
    self.registry = registry
    try TracedTensor.register(in: interpreter)
    try ScriptTensor.register(in: interpreter)
    try NormLibrary(registry: registry, triesDefinitions: triesDefinitions).register(
      in: interpreter)
    try tests.register(in: interpreter)
    for extend in extensions { try extend(self) }
  }

  /// Runs a script file, and what it requires beside it; returns what it returns.
  ///
  /// - Throws: `input_missing` when it cannot be read; its own errors with `file:line`.
  @discardableResult
  public func run(file path: String) throws(NormaError) -> [LuaValue] {
    try interpreter.run(file: path)
  }

  /// Runs the text of a script under a file's name.
  @discardableResult
  public func run(text: String, name: String) throws(NormaError) -> [LuaValue] {
    try interpreter.run(text: text, name: name)
  }

  /// Runs a script file that messages shall call by another name.
  @discardableResult
  func run(file path: String, as name: String) throws(NormaError) -> [LuaValue] {
    try interpreter.run(file: path, as: name)
  }

  /// Runs scripts that define things, in order: what `--script` names.
  public func load(scripts paths: [String]) throws(NormaError) {
    for path in paths { try run(file: path) }
  }

  /// The norm that a value of a script names: `"group"`, `norm.group`, or `norm.group { groups = 8 }`.
  ///
  /// - Parameter owner: who asks, first words of the message: "model".
  /// - Throws: `script` when it is something else, `usage` for an unknown name.
  public func normSpec(_ value: LuaValue, owner: String) throws(NormaError) -> NormSpec {
    if let boxed = Boxed<NormSpec>.from(lua: value) { return boxed.value }
    if let constructor = NormConstructor.from(lua: value) {
      return NormSpec(constructor.name, place: interpreter.place)
    }
    guard case .string(let name) = value else {
      throw NormaError(
        .script, "\(owner): a norm is expected, got \(value.quoted)",
        help: "write \"group\", or norm.group { groups = 8 }")
    }
    if name != NormSpec.noneName { _ = try registry.entry(name) }
    return NormSpec(name, place: interpreter.place)
  }

  /// The scripts read so far, modules included, as they were when they were read.
  public var sources: [ScriptSource] { interpreter.sources }
}

/// A script as it was read.
public struct ScriptSource: Sendable, Hashable {
  /// The name in messages: the file's, or a module's path beside the script.
  public let name: String
  /// Where it was read from.
  public let path: String
  /// Its text.
  public let text: String
}
