import CLuaShim
public import NormaCore

/// A Lua interpreter for one thread, which needs a stack of at least 1 MiB.
///
/// Scripts see a safe standard library and what the host defines. Errors thrown by host functions
/// pass through Lua unchanged, with the script's line added where they have no place yet.
public final class Interpreter {
  /// What a script may use, and where its output goes.
  public struct Options {
    /// Live bytes of the Lua heap while script code runs; 0 is no limit.
    public var memoryBytes = 1 << 30
    /// Instructions between two calls of the host; 0 is no limit.
    public var instructions: UInt64 = 500_000_000
    /// Seconds of script time, without the time inside host functions; 0 is no limit.
    public var seconds = 2.0
    /// The seed of `math.random`.
    public var randomSeed: UInt64 = 1
    /// Stops the script from outside.
    public var interrupter = Interrupter()
    /// Takes the lines that `print` writes.
    public var print: (String) -> Void = { Swift.print($0) }

    /// Generous limits, and `print` to standard output.
    public init() {}
  }

  /// The options it was made with.
  public let options: Options
  let context: OpaquePointer
  let hosts = HostTable()
  let pool = ReferencePool()
  /// The coroutine now running.
  var state: OpaquePointer
  /// The folder `require` reads from.
  var scriptFolder: String?
  /// The scripts read so far, as they were when they were read.
  public internal(set) var sources: [ScriptSource] = []
  /// The texts run last under each name, for messages about them.
  var texts: [String: String] = [:]
  /// What modules gave, by path.
  var modules: [String: LuaValue] = [:]
  var modulesLoading: [String] = []
  /// The names Lua writes before messages, to the names of the files.
  var chunkNames = ["(load)": "(load)"]
  var depth = 0
  var failure: (place: SourcePlace, traceback: String)?

  /// Makes an interpreter; throws when the machine has no memory for it.
  public init(_ options: Options = Options()) throws(NormaError) {
    let limits = nl_limits(
      memory_bytes: max(0, options.memoryBytes), instructions: options.instructions,
      nanoseconds: UInt64(max(0, min(options.seconds, 1e9)) * 1e9))
    guard
      let context = nl_open(
        limits, options.interrupter.flag, dispatchHostFunction, releaseHostObject,
        Unmanaged.passUnretained(hosts).toOpaque(), options.randomSeed),
      let state = nl_main_state(context)
    else { throw NormaError(.internal, "no memory for a Lua interpreter") }
    self.options = options
    self.context = context
    self.state = state
    hosts.interpreter = self
    try register(ScriptError.type())
    try defineLibrary()
  }

  deinit {
    nl_close(context)
  }

  /// Bytes the Lua heap holds now.
  public var memoryUsed: Int { nl_memory_used(context) }

  /// Runs a full garbage collection, releasing host objects that scripts no longer hold.
  public func collectGarbage() {
    nl_collect(context)
  }

  /// The traceback of the last failure that reached the host, for `--trace`.
  public var lastTraceback: String? { failure?.traceback }

  /// The line now being run in the innermost script function; nil outside scripts.
  public var place: SourcePlace? {
    var source: UnsafePointer<CChar>?
    var count = 0
    var line: Int32 = 0
    guard nl_place(state, &source, &count, &line) else { return nil }
    return SourcePlace(source: source, count: count, line: line)
  }

  /// Runs `body` and leaves the stack as it was.
  func withStack<Result>(
    _ body: (Interpreter, OpaquePointer) throws(NormaError) -> Result
  ) throws(NormaError) -> Result {
    let state = self.state
    let top = nl_top(state)
    defer { nl_set_top(state, top) }
    guard nl_reserve(state, 16) else {
      throw NormaError(.script, "stack overflow", place: place)
    }
    return try body(self, state)
  }
}

extension SourcePlace {
  /// The place from Lua's chunk name, which begins with '@' for files.
  init?(source: UnsafePointer<CChar>?, count: Int, line: Int32) {
    guard let source else { return nil }
    let bytes = UnsafeRawBufferPointer(start: source, count: count)
    let name = String(decoding: bytes, as: UTF8.self)
    self.init(file: name.hasPrefix("@") ? String(name.dropFirst()) : name, line: Int(line))
  }
}
