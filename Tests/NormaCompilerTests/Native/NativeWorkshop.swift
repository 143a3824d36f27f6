import Foundation
import NormaCompiler
import NormaCore
import Testing

/// A temporary folder with a cache in it and compilers that log each call and misbehave to order.
final class NativeWorkshop {
  let root: String
  let real: NativeToolchain
  private static let environment = ProcessInfo.processInfo.environment.filter {
    !["NORMA_CC", "NORMA_CACHE"].contains($0.key)
  }

  init() throws {
    let path = NSTemporaryDirectory() + "norma-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    root = path
    real = try NativeToolchain(environment: Self.environment)
    try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  var cache: String { root + "/cache" }
  var temporary: String { root + "/tmp" }
  var log: String { root + "/log" }

  /// A C text that exports `answer`.
  static func text(_ answer: Int) -> String { "int answer(void) { return \(answer); }\n" }

  /// How often the compiler of `wrapper` compiled.
  var compilations: Int {
    ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").split(separator: "\n").count
  }

  /// A compiler that logs, runs `body` (`$real`, `$out` and the arguments are set), then compiles.
  func wrapper(_ body: String = "") throws -> String {
    let path = "\(root)/cc-\(UUID().uuidString)"
    let script = """
      #!/bin/sh
      real='\(real.compiler)'
      case "$*" in --version) exec "$real" --version ;; esac
      echo compile >>'\(log)'
      previous=
      for word; do [ "$previous" = -o ] && out=$word; previous=$word; done
      \(body)
      exec "$real" "$@"
      """
    try script.write(toFile: path, atomically: true, encoding: .utf8)
    chmod(path, 0o755)
    return path
  }

  func environment(_ compiler: String, cache: String? = nil) -> [String: String] {
    var environment = Self.environment
    environment["NORMA_CC"] = compiler
    environment["NORMA_CACHE"] = cache ?? self.cache
    environment["TMPDIR"] = temporary
    return environment
  }

  /// A session with the cache of this workshop, or another folder.
  func session(_ compiler: String, cache: String? = nil) -> NativeSession {
    NativeSession(environment: environment(compiler, cache: cache), cores: 2)
  }

  /// A session whose parts were changed first.
  func session(
    _ compiler: String, cache: Result<NativeCache, NormaError>? = nil,
    change: (inout NativeToolchain) -> Void
  ) throws -> NativeSession {
    let environment = environment(compiler)
    var toolchain = try NativeToolchain(environment: environment)
    change(&toolchain)
    let folder = self.cache
    return NativeSession(
      toolchain: .success(toolchain),
      cache: cache ?? Result { () throws(NormaError) in try NativeCache(path: folder) },
      environment: environment, cores: 2)
  }

  /// The files in the cache.
  var entries: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: cache)) ?? []).sorted()
  }
}

/// Long enough for any machine; a test that needs it all has failed.
let ample = Duration.seconds(120)

extension NativeSession {
  /// What the text's `answer` returns; nil without machine code.
  func answer(_ text: String) -> Int? {
    let unit = request(text)
    settle(within: ample)
    return unit.library?.answer
  }
}

extension NativeLibrary {
  var answer: Int? {
    symbol("answer").map {
      Int(unsafeBitCast($0, to: (@convention(c) () -> Int32).self)())
    }
  }
}

/// Waits until the condition holds.
func eventually(_ condition: () -> Bool) -> Bool {
  let deadline = ContinuousClock.now + ample
  while !condition() {
    if ContinuousClock.now > deadline { return false }
    usleep(5000)
  }
  return true
}
