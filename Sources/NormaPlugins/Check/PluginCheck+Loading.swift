import CNormaABI
import Foundation
import NormaCore
import NormaNorms

/// Level 1: loading the library and reading its descriptors.
extension PluginCheck {
  static let loading: [LoadedCheck] = [
    LoadedCheck("it loads and describes its norms", library: loads),
    LoadedCheck("loading leaves the process as it was", library: leavesTheProcess),
    LoadedCheck("loading takes less than 100 ms", library: isQuick),
    LoadedCheck("its entry may be called again", library: entersTwice),
    LoadedCheck("what it does not have is not found", library: findsNothingElse),
    LoadedCheck("its descriptors say what users need", library: isDescribed),
  ]

  private static func loads(_ check: PluginCheck, _ file: PluginFile) throws(NormaError) {
    _ = try check.load(file)
  }

  private static func leavesTheProcess(
    _ check: PluginCheck, _ file: PluginFile
  ) throws(NormaError) {
    let before = ProcessState.now
    let library = try SharedLibrary(file)
    // Seen before the loader's own repair of the floating-point mode.
    let opened = ProcessState.now.difference(from: before, descriptors: 1)
    try expect(opened == nil, "when opened, \(opened ?? "")")
    _ = try raw(library, file)
    let entered = ProcessState.now.difference(from: before, descriptors: 1)
    try expect(entered == nil, "in its entry function, \(entered ?? "")")
  }

  private static func isQuick(_ check: PluginCheck, _ file: PluginFile) throws(NormaError) {
    func now() -> Double {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) * 1e-6
    }
    let start = now()
    _ = try raw(SharedLibrary(file), file)
    let taken = now() - start
    try expect(taken < 100, "it took \(Int(taken)) ms of the processor's time")
  }

  private static func entersTwice(_ check: PluginCheck, _ file: PluginFile) throws(NormaError) {
    let library = try SharedLibrary(file)
    let first = try raw(library, file)
    let second = try raw(library, file)
    try expect(first == second, "the second call gave another descriptor")
    _ = try check.load(file)
  }

  private static func findsNothingElse(
    _ check: PluginCheck, _ file: PluginFile
  ) throws(NormaError) {
    _ = try check.load(file)
    let plugin = try norma_plugin.read(raw(SharedLibrary(file), file), "the plugin descriptor")
    for index in [plugin.norm_count, plugin.norm_count + 1, UInt32.max] {
      var norm: UnsafePointer<norma_norm>?
      let status = plugin.get_norm(index, &norm, nil)
      try expect(
        status == NORMA_NOT_FOUND,
        "get_norm(\(index)) of \(plugin.norm_count) norms returned \(status), not NORMA_NOT_FOUND")
    }
    guard let getExtension = plugin.get_extension else { return }
    for name in ["no_such_extension/1", "", "fold/999"] {
      let found = name.withCString {
        getExtension(0, norma_string(data: $0, length: UInt64(name.utf8.count)))
      }
      try expect(found == nil, "get_extension(\"\(name)\") returned something")
    }
    let found = "fold/1".withCString {
      getExtension(UInt32.max, norma_string(data: $0, length: 6))
    }
    try expect(found == nil, "get_extension of norm \(UInt32.max) returned something")
  }

  private static func isDescribed(_ check: PluginCheck, _ file: PluginFile) throws(NormaError) {
    let plugin = try LoadedPlugin(file, host: HostTable(services: services))
    let identity = plugin.identity
    try expect(
      !identity.license.isEmpty, "the plugin names no licence: an SPDX expression such as MIT")
    let parts = identity.version.split(separator: ".", omittingEmptySubsequences: false)
    try expect(
      parts.count == 3 && parts[0].allSatisfy(\.isNumber) && parts[1].allSatisfy(\.isNumber),
      "the version '\(identity.version)' is not of the form 1.2.3")
    for entry in plugin.entries {
      let schema = entry.schema
      try expect(!schema.summary.isEmpty, "norm \(schema.name) has no summary")
      for hyper in schema.hyper {
        try expect(!hyper.doc.isEmpty, "norm \(schema.name): '\(hyper.name)' has no doc")
      }
      do throws(NormaError) {
        _ = try schema.resolve([:], preset: nil)
      } catch {
        throw error.prefixed("its defaults are refused")
      }
    }
  }

  /// The descriptor as the entry function gives it.
  static func raw(
    _ library: SharedLibrary, _ file: PluginFile
  ) throws(NormaError) -> UnsafePointer<norma_plugin>? {
    let entry = try library.entry()
    let host = HostTable(services: services)
    var raw: UnsafePointer<norma_plugin>?
    try Speaker(name: "its entry function", plugin: file.path, path: file.path).check("load") {
      entry(host.pointer, &raw, $0)
    }
    return raw
  }
}
