import CLuaShim
public import NormaCore

/// A host function: it reads its arguments from the call and returns the results.
public typealias HostFunction = (CallContext) throws(NormaError) -> [LuaValue]

/// What a registered type needs once its class is erased.
struct ErasedType {
  let name: String
  let matches: (any HostObject) -> Bool
  let restore: (UnsafeMutableRawPointer) -> any HostObject
  let byteCount: (any HostObject) -> Int
}

/// The host's side of an interpreter: what the C trampoline finds by number.
final class HostTable {
  struct Entry {
    let name: String
    let skipped: Int32
    let body: HostFunction
  }

  var functions: [Entry] = []
  var types: [ErasedType] = []
  private var typeNumbers: [ObjectIdentifier: Int32] = [:]
  // SAFETY: the interpreter owns this table and closes Lua, the only caller, before it goes.
  unowned(unsafe) var interpreter: Interpreter?

  /// Adds a function; `skipped` leading arguments are hidden from it.
  func add(_ name: String, skipping skipped: Int32 = 0, _ body: @escaping HostFunction) -> Int32 {
    functions.append(Entry(name: name, skipped: skipped, body: body))
    return Int32(functions.count - 1)
  }

  func type(of object: any HostObject) -> Int32? {
    let id = ObjectIdentifier(Swift.type(of: object))
    if let known = typeNumbers[id] { return known }
    guard let found = types.firstIndex(where: { $0.matches(object) }) else { return nil }
    typeNumbers[id] = Int32(found)
    return Int32(found)
  }
}

/// The one function C calls; it must return normally, for an error is raised by C afterwards.
let dispatchHostFunction: nl_host_function = { state, selector, user in
  guard let state, let user else { return 0 }
  let hosts = Unmanaged<HostTable>.fromOpaque(user).takeUnretainedValue()
  guard let interpreter = hosts.interpreter, hosts.functions.indices.contains(Int(selector))
  else { return 0 }
  return interpreter.dispatch(hosts.functions[Int(selector)], on: state)
}

let releaseHostObject: nl_release_function = { object in
  guard let object else { return }
  Unmanaged<AnyObject>.fromOpaque(object).release()
}

extension Interpreter {
  func dispatch(_ entry: HostTable.Entry, on state: OpaquePointer) -> Int32 {
    let before = self.state
    self.state = state
    defer {
      freeReleased()
      self.state = before
    }
    do throws(NormaError) {
      let call = CallContext(
        interpreter: self, state: state, base: entry.skipped,
        count: max(0, Int(nl_top(state) - entry.skipped)), function: entry.name)
      let results = try entry.body(call)
      for result in results { try push(result, on: state) }
      return Int32(results.count)
    } catch {
      var error = error
      // What would be a wrong command line is a wrong script here.
      if error.code == .usage { error.code = .script }
      pushError(error.at(place), on: state)
      return -1
    }
  }
}
