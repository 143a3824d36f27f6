import Foundation
import NormaCompiler
import NormaCore
import NormaPlugins

/// What Norma runs on.
struct Machine: Encodable {
  struct Library: Encodable {
    let name: String
    let version: String
  }

  let norma = Norma.version
  /// The Swift compiler of this machine; nil when there is none.
  let swift: String?
  /// What compiles norms: a path and what it says of itself; nil when there is none.
  let compiler: String?
  /// Why there is none, and what helps.
  let compilerHelp: String?
  let libraries: [Library]
  let processor: String
  /// The instruction set level that kernels are chosen for.
  let level: String
  let cores: Int
  let pluginPath: String?

  init() {
    swift = Self.swiftVersion()
    do throws(NormaError) {
      let found = try NativeToolchain(environment: ProcessInfo.processInfo.environment)
      let version = found.version.split(separator: "\n").first.map(String.init)
      (compiler, compilerHelp) = ("\(found.compiler), \(version ?? "")", nil)
    } catch {
      compiler = nil
      compilerHelp = [error.message, error.help].compactMap { $0 }.joined(separator: "; ")
    }
    libraries = [Self.lua, Self.oneDNN]
    processor = Self.processor
    level = Self.level(
      flags: Set((Self.field("flags") ?? "").split(separator: " ").map(String.init)))
    cores = ProcessInfo.processInfo.activeProcessorCount
    let path = ProcessInfo.processInfo.environment[PluginLoader.searchPathVariable]
    pluginPath = path.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The name of the processor.
  static var processor: String { field("model name") ?? "unknown processor" }

  private static func field(_ name: String) -> String? {
    let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = information.split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split(separator: ":", maxSplits: 1).last?.trimmingCharacters(in: .whitespaces)
  }

  /// The highest level of the x86-64 ABI whose instructions are all there.
  private static func level(flags: Set<String>) -> String {
    let levels: [(String, [String])] = [
      ("x86-64-v2", ["cx16", "popcnt", "sse4_1", "sse4_2", "ssse3"]),
      ("x86-64-v3", ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"]),
      ("x86-64-v4", ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]),
    ]
    var reached = "baseline"
    for (name, needed) in levels {
      guard flags.isSuperset(of: needed) else { break }
      reached = name
    }
    return reached
  }

  private static func swiftVersion() -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["swift", "--version"]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { return nil }
    return text.split(separator: "\n").first.map { line in
      line.firstRange(of: "Swift version ").map { String(line[$0.upperBound...]) } ?? String(line)
    }
  }

  private static var lua: Library {
    var version: String?
    let symbol = dlsym(nil, "lua_ident")
    if let symbol {
      // "$LuaVersion: Lua 5.4.6  Copyright ..."
      let words = String(cString: symbol.assumingMemoryBound(to: CChar.self)).split(separator: " ")
      version = words.drop { $0 != "Lua" }.dropFirst().first.map(String.init)
    }
    return Library(name: "lua", version: version ?? "unknown")
  }

  private static var oneDNN: Library {
    /// Returns the beginning of `dnnl_version_t`: three numbers.
    typealias Version = @convention(c) () -> UnsafePointer<CInt>?
    let symbol = dlsym(nil, "dnnl_version")
    let numbers = symbol.flatMap { unsafeBitCast($0, to: Version.self)() }
    let version = numbers.map { "\($0[0]).\($0[1]).\($0[2])" }
    return Library(name: "onednn", version: version ?? "unknown")
  }
}
