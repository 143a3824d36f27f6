import Foundation
import Testing

/// Plugins and hosts whose interfaces are a minor apart, simulated by a header whose every struct has
/// grown at its tail; a plugin that is for inference only; one that crashes.
struct OtherInterfaceTests {
  /// The header of a minor later: three fields more in every struct that may grow, two of them set by
  /// whoever fills a descriptor.
  private static func laterHeader() throws -> String {
    let header = Command.root.appending(path: "Sources/CNormaABI/include/norma_plugin.h")
    var text = try String(contentsOf: header, encoding: .utf8)
    text.replace("#define NORMA_ABI_MINOR 0u", with: "#define NORMA_ABI_MINOR 1u")
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let names = lines.compactMap { line in
      line.hasPrefix("} norma_") ? String(line.dropFirst(2).dropLast()) : nil
    }
    #expect(names.count > 10)
    for name in names where !["norma_string", "norma_value"].contains(name) {
      text.replace(
        "} \(name);", with: "  uint64_t later;\n  const void *last;\n  double more;\n} \(name);")
    }
    text.replace(/(?m)^  NORMA_ASSERT\(sizeof\(type\).*$/, with: "  NORMA_ASSERT(1)")
    return text
  }

  /// Builds the example with changes to its source.
  private func build(
    _ bench: Workbench, header: String? = nil, _ edits: [(String, String)] = []
  ) throws -> String {
    let example = Command.root.appending(path: "Plugins/example-scale")
    var source = try String(contentsOf: example.appending(path: "scale.c"), encoding: .utf8)
    for (old, new) in edits {
      #expect(source.contains(old), "the example has changed: \(old)")
      source.replace(old, with: new)
    }
    try Data(source.utf8).write(to: bench.folder.appending(path: "other.c"))
    if let header {
      try Data(header.utf8).write(to: bench.folder.appending(path: "norma_plugin.h"))
    }
    let found = try Command(
      [
        "-std=c11", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-I" + bench.folder.path,
        "-I" + Command.root.appending(path: "Sources/CNormaABI/include").path, "-I" + example.path,
        "-Wl,--version-script=" + example.appending(path: "exports.map").path,
        "-o", bench.path("other.so"), bench.path("other.c"), "-lm",
      ], program: URL(filePath: "/usr/bin/cc"))
    #expect(found.status == 0, "\(found.errors)")
    return bench.path("other.so")
  }

  @Test("A plugin of the next minor that needs this one is held to every rule and passes")
  func later() throws {
    let bench = try Workbench()
    let library = try build(
      bench, header: Self.laterHeader(),
      [(".schema_version = 1,", ".schema_version = 1, .later = 7, .last = states, .more = 0.5,")])
    let found = try Command(["plugins", "check", library, "--json"])
    #expect(found.status == 0, "\(found.output)")
    #expect(try #require(found.json as? [[String: Any]]).count > 40)
  }

  @Test("One that needs the next minor is refused with both versions and what to do")
  func needsLater() throws {
    let bench = try Workbench()
    let library = try build(
      bench, header: Self.laterHeader(), [(".required_minor = 0,", ".required_minor = 1,")])
    let found = try Command(
      ["plugins", "trust", library], environment: ["NORMA_LOCK": bench.path("lock")])
    #expect(found.status == 69)
    #expect(found.errors.contains("it needs plugin interface 1.1, and this Norma speaks 1.0"))
    #expect(
      found.errors.contains("update Norma, or get a build of the plugin that requires at most 1.0"))
  }

  @Test("A plugin without backward is for inference, and held to everything else")
  func inferenceOnly() throws {
    let bench = try Workbench()
    let library = try build(
      bench,
      [
        (".backward = backward,", ".backward = NULL,"),
        ("static int32_t backward(", "__attribute__((unused)) static int32_t backward("),
      ])
    let found = try Command(["plugins", "check", library, "--json"])
    #expect(found.status == 0, "\(found.output)")
    let items = try #require(found.json as? [[String: Any]])
    #expect(!items.contains { ($0["check"] as? String ?? "").hasPrefix("gradient of") })
    #expect(
      items.contains { $0["check"] as? String == "any number of threads gives the same bits" })
  }

  @Test("A crash in a plugin names it, the function and what to do", arguments: [1, 2])
  func crash(_ threads: Int) throws {
    let bench = try Workbench()
    let library = try build(
      bench,
      [
        (
          "static void forward_pieces(void *context, int64_t begin, int64_t end, uint32_t thread) {",
          "static void forward_pieces(void *context, int64_t begin, int64_t end, uint32_t thread) {"
            + " if (end > 0) *(volatile int *)8 = 1;"
        )
      ])
    let environment = ["NORMA_LOCK": bench.path("lock")]
    let trusted = try Command(["plugins", "trust", library], environment: environment)
    #expect(trusted.status == 0, "\(trusted.errors)")
    let x = try bench.array("x.npy", [64, 96], Workbench.numbers(64 * 96))
    let found = try Command(
      [
        "apply", "example/scale", "--plugin", library, "--input", x, "--out", bench.path("out"),
        "--threads", "\(threads)",
      ], environment: environment)
    #expect(found.status == -1)
    #expect(
      found.errors.contains(
        """
        error: norm.example/scale touched memory that is not there in forward
          plugin org.example.scale 1.0.0
          try: norma plugins check \(library)
        """), "\(found.errors)")
    #expect(!found.errors.contains("Thread 0"))
  }
}
