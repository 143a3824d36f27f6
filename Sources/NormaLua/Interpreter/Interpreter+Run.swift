import CLuaShim
import Foundation
public import NormaCore

extension Interpreter {
  /// Runs a script file; `require` then reads beside it. Returns what the script returns. Messages show
  /// the file's name, or the given one.
  ///
  /// Throws `input_missing` when the file cannot be read, `script` with `file:line` for its errors.
  @discardableResult
  public func run(file path: String, as name: String? = nil) throws(NormaError) -> [LuaValue] {
    let url = URL(fileURLWithPath: path)
    let name = name ?? url.lastPathComponent
    let text = try readScript(path, name: name)
    scriptFolder = url.deletingLastPathComponent().path
    return try run(text: text, name: name)
  }

  /// Runs script text under the file name that messages shall show.
  @discardableResult
  public func run(text: String, name: String) throws(NormaError) -> [LuaValue] {
    beginRun()
    return try withStack { interpreter, state throws(NormaError) in
      try interpreter.load(text, name: name, on: state)
      return try interpreter.callTop([], on: state)
    }
  }

  /// What keeps the text from being compiled; nil when nothing does. Nothing is run.
  public func syntaxError(in text: String, name: String) -> NormaError? {
    do throws(NormaError) {
      try withStack { interpreter, state throws(NormaError) in
        try interpreter.load(text, name: name, on: state)
      }
      return nil
    } catch {
      return error
    }
  }

  /// Forgets why an earlier run was stopped, when this is a new one.
  func beginRun() {
    guard depth == 0 else { return }
    freeReleased()
    nl_reset_stop(context)
    failure = nil
  }

  /// Compiles text and leaves the function on top of the stack.
  private func load(_ text: String, name: String, on state: OpaquePointer) throws(NormaError) {
    chunkNames[shortName(name)] = name
    texts[name] = text
    var text = text.hasPrefix("#") ? "--" + text : text
    let status = text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        nl_load(state, $0.baseAddress, $0.count, "@" + name)
      }
    }
    guard status == NL_OK else { throw takeError(status, on: state) }
  }

  /// The name as Lua shortens it before its messages: the last 56 bytes of a long one.
  private func shortName(_ name: String) -> String {
    guard name.utf8.count > 59 else { return name }
    return "..." + String(decoding: name.utf8.suffix(56), as: UTF8.self)
  }

  private func readScript(_ path: String, name: String) throws(NormaError) -> String {
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      let text = String(decoding: data, as: UTF8.self)
      sources.append(ScriptSource(name: name, path: path, text: text))
      return text
    } catch {
      throw NormaError(
        .inputMissing, "cannot read the script '\(path)'",
        help: FileManager.default.fileExists(atPath: path)
          ? "is it a readable file?" : "there is no such file; check the path", underlying: error)
    }
  }

  /// What `require(name)` gives: the value of the module, run once.
  func require(_ name: String) throws(NormaError) -> LuaValue {
    let allowed = name.utf8.allSatisfy { byte in
      byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte & 0xDF)
    }
    guard allowed, !name.isEmpty, !name.hasPrefix("."), !name.hasSuffix("."), !name.contains("..")
    else {
      throw NormaError(
        .script, "require: '\(name)' is no module name",
        help: "letters, digits and _; dots for folders: require \"lib.norms\"")
    }
    let relative = name.replacingOccurrences(of: ".", with: "/") + ".lua"
    let path = try pathBesideScript(relative, "require", missing: "no module '\(name)'")
    // By path: scripts of two folders may each have a module of that name.
    if let known = modules[path] { return known }
    guard !modulesLoading.contains(name) else {
      let ring = (modulesLoading + [name]).joined(separator: " > ")
      throw NormaError(.script, "require: modules need each other: \(ring)")
    }
    let text = try readScript(path, name: relative)
    modulesLoading.append(name)
    defer { modulesLoading.removeLast() }
    let value = try run(text: text, name: relative).first ?? .bool(true)
    let result = value.isNil ? .bool(true) : value
    modules[path] = result
    return result
  }

  /// The real path of a file; throws when it is missing or leads out of the script's folder.
  func pathBesideScript(
    _ relative: String, _ function: String, missing: String
  ) throws(NormaError) -> String {
    let base = URL(fileURLWithPath: scriptFolder ?? FileManager.default.currentDirectoryPath)
      .resolvingSymlinksInPath().path
    let file = URL(fileURLWithPath: base).appendingPathComponent(relative)
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw NormaError(
        .script, "\(function): \(missing): there is no \(relative) beside the script")
    }
    let real = file.resolvingSymlinksInPath().path
    guard real.hasPrefix(base.hasSuffix("/") ? base : base + "/") else {
      throw NormaError(.script, "\(function): '\(relative)' lies outside the script's folder")
    }
    return real
  }

  func defineLibrary() throws(NormaError) {
    try register(HostClosure.type())
    try define("require") { call throws(NormaError) in
      [try call.interpreter.require(try call.value(0, "name"))]
    }
    try define("print") { call throws(NormaError) in
      var parts: [String] = []
      for argument in call.arguments {
        // A script's own text as it is: describing it would only copy it.
        if case .string(let text) = argument {
          parts.append(text)
        } else {
          parts.append(try call.interpreter.describe(argument))
        }
      }
      call.interpreter.options.print(parts.joined(separator: "\t"))
      return []
    }
  }
}
