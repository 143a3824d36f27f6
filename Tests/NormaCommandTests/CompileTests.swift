import Foundation
import Testing

/// `norma compile`: what it makes is a plugin like any other, and computes what the definition does.
struct CompileTests {
  /// A norm, and tensors of the contract's own checks that get machine code.
  struct Case: Sendable, CustomTestStringConvertible {
    let norm: String
    let shapes: [String]
    var axis = "-1"
    /// Of the shapes, those with code for both modes.
    var whole: Int?
    var testDescription: String { "\(norm) \(shapes.joined(separator: " ")) axis \(axis)" }
  }

  static let cases = [
    Case(norm: "rms", shapes: ["7x5x9", "3x4x9"]),
    Case(norm: "batch", shapes: ["7x9x5", "3x9x4"], axis: "1"),
    Case(norm: "group", shapes: []),
    // Refuses vectors, of which each statistic would be of one value.
    Case(norm: "instance", shapes: []),
    Case(norm: "ghost_batch", shapes: []),
    // Backward reads buffers as they were; gradients are partial; code for inference alone.
    Case(norm: "batch_renorm", shapes: ["7x5x9"], whole: 0),
    // Arrays along the batch: code for one batch.
    Case(norm: "evonorm_b0", shapes: ["7x5x9"]),
    // Second inputs as large as x, in its strides.
    Case(norm: "spade", shapes: ["7x5x9"]),
  ]

  private static func compile(
    _ arguments: [String], to library: String, lock: String
  ) throws -> Command {
    let made = try Command(
      ["compile"] + arguments + ["-o", library], environment: ["NORMA_LOCK": lock])
    guard made.status == 0 else { return made }
    let trusted = try Command(
      ["plugins", "trust", library], environment: ["NORMA_LOCK": lock])
    #expect(trusted.status == 0, "\(trusted.errors)")
    return made
  }

  @Test("What is made holds on every level, machine code for some sizes included", arguments: cases)
  func holds(_ test: Case) throws {
    let bench = try Workbench()
    let library = bench.path("made.so")
    let made = try Command(
      ["compile", test.norm, "-o", library, "--cpu", "native", "--axis=" + test.axis, "--json"]
        + test.shapes.flatMap { ["--shape", $0] })
    #expect(made.status == 0, "\(made.errors)")
    let report = try #require(made.json as? [String: Any])
    #expect((report["shapes"] as? [Any])?.count == test.whole ?? test.shapes.count)
    let found = try Command(["plugins", "check", library, "--json"])
    #expect(found.status == 0, "\(found.output)")
    let items = try #require(found.json as? [[String: Any]])
    #expect(items.contains { $0["check"] as? String == "'y' matches the reference" })
    #expect(!items.contains { $0["outcome"] as? String == "SKIP" })
  }

  @Test(
    "A scripted norm computes the same without its script, within and beyond the range of floats")
  func agrees() throws {
    let bench = try Workbench()
    let script = bench.path("mine.lua")
    try """
    norm.define("mine", {
      hyper = { epsilon = norm.real { 0, min = 0 }, power = norm.int { 2, min = 1 },
        centred = norm.bool { true } },
      param = { gamma = norm.per_channel { 1 } },
      forward = function(x, s)
        if s.centred then x = x - x:mean("channel") end
        return x / ((x ^ 2):mean("channel") ^ s.power + s.epsilon) ^ (0.5 / s.power) * s.gamma
      end,
    })
    """.write(toFile: script, atomically: true, encoding: .utf8)
    let library = bench.path("mine.so")
    let lock = bench.path("lock")
    let made = try Self.compile(
      ["mine", "--script", script, "--id", "acme/mine", "--shape", "6x5x8"], to: library, lock: lock
    )
    #expect(made.status == 0, "\(made.errors)")
    #expect(made.output.contains("power is 2 in it"))
    let gamma = try bench.array("gamma.npy", [8], Workbench.numbers(8, seed: 3))
    let dy = try bench.array("dy.npy", [6, 5, 8], Workbench.numbers(240, seed: 2))
    // 1e-30: one over the deviation is no float that machine code computes with.
    for (name, factor) in [("plain", 1), ("large", 1e17), ("small", 1e-30)] {
      let x = try bench.array(
        "\(name).npy", [6, 5, 8], Workbench.numbers(240, seed: 1).map { $0 * factor })
      for axis in ["-1", "1"] where axis == "-1" || name == "plain" {
        for setting in ["centred=true", "centred=false"] {
          func apply(_ arguments: [String], _ out: String) throws {
            let found = try Command(
              [
                "apply", "--input", x, "--grad", dy, "--axis=" + axis, "--hyper", setting, "--out",
                bench.path(out),
              ] + (axis == "1" ? [] : ["--param", "gamma=" + gamma]) + arguments,
              environment: ["NORMA_LOCK": lock])
            #expect(found.status == 0, "\(found.errors)")
          }
          try apply(["acme/mine", "--plugin", library], "made")
          try apply(["mine", "--script", script, "--executor", "reference"], "defined")
          for file in try bench.names("defined") {
            let (a, b) = (try bench.read("made/" + file), try bench.read("defined/" + file))
            #expect(a.shape == b.shape)
            let scale = b.values.map { abs($0) }.max() ?? 0
            let error = zip(a.values, b.values).map { abs($0 - $1) }.max() ?? 0
            #expect(
              error <= 2e-6 * scale, "\(name) axis \(axis) \(setting) \(file): \(error) of \(scale)"
            )
          }
        }
      }
    }
    let shown = try Command(
      ["norms", "show", "acme/mine", "--plugin", library], environment: ["NORMA_LOCK": lock])
    #expect(shown.output.contains("variance(x, channel)^2") && shown.output.contains("dgamma ="))
    let refused = try Command(
      [
        "apply", "acme/mine", "--plugin", library, "--hyper", "power=3", "--input",
        bench.path("plain.npy"), "--out", bench.path("o"),
      ], environment: ["NORMA_LOCK": lock])
    #expect(refused.status == 64 && refused.errors.contains("'power' must be"), "\(refused.errors)")
  }

  @Test("A library for all processors chooses its code; one for another is refused")
  func processors() throws {
    let bench = try Workbench()
    let library = bench.path("made.so")
    #expect(try Command(["compile", "pono", "-o", library, "--shape", "7x5x9"]).status == 0)
    #expect(try Command(["plugins", "check", library, "--level", "3"]).status == 0)
    let manifest = try String(contentsOfFile: bench.path("made.norma.json"), encoding: .utf8)
    #expect(manifest.contains("local/pono") && manifest.contains("--cpu multi"))
    #if arch(x86_64)
      let words = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
      if !words.contains("avx512f") {
        let other = bench.path("other.so")
        #expect(
          try Command(["compile", "pono", "-o", other, "--cpu", "x86-64-v4"]).status == 0)
        let found = try Command(["plugins", "check", other, "--level", "1"])
        #expect(found.status == 2 && found.output.contains("x86-64-v4"), "\(found.output)")
      }
    #endif
  }

  @Test(
    "What no library can say is refused with the reason",
    arguments: [
      (["power"], "backward changes buffers"), (["divisive"], "sums over neighbours"),
      (["ibn"], "depends on the number of channels"), (["nosuch"], "no norm named 'nosuch'"),
      (["rms", "--id", "rms"], "vendor/name"), (["rms", "--library-version", "1"], "1.2.3"),
      (["rms", "--cpu", "z80"], "z80"), (["rms", "--shape", "axb"], "is not a list of sizes"),
      (["rms", "--shape", "4x8", "--axis=7"], "axis 7 does not exist"),
      (["rms", "--hyper", "epsilon=-1"], "must be"),
    ])
  func refusals(_ arguments: [String], _ reason: String) throws {
    let bench = try Workbench()
    let found = try Command(["compile"] + arguments + ["-o", bench.path("x.so")])
    #expect(found.status != 0 && found.errors.contains(reason), "\(found.errors)")
    #expect(!FileManager.default.fileExists(atPath: bench.path("x.so")))
  }

  @Test("No compiler, a failing one and a folder that is not there are told")
  func noCompiler() throws {
    let bench = try Workbench()
    for (compiler, words) in [("/nonexistent/cc", "no program"), ("/bin/false", "failed")] {
      let found = try Command(
        ["compile", "rms", "-o", bench.path("x.so")], environment: ["NORMA_CC": compiler])
      #expect(found.status == 69 && found.errors.contains(words), "\(found.errors)")
    }
    let found = try Command(["compile", "pono", "--cpu", "native", "-o", bench.path("no/x.so")])
    #expect(found.status == 74 && found.errors.contains("cannot write"), "\(found.errors)")
  }
}
