import CNormaABI
import Foundation
import NormaCore
import NormaSystem

/// A library that was opened. It stays so for the process: closing one that holds a language runtime
/// crashes the host later.
struct SharedLibrary {
  private let handle: UnsafeMutableRawPointer

  typealias Entry =
    @convention(c) (
      UnsafePointer<norma_host>?, UnsafeMutablePointer<UnsafePointer<norma_plugin>?>?,
      UnsafeMutablePointer<norma_error>?
    ) -> Int32

  /// Opens a library from memory that nobody can change any more: the bytes that were checked.
  ///
  /// - Throws: `unavailable`, with the dynamic loader's reason.
  init(_ file: PluginFile) throws(NormaError) {
    // The loader takes one path for one library, so the path must never name another: it stays open.
    let path = "/proc/self/fd/\(try SealedMemory(file.bytes).keep())"
    guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) else {
      throw Self.refusal(dlerror().map { String(cString: $0) } ?? "unknown reason", path)
    }
    self.handle = handle
  }

  /// The entry function of the interface's version 1.
  ///
  /// - Throws: `unavailable` when there is none, or it belongs to another library.
  func entry() throws(NormaError) -> Entry {
    guard let symbol = dlsym(handle, "norma_plugin_entry_v1") else {
      for major in 2...9 where dlsym(handle, "norma_plugin_entry_v\(major)") != nil {
        throw NormaError(
          .unavailable,
          "it speaks plugin interface \(major), and this Norma \(PluginLoader.interface)",
          help: "update Norma, or get a build of the plugin for interface \(NORMA_ABI_MAJOR)")
      }
      throw NormaError(
        .unavailable, "it is a library but no Norma plugin: it has no norma_plugin_entry_v1",
        help: "export that function, as norma_plugin.h says")
    }
    guard norma_host_handle_holds(handle, symbol) == 1 else {
      throw NormaError(
        .unavailable, "its norma_plugin_entry_v1 belongs to another library it links against",
        help: "define the function in the library itself")
    }
    return unsafeBitCast(symbol, to: Entry.self)
  }

  /// The dynamic loader's message in words of the user's.
  private static func refusal(_ message: String, _ path: String) -> NormaError {
    var text = message
    if text.hasPrefix(path + ": ") { text = String(text.dropFirst(path.count + 2)) }
    if let missing = text.range(of: ": cannot open shared object file") {
      return NormaError(
        .unavailable,
        "it needs the library '\(text[..<missing.lowerBound])', which is not installed",
        notes: ["dynamic loader: \(message)"],
        help: "install that library, or rebuild the plugin without it")
    }
    if let symbol = text.range(of: "undefined symbol: ") {
      return NormaError(
        .unavailable, "it uses '\(text[symbol.upperBound...])', which nothing defines",
        notes: ["dynamic loader: \(message)"],
        help: "link the plugin with -Wl,-z,defs to find out at build time")
    }
    return NormaError(.unavailable, "the dynamic loader refused it: \(text)")
  }
}

/// The calling thread's floating-point environment, kept safe from a library's start-up code: one built
/// with -ffast-math turns subnormal numbers off for the whole thread when it is loaded.
enum FloatingPoint {
  /// Runs `body`, restores the environment, and says whether its control bits had changed.
  static func preserved<T>(
    _ body: () throws(NormaError) -> T
  ) throws(NormaError) -> (value: T, changed: Bool) {
    var environment = fenv_t()
    fegetenv(&environment)
    let before = norma_host_float_control()
    defer { fesetenv(&environment) }
    let value = try body()
    return (value, norma_host_float_control() != before)
  }
}
