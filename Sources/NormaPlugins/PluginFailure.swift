import CNormaABI
import CSystem
import Glibc
import NormaCore

/// Which plugin speaks, and the names its indices stand for.
///
/// SAFETY: the C texts are written once and never freed, since libraries are never unloaded.
final class Speaker: @unchecked Sendable {
  /// The norm's id, or the library's path while it is loaded.
  let name: String
  /// The plugin's id, when known.
  let plugin: String
  let hypers: [String]
  let inputs: [String]
  let states: [String]
  private let who: UnsafeMutablePointer<CChar>?
  private let more: UnsafeMutablePointer<CChar>?

  init(
    name: String, plugin: String, path: String, hypers: [String] = [], inputs: [String] = [],
    states: [String] = []
  ) {
    self.name = name
    self.plugin = plugin
    self.hypers = hypers
    self.inputs = inputs
    self.states = states
    who = strdup(name)
    more = strdup("\n  plugin \(plugin)\n  try: norma plugins check \(path)")
  }

  /// Runs the plugin's code; a crash in it names the plugin, where the program wants crashes named.
  func inside<Result>(_ task: StaticString, _ body: () -> Result) -> Result {
    let text = UnsafeRawPointer(task.utf8Start).assumingMemoryBound(to: CChar.self)
    let before = norma_enter(norma_place(who: who, task: text, more: more))
    defer { _ = norma_enter(before) }
    return body()
  }

  /// Calls a plugin's function with an error to fill, without allocating unless it fails.
  func check(
    _ task: StaticString, _ body: (UnsafeMutablePointer<norma_error>) -> Int32
  ) throws(NormaError) {
    let failure = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) {
      buffer -> NormaError? in
      var error = norma_error.sized()
      error.message = buffer.baseAddress
      error.message_capacity = UInt64(buffer.count)
      let status = inside(task) { body(&error) }
      if status == NORMA_OK { return nil }
      let count = min(Int(clamping: error.message_length), buffer.count)
      let message = String(
        decoding: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]),
        as: UTF8.self)
      return self.error(status, error, message, "\(task)")
    }
    if let failure { throw failure }
  }

  private func error(
    _ status: Int32, _ error: norma_error, _ message: String, _ task: String
  ) -> NormaError {
    func named(_ names: [String], _ kind: String) -> String {
      let index = Int(error.index)
      return names.indices.contains(index) ? "'\(names[index])': " : "\(kind) \(index): "
    }
    let subject =
      switch error.about {
      case NORMA_ABOUT_HYPER: named(hypers, "hyper-parameter")
      case NORMA_ABOUT_INPUT: named(inputs, "input")
      case NORMA_ABOUT_STATE: named(states, "state")
      case NORMA_ABOUT_OUTPUT: "output: "
      default: ""
      }
    let (code, meaning): (NormaError.Code, String) =
      switch status {
      case NORMA_INVALID: (.usage, "refused what it was given")
      case NORMA_UNSUPPORTED: (.usage, "does not support this")
      case NORMA_NOT_FOUND: (.unavailable, "did not find it")
      case NORMA_OUT_OF_MEMORY: (.unavailable, "ran out of memory")
      case NORMA_CANCELLED: (.interrupted, "was stopped")
      default: (.failure, "failed with status \(status)")
      }
    let text = message.isEmpty ? "the plugin \(meaning) and gave no reason" : message
    return NormaError(
      code, "\(name): \(subject)\(text)", notes: ["plugin \(plugin), during \(task)"])
  }
}
