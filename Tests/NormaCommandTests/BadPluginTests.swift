import Foundation
import Testing

/// Plugins that break a rule each: the example with a fault put in. `plugins check` must name it at the level
/// that should, and go on living.
struct BadPluginTests {
  struct Fault: Sendable, CustomTestStringConvertible {
    let name: String
    let level: Int
    /// What a line of the report has.
    let outcome: String
    let check: String
    let words: String
    /// What is replaced in the example's source, and by what.
    var edits: [(String, String)] = []
    /// Text before all of it.
    var head = ""
    /// A part in C++.
    var other = ""
    var hidesSymbols = true
    var options: [String] = []
    var testDescription: String { name }
  }

  private static let forward =
    "host->parallel_for(host, call->threads, j.pieces, 1, forward_pieces, &j);"
  private static let create = "instance *self = malloc(sizeof *self);"

  static let faults: [Fault] = [
    Fault(
      name: "writes one float too many", level: 3, outcome: "FAIL",
      check: "only its own memory is written", words: "forward: wrote past the end of 'y'",
      edits: [
        (forward, forward + "((float *)call->output->data)[call->output->bytes / 4] = 0;")
      ]),
    Fault(
      name: "reads one float too many", level: 4, outcome: "CRASH",
      check: "nothing is touched past the end of its memory", words: "signal 11",
      edits: [
        (
          forward,
          forward
            + "volatile float f = ((float *)call->inputs[0].data)[call->inputs[0].bytes / 4]; (void)f;"
        )
      ]),
    Fault(
      name: "overruns its workspace", level: 3, outcome: "FAIL",
      check: "only its own memory is written", words: "wrote past the end of the workspace",
      edits: [("sizeof(double) * PIECES;", "sizeof(double) * (PIECES - 8);")]),
    Fault(
      name: "has a wrong gradient", level: 3, outcome: "FAIL",
      check: "gradient of 'x' matches differences", words: "allowed",
      edits: [
        (
          "along = norms[n] > j->epsilon ? p / m : 0",
          "along = norms[n] > j->epsilon ? 0.9 * p / m : 0"
        )
      ]),
    Fault(
      name: "writes state in inference", level: 3, outcome: "FAIL",
      check: "only its own memory is written", words: "forward: parameter 'g' was written",
      edits: [
        (
          forward,
          forward + "if (call->mode == NORMA_MODE_INFER) *(float *)call->states[G].data += 1;"
        )
      ]),
    Fault(
      name: "leaves output unwritten", level: 3, outcome: "FAIL",
      check: "every result is written and finite", words: "nan",
      edits: [
        (
          "norms[n] = sqrt(dot(j->kernels, &v, start, x, x));",
          "norms[n] = sqrt(dot(j->kernels, &v, start, x, x)); if (n == 0) continue;"
        )
      ]),
    Fault(
      name: "leaks", level: 4, outcome: "FAIL", check: "a thousand layers leave no memory behind",
      words: "memory grows by",
      edits: [("destroy(void *self) { free(self); }", "destroy(void *self) { (void)self; }")]),
    Fault(
      name: "starts a thread", level: 2, outcome: "FAIL",
      check: "calls leave the process as it was", words: "it started 1 thread(s)",
      edits: [
        (
          create,
          create
            + "pthread_t thread; static int on; if (!on) { on = 1; pthread_create(&thread, 0, idle, 0); }"
        )
      ],
      head: """
        #include <pthread.h>
        #include <unistd.h>
        static void *idle(void *p) { for (;;) pause(); return p; }
        """),
    Fault(
      name: "throws through the boundary", level: 2, outcome: "CRASH",
      check: "arguments that grew by zeros are the same", words: "signal 6",
      edits: [(create, "throws();" + create)], head: "void throws(void);",
      other:
        "#include <stdexcept>\nextern \"C\" void throws() { throw std::runtime_error(\"no\"); }"),
    Fault(
      name: "traps in create", level: 2, outcome: "CRASH",
      check: "arguments that grew by zeros are the same", words: "signal",
      edits: [(create, "__builtin_trap();" + create)]),
    Fault(
      name: "has a wrong struct size", level: 1, outcome: "FAIL",
      check: "it loads and describes its norms", words: "norm descriptor 0 has struct_size 8",
      edits: [(".struct_size = sizeof(norma_norm),", ".struct_size = 8,")]),
    Fault(
      name: "needs a newer minor", level: 1, outcome: "FAIL",
      check: "it loads and describes its norms", words: "needs plugin interface 1.7",
      edits: [(".required_minor = 0,", ".required_minor = 7,")]),
    Fault(
      name: "exports too much", level: 0, outcome: "FAIL",
      check: "its only export is norma_plugin_entry_v1", words: "it exports 1 more: helper",
      head: "void helper(void); void helper(void) {}", hidesSymbols: false),
    Fault(
      name: "flips flush-to-zero", level: 1, outcome: "FAIL",
      check: "loading leaves the process as it was", words: "floating-point mode",
      head: """
        __attribute__((constructor)) static void fast(void) {
          __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040);
        }
        """),
    Fault(
      name: "sleeps for ever", level: 2, outcome: "TIMEOUT",
      check: "arguments that grew by zeros are the same", words: "did not end within 2 s",
      edits: [(forward, "for (;;) sleep(1);")], head: "#include <unistd.h>",
      options: ["--timeout", "2"]),
  ]

  /// Builds the example with a fault; returns the library's path.
  static func build(_ fault: Fault, in bench: Workbench) throws -> String {
    let example = Command.root.appending(path: "Plugins/example-scale")
    var source = try String(contentsOf: example.appending(path: "scale.c"), encoding: .utf8)
    for (old, new) in fault.edits {
      #expect(source.contains(old), "\(fault.name): the example has changed")
      source = source.replacingOccurrences(of: old, with: new)
    }
    source = "#define _GNU_SOURCE\n" + fault.head + "\n" + source
    try Data(source.utf8).write(to: bench.folder.appending(path: "bad.c"))
    let include = Command.root.appending(path: "Sources/CNormaABI/include").path
    var arguments = [
      "-O1", "-fPIC", "-shared", "-I" + include, "-I" + example.path, "-o", bench.path("bad.so"),
      bench.path("bad.c"),
    ]
    if fault.hidesSymbols {
      arguments += [
        "-fvisibility=hidden",
        "-Wl,--version-script=" + example.appending(path: "exports.map").path,
      ]
    } else {
      arguments += [
        "-fvisibility=hidden", "-Dhelper=__attribute__((visibility(\"default\"))) helper",
      ]
    }
    var compiler = "/usr/bin/cc"
    if !fault.other.isEmpty {
      try Data(fault.other.utf8).write(to: bench.folder.appending(path: "other.cc"))
      let object = try Command(
        ["-c", "-fPIC", "-o", bench.path("other.o"), bench.path("other.cc")],
        program: URL(filePath: "/usr/bin/g++"))
      #expect(object.status == 0, "\(object.errors)")
      arguments.append(bench.path("other.o"))
      compiler = "/usr/bin/g++"
      arguments = ["-x", "c"] + arguments.dropLast() + ["-x", "none", bench.path("other.o")]
      // One driver for both languages: C first, then the link of C++.
      arguments = try linkable(arguments, bench)
    }
    let found = try Command(arguments + ["-lm", "-lpthread"], program: URL(filePath: compiler))
    #expect(found.status == 0, "\(found.errors)")
    return bench.path("bad.so")
  }

  /// The C part compiled by the C compiler, and what is left for the linker of C++.
  private static func linkable(_ arguments: [String], _ bench: Workbench) throws -> [String] {
    let include = arguments.filter { $0.hasPrefix("-I") }
    let object = try Command(
      ["-c", "-O1", "-fPIC", "-fvisibility=hidden"] + include
        + ["-o", bench.path("bad.o"), bench.path("bad.c")],
      program: URL(filePath: "/usr/bin/cc"))
    #expect(object.status == 0, "\(object.errors)")
    let script = arguments.first { $0.contains("--version-script") } ?? ""
    return [
      "-shared", "-o", bench.path("bad.so"), bench.path("bad.o"), bench.path("other.o"), script,
    ]
  }

  @Test("Each is named by the check that should; nothing is left running", arguments: faults)
  func caught(_ fault: Fault) throws {
    #if !arch(x86_64)
      if fault.name == "flips flush-to-zero" { return }
    #endif
    let bench = try Workbench()
    let library = try Self.build(fault, in: bench)
    let found = try Command(
      ["plugins", "check", library, "--level", "\(fault.level)", "--json"] + fault.options)
    #expect(found.status == 2, "\(found.errors)")
    let items = try #require(found.json as? [[String: Any]])
    let hit = items.first {
      $0["outcome"] as? String == fault.outcome && $0["check"] as? String == fault.check
        && ($0["message"] as? String ?? "").contains(fault.words)
    }
    let failures = items.filter { !["PASS", "SKIP"].contains($0["outcome"] as? String ?? "") }
    #expect(hit != nil, "\(failures)")
    #expect(hit?["level"] as? Int == fault.level)
    #expect((hit?["again"] as? String)?.hasPrefix("norma ") == true)
    // At a lower level nothing speaks against it, so the level is the one that should.
    #expect(failures.allSatisfy { $0["level"] as? Int == fault.level }, "\(failures)")
    #expect(Self.processes(naming: library).isEmpty)
  }

  private static func processes(naming word: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.filter { name in
      guard Int(name) != nil,
        let data = FileManager.default.contents(atPath: "/proc/\(name)/cmdline")
      else { return false }
      return String(decoding: data, as: UTF8.self).contains(word)
    }
  }

  @Test("Trust looks at the file and loads it elsewhere: what only shows later passes, by design")
  func quickCheck() throws {
    for (name, isCaught) in [
      ("has a wrong gradient", false), ("leaks", false), ("needs a newer minor", true),
      ("exports too much", true), ("flips flush-to-zero", true),
    ] {
      let bench = try Workbench()
      let fault = try #require(Self.faults.first { $0.name == name })
      let library = try Self.build(fault, in: bench)
      let found = try Command(
        ["plugins", "trust", library], environment: ["NORMA_LOCK": bench.path("norma.lock")])
      #expect((found.status != 0) == isCaught, "\(name): \(found.output)\(found.errors)")
      if isCaught { #expect(found.errors.contains(fault.words), "\(found.errors)") }
    }
  }
}
