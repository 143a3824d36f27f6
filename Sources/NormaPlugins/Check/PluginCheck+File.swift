import NormaCore
import NormaSystem

/// Level 0: what the file tells without running any of its code.
extension PluginCheck {
  static let entryName = "norma_plugin_entry_v1"

  /// Runtimes that any library may need, as the names of their files begin.
  private static let runtimes = [
    "libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "ld-linux", "libgcc_s.so",
    "libstdc++.so", "libc++.so", "libc++abi.so", "libatomic.so", "libgomp.so", "libomp.so",
    "libiomp5.so", "libswift", "libFoundation", "libBlocksRuntime.so", "libdispatch.so",
  ]

  func checkFile(_ file: PluginFile, _ report: Report) {
    func say(_ name: String, _ problem: String?) {
      report(PluginCheckResult(name, level: 0, problem == nil ? .pass : .fail, problem ?? ""))
    }
    func problem(_ body: () throws(NormaError) -> Void) -> String? {
      do throws(NormaError) {
        try body()
        return nil
      } catch {
        return error.message
      }
    }
    var elf: ELFFile?
    var table: ELFFile.Dynamic?
    say(
      "the file is a whole library for this machine",
      problem { () throws(NormaError) in
        elf = try ELFFile(file.bytes)
        table = try elf?.dynamic()
      })
    guard let elf, let table else { return }
    let others = table.exports.filter { $0 != Self.entryName }
    say(
      "its only export is \(Self.entryName)",
      !table.exports.contains(Self.entryName)
        ? "it does not export \(Self.entryName)"
        : others.isEmpty
          ? nil
          : "it exports \(others.count) more: \(others.prefix(4).joined(separator: ", "));"
            + " -fvisibility=hidden and a version script hide them")
    let unknown = table.needed.filter { name in
      !Self.runtimes.contains { name.hasPrefix($0) } && !allowed.contains(name)
    }
    say(
      "it needs known libraries only",
      unknown.isEmpty
        ? nil : "it needs \(unknown.joined(separator: ", ")); --allow NAME permits one")
    say(
      "it names no folders to search for libraries",
      table.searchPath.map { "it has RUNPATH '\($0)'; link without -rpath" })
    say(
      "its stack holds no code",
      elf.hasExecutableStack ? "its stack is executable; link with -Wl,-z,noexecstack" : nil)
    say(
      "its code is not patched when loaded",
      table.patchesCode ? "it has relocations in its code; compile with -fPIC" : nil)
    do throws(NormaError) {
      if let manifest = try PluginManifest.beside(file.path) {
        say(
          "its manifest is true",
          problem { () throws(NormaError) in try manifest.require(file.digest) })
      }
    } catch {
      say("its manifest is true", error.message)
    }
  }
}
