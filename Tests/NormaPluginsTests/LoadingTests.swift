import Foundation
import NormaCore
import NormaNorms
import NormaPlugins
import Testing

@Suite("Loading plugins")
struct LoadingTests {
  let workshop: Workshop
  let loader = PluginLoader()
  let registry = NormRegistry()

  init() throws { workshop = try Workshop() }

  /// The error of loading a path.
  private func refusal(_ path: String) -> NormaError? {
    do throws(NormaError) {
      try loader.load(path, into: registry)
      return nil
    } catch {
      return error
    }
  }

  @Test("the example is registered, with where it came from")
  func accepts() throws {
    let path = try workshop.scale()
    let record = try loader.load(path, into: registry)
    #expect(record.norms == ["example/scale"])
    let entry = try registry.entry("example/scale")
    guard case .plugin(let origin) = entry.source else { throw CocoaError(.featureUnsupported) }
    #expect(origin.id == "org.example.scale" && origin.version == "1.0.0" && origin.path == path)
    let bytes = try Data(contentsOf: URL(filePath: path))
    #expect(try origin.sha256 == Digest(of: bytes).hexadecimal && entry.schema.version == 1)
    #expect(entry.schema.paper == "arXiv:1910.05895")
    #expect(entry.provider.definition == nil)
    #expect(entry.pluginFormula == "g * x / max(norm(x, channel), epsilon)")
    guard case .accepted(let identity, _) = record.outcome else { return }
    #expect(identity.license == "MIT")
    #expect(identity.interface == "1.0")
  }

  @Test("loading a file twice, or by another name of it, changes nothing")
  func idempotent() throws {
    let path = try workshop.scale()
    let link = workshop.folder + "/link.so"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    for name in [path, path, link] { try loader.load(name, into: registry) }
    #expect(loader.report.records.map(\.path) == [path])
    #expect(registry.names == ["example/scale"])
  }

  struct Wrong: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let options: [String]
    let says: [String]
    init(_ name: String, _ options: [String], _ says: String...) {
      testDescription = name
      self.options = options
      self.says = says
    }
  }

  @Test(
    "a plugin that breaks a rule is refused with the reason",
    arguments: [
      Wrong("newer minor", ["-DREQUIRED=7"], "needs plugin interface 1.7", "speaks 1.0", "update"),
      Wrong("other major", ["-DMAJOR=2"], "interface 2.0", "this Norma 1.0", "update"),
      Wrong("older major", ["-DMAJOR=0"], "interface 0.0", "get a build"),
      Wrong("entry refuses", ["-DREFUSE=\"no licence file\""], "no licence file", "during load"),
      Wrong(
        "short plugin", ["-DPLUGIN_SIZE=32"], "plugin descriptor has struct_size 32", "sizeof"),
      Wrong("zero plugin", ["-DPLUGIN_SIZE=0"], "struct_size 0"),
      Wrong("short norm", ["-DNORM_SIZE=8"], "norm descriptor 0 has struct_size 8"),
      Wrong(
        "short hyper", ["-DHYPER_SIZE=12"], "small/copy", "hyper-parameter 0", "struct_size 12"),
      Wrong("huge size", ["-DNORM_SIZE=0xffffffff"], "struct_size 4294967295"),
      Wrong("bad norm id", ["-DNORM_ID=\"Copy\""], "'Copy'", "vendor/name"),
      Wrong("no plugin id", ["-DPLUGIN_ID=\"\""], "no id"),
      Wrong("not UTF-8", ["-DPLUGIN_ID=\"\\xff\\xfe\""], "not UTF-8"),
      Wrong("bad hyper name", ["-DHYPER_NAME=\"Al pha\""], "'Al pha' is no name"),
      Wrong("bad default", ["-DDEFAULT=-1"], "'alpha' must be >= 0, got -1"),
      Wrong("unknown CPU", ["-DCPU=0x8000000000000000"], "CPU features", "8000000000000000"),
      Wrong("no norms", ["-DCOUNT=0"], "offers no norm"),
      Wrong("same norm twice", ["-DCOUNT=2"], "two norms 'small/copy'"),
      Wrong("no forward", ["-DFORWARD=NULL"], "no function forward_infer"),
      Wrong(
        "undefined symbol", ["-DFORWARD=(*(&missing_symbol))", "-include", "missing.h"],
        "'missing_symbol', which nothing defines"),
    ])
  func refuses(_ wrong: Wrong) throws {
    let header = try workshop.write(
      "missing.h",
      "#include \"norma_plugin.h\"\n"
        + "int32_t missing_symbol(const void *, const norma_call *, norma_error *);\n")
    let options = wrong.options.map { $0 == "missing.h" ? header : $0 }
    let path = try workshop.library("wrong", smallPlugin, options)
    let error = try #require(refusal(path))
    for words in wrong.says { #expect("\(error)".contains(words), "\(error)") }
    #expect(error.code == .unavailable)
    #expect(loader.report.refused.map(\.path) == [path])
    #expect(registry.names.isEmpty)
  }

  @Test("the bent plugin is right when nothing is bent")
  func smallIsRight() throws {
    try loader.load(try workshop.library("right", smallPlugin), into: registry)
    #expect(registry.names == ["small/copy"])
  }

  @Test("files that are no libraries are refused before the dynamic loader sees them")
  func noLibraries() throws {
    #expect(
      "\(try #require(refusal(try workshop.write("text.so", "hello"))))".contains("no compiled"))
    #expect("\(try #require(refusal(try workshop.write("empty.so", ""))))".contains("empty file"))
    #expect("\(try #require(refusal(workshop.folder + "/none.so")))".contains("no such file"))
    #expect(refusal(workshop.folder + "/none.so")?.code == .inputMissing)
    #expect("\(try #require(refusal(workshop.folder)))".contains("it is a folder"))
    let whole = try Data(contentsOf: URL(filePath: try workshop.scale()))
    for length in [3, 4, 40, 64, 500, 5000, whole.count / 2, whole.count - 4000] {
      let path = workshop.folder + "/cut\(length).so"
      try whole.prefix(length).write(to: URL(filePath: path))
      let error = try #require(refusal(path), "\(length)")
      #expect("\(error)".contains(length < 4 ? "no compiled" : "cut short"), "\(length): \(error)")
    }
    var foreign = whole
    foreign[18] = 243
    try foreign.write(to: URL(filePath: workshop.folder + "/foreign.so"))
    #expect("\(try #require(refusal(workshop.folder + "/foreign.so")))".contains("processor"))
  }

  @Test("a library that is no plugin, or speaks another major version, is refused")
  func noEntry() throws {
    let plain = try workshop.library("plain", "int answer(void) { return 42; }\n")
    #expect("\(try #require(refusal(plain)))".contains("no Norma plugin"))
    let next = try workshop.library("next", "int norma_plugin_entry_v2(void) { return 0; }\n")
    #expect("\(try #require(refusal(next)))".contains("interface 2, and this Norma 1.0"))
  }

  @Test("an entry function that belongs to a dependency is refused")
  func borrowedEntry() throws {
    let real = try workshop.library("libreal", smallPlugin, ["-Wl,-soname,libreal.so"])
    let thin = try workshop.library(
      "thin", "int thin(void) { return 1; }\n",
      ["-Wl,--no-as-needed", real, "-Wl,-rpath," + workshop.folder])
    #expect("\(try #require(refusal(thin)))".contains("belongs to another library"))
  }

  @Test("a missing dependency is named")
  func missingDependency() throws {
    let gone = try workshop.library("libgone", "int gone(void) { return 1; }\n")
    let needy = try workshop.library(
      "needy", smallPlugin, ["-Wl,--no-as-needed", "-L" + workshop.folder, "-lgone"])
    try FileManager.default.removeItem(atPath: gone)
    let error = try #require(refusal(needy))
    #expect(error.message.contains("needs the library 'libgone.so', which is not installed"))
  }

  @Test("two libraries with one plugin id or one norm id: the first stays, both are named")
  func duplicates() throws {
    let first = try workshop.library("first", smallPlugin)
    let samePlugin = try workshop.library("second", smallPlugin, ["-DNORM_ID=\"small/other\""])
    let sameNorm = try workshop.library("third", smallPlugin, ["-DPLUGIN_ID=\"org.example.third\""])
    try loader.load(first, into: registry)
    for path in [samePlugin, sameNorm] {
      let error = try #require(refusal(path))
      #expect(error.notes == [first, path], "\(error)")
    }
    #expect(registry.names == ["small/copy"])
    #expect(loader.report.accepted.map(\.path) == [first])
  }

  @Test("folders are searched by name, not recursively, and never relative to the current one")
  func searchPath() throws {
    let a = workshop.folder + "/a"
    for name in ["/a", "/a/inner"] {
      try FileManager.default.createDirectory(
        atPath: workshop.folder + name, withIntermediateDirectories: true)
    }
    let copy = try workshop.library("a/copy", smallPlugin)
    _ = try workshop.library("a/inner/deep", smallPlugin)
    _ = try workshop.write("a/zz.so", "text")
    loader.load(searchPath: "relative:\(a)::\(workshop.folder)/none", into: registry)
    let records = loader.report.records
    #expect(records.map(\.path) == ["relative", copy, a + "/zz.so", workshop.folder + "/none"])
    #expect(records.map { $0.refusal == nil } == [false, true, false, false])
    #expect(records[0].refusal?.message.contains("no absolute path") == true)
    #expect(records.allSatisfy { $0.origin == .searchPath })
  }

  @Test("a library that turns subnormal numbers off when loaded does not change the host")
  func floatingPoint() throws {
    // What gcc links into every library built with -ffast-math, written out.
    let source =
      smallPlugin + """

        #if defined(__x86_64__)
        #include <xmmintrin.h>
        __attribute__((constructor)) static void flush(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
        #endif

        """
    let record = try loader.load(try workshop.library("flush", source), into: registry)
    var tiny = Float.leastNormalMagnitude
    withUnsafeMutablePointer(to: &tiny) { $0.pointee /= 2 }
    #expect(tiny > 0)
    #if arch(x86_64)
      #expect(record.notes.first?.contains("floating-point mode") == true)
    #endif
  }
}
