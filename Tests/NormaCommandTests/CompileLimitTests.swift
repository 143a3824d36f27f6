import Foundation
import Testing

/// What `norma compile` must get right where a formula's sizes follow from settings and channels, and what
/// it must refuse.
struct CompileLimitTests {
  /// Compiles, trusts, and returns the library.
  private func library(_ arguments: [String], _ bench: Workbench, _ name: String = "made") throws
    -> String
  {
    let library = bench.path(name + ".so")
    let environment = ["NORMA_LOCK": bench.path("lock")]
    let made = try Command(
      ["compile", "--cpu", "native", "-o", library] + arguments, environment: environment)
    #expect(made.status == 0, "\(made.errors)")
    let trusted = try Command(["plugins", "trust", library], environment: environment)
    #expect(trusted.status == 0, "\(trusted.errors)")
    return library
  }

  private func apply(_ arguments: [String], _ bench: Workbench, to out: String) throws -> [Float] {
    let found = try Command(
      ["apply", "--out", bench.path(out)] + arguments,
      environment: ["NORMA_LOCK": bench.path("lock")])
    #expect(found.status == 0, "\(arguments): \(found.errors)")
    return found.status == 0 ? try bench.read(out + "/y.npy").values : []
  }

  private func expectClose(_ a: [Float], _ b: [Float]) {
    #expect(a.count == b.count && !a.isEmpty)
    #expect(zip(a, b).allSatisfy { abs($0 - $1) < 2e-6 })
  }

  @Test("Of two integers each has its own part: groups, and the channels of one")
  func groups() throws {
    let bench = try Workbench()
    let made = try library(["group"], bench)
    let x = try bench.array("x.npy", [3, 64], Workbench.numbers(192))
    for setting in ["groups=4", "channels_per_group=8", "channels_per_group=32"] {
      let options = ["--input", x, "--hyper", setting]
      expectClose(
        try apply(["local/group", "--plugin", made] + options, bench, to: "made-" + setting),
        try apply(["group"] + options, bench, to: "own-" + setting))
    }
    let folder = bench.path("c")
    let exported = try Command(
      ["export", "group", "--to", "c", "--hyper", "channels_per_group=8", "-o", folder])
    #expect(exported.status == 0)
    let text = try String(contentsOfFile: folder + "/group.c", encoding: .utf8)
    #expect(text.contains("groups = s->channels / 8"))
  }

  @Test("Chunks of a batch are for training where inference has none")
  func chunks() throws {
    let bench = try Workbench()
    let made = try library(["ghost_batch"], bench)
    let x = try bench.array("x.npy", [3, 8], Workbench.numbers(24))
    expectClose(
      try apply(["local/ghost_batch", "--plugin", made, "--input", x], bench, to: "made"),
      try apply(["ghost_batch", "--input", x], bench, to: "own"))
    let found = try Command(
      [
        "apply", "local/ghost_batch", "--plugin", made, "--input", x, "--mode", "train", "--out",
        bench.path("none"),
      ], environment: ["NORMA_LOCK": bench.path("lock")])
    #expect(found.status == 64)
    #expect(found.errors.contains("has a batch of 3, which chunks of 16 samples do not divide"))
  }

  @Test("A shape's own code is what runs on it, and on no other")
  func ownCode() throws {
    let bench = try Workbench()
    let general = try library(["rms", "--id", "a/general"], bench, "general")
    let special = try library(["rms", "--id", "a/special", "--shape", "16x96"], bench, "special")
    for (shape, differs) in [([32, 96], true), ([32, 95], false)] {
      let x = try bench.array(
        "x\(shape[1]).npy", shape, Workbench.numbers(shape[0] * shape[1]).map { $0 * 1.7 })
      func y(_ id: String, _ library: String) throws -> [UInt32] {
        try apply([id, "--plugin", library, "--input", x], bench, to: "\(shape[1])" + id.suffix(7))
          .map(\.bitPattern)
      }
      // Sums in float and in double differ in the last bits somewhere.
      #expect(try (y("a/general", general) != y("a/special", special)) == differs, "\(shape)")
    }
  }

  private func script(_ bench: Workbench, _ body: String) throws -> String {
    let path = bench.path("mine.lua")
    try Data("norm.define(\"mine\", {\n\(body)\n})".utf8).write(to: URL(filePath: path))
    return path
  }

  @Test(
    "What no library can say, or what would be guessed, is refused with the reason",
    arguments: [
      (
        """
        param = { lift = norm.per("group") { 0 } },
        forward = function(x, s) return x:group(4) + s.lift end,
        """, "'lift' is kept for each group"
      )
    ])
  func refused(_ body: String, _ words: String) throws {
    let bench = try Workbench()
    let made = try Command([
      "compile", "mine", "--script", try script(bench, body), "-o", bench.path("made.so"),
    ])
    #expect(made.status == 64 && made.errors.contains(words), "\(made.errors)")
  }

  @Test("A setting may be infinite")
  func infinite() throws {
    let bench = try Workbench()
    let made = try library(
      [
        "mine", "--script",
        try script(
          bench,
          """
          hyper = { most = norm.real { math.huge, min = 0 } },
          forward = function(x, s) return x:min(s.most) - x:mean("channel") end,
          """),
      ], bench)
    let x = try bench.array("x.npy", [3, 8], Workbench.numbers(24))
    let y = try apply(["local/mine", "--plugin", made, "--input", x], bench, to: "made")
    #expect(y.allSatisfy(\.isFinite) && y.count == 24)
  }

  @Test("Nothing but a library is written over")
  func output() throws {
    let bench = try Workbench()
    let precious = bench.path("precious.so")
    try Data("a poem".utf8).write(to: URL(filePath: precious))
    let over = try Command(["compile", "rms", "-o", precious])
    #expect(over.status == 74 && over.errors.contains("is no library"))
    #expect(try String(contentsOfFile: precious, encoding: .utf8) == "a poem")
    let name = try Command(["compile", "rms", "-o", bench.path("rms.lua")])
    #expect(name.status == 64 && name.errors.contains("let it end in .so"))
    let package = try Command(["export", "rms", "--to", "torch", "-o", bench.path("torch")])
    #expect(package.status == 64 && package.errors.contains("would hide Python's own"))
    let shape = try Command(["compile", "rms", "--shape", "4", "-o", bench.path("a.so")])
    #expect(shape.status == 64 && shape.errors.contains("--shape 4096x1024"))
  }
}
