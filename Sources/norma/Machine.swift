import Foundation

/// What Norma runs on.
struct Machine: Encodable {
  struct Library: Encodable {
    let name: String
    let version: String
    let path: String?
  }

  let norma = Norma.version
  /// The Swift compiler of this machine; nil when there is none.
  let swift: String?
  let libraries: [Library]
  let processor: String
  /// The instruction set level that kernels are chosen for.
  let level: String
  let cores: Int
  let pluginPath: String?

  init() {
    swift = Self.swiftVersion()
    libraries = [
      Library(name: "lua", version: Self.luaVersion, path: Self.loadedPath(of: "liblua")),
      Library(name: "onednn", version: Self.oneDNNVersion, path: Self.loadedPath(of: "libdnnl")),
    ]
    let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    func field(_ name: String) -> String? {
      let line = information.split(separator: "\n").first { $0.hasPrefix(name) }
      return line?.split(separator: ":", maxSplits: 1).last?.trimmingCharacters(in: .whitespaces)
    }
    processor = field("model name") ?? "unknown processor"
    level = Self.level(flags: Set((field("flags") ?? "").split(separator: " ").map(String.init)))
    cores = ProcessInfo.processInfo.activeProcessorCount
    let path = ProcessInfo.processInfo.environment["NORMA_PLUGIN_PATH"]
    pluginPath = path.flatMap { $0.isEmpty ? nil : $0 }
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

  private static var luaVersion: String {
    guard let symbol = dlsym(nil, "lua_ident") else { return "unknown" }
    let text = String(cString: symbol.assumingMemoryBound(to: CChar.self))
    // "$LuaVersion: Lua 5.4.6  Copyright ..."
    let words = text.split(separator: " ")
    return words.firstIndex(of: "Lua").flatMap { index in
      index + 1 < words.count ? String(words[index + 1]) : nil
    } ?? "unknown"
  }

  private static var oneDNNVersion: String {
    /// The beginning of `dnnl_version_t`.
    typealias Version = @convention(c) () -> UnsafePointer<CInt>?
    guard let symbol = dlsym(nil, "dnnl_version"),
      let numbers = unsafeBitCast(symbol, to: Version.self)()
    else { return "unknown" }
    return "\(numbers[0]).\(numbers[1]).\(numbers[2])"
  }

  /// The file that a loaded library came from.
  private static func loadedPath(of name: String) -> String? {
    let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
    return maps.split(separator: "\n").lazy
      .compactMap { $0.split(separator: " ").last }
      .first { $0.hasPrefix("/") && $0.contains("/\(name)") }
      .map(String.init)
  }
}
