import Foundation
import Testing

/// The plugins of `Plugins/`, each written as a third party would: built by their own files, held to every
/// rule, and compared with the same norm by another hand.
struct ExamplePluginTests {
  struct Example: Sendable, CustomTestStringConvertible {
    let folder: String
    let id: String
    /// The same norm: a built-in, or one of the zoo, whose values are PyTorch's or the paper's.
    let twin: String
    let language: String
    var testDescription: String { folder }
    var library: String { id.replacingOccurrences(of: "/", with: "_") + ".so" }
  }

  static let examples = [
    Example(folder: "example-scale", id: "example/scale", twin: "scale", language: "c"),
    Example(
      folder: "example-batch-renorm", id: "example/batch_renorm", twin: "batch_renorm",
      language: "cpp"),
    Example(folder: "example-dyt", id: "example/dyt", twin: "dyt", language: "swift"),
    Example(folder: "example-rms", id: "example/rms", twin: "rms", language: "rust"),
  ]

  /// Runs make in a folder; nil where the machine lacks the language.
  private static func make(_ folder: String, _ language: String, _ arguments: [String] = []) throws
    -> Bool
  {
    if language == "rust", try Command(["cargo", "--version"], program: env).status != 0 {
      print("cargo is not there: the example in Rust is left out")
      return false
    }
    let found = try Command(["make", "-s", "-C", folder] + arguments, program: env)
    #expect(found.status == 0, "\(found.errors)")
    return true
  }

  private static let env = URL(filePath: "/usr/bin/env")

  @Test("Each builds by its own file and holds on every level", arguments: examples)
  func holds(_ example: Example) throws {
    let bench = try Workbench()
    let folder = Command.root.appending(path: "Plugins/" + example.folder).path
    guard try Self.make(folder, example.language, ["BUILD=" + bench.path("build")]) else { return }
    let found = try Command(["plugins", "check", bench.path("build/" + example.library), "--json"])
    #expect(found.status == 0, "\(found.output)")
    let items = try #require(found.json as? [[String: Any]])
    #expect(Set(items.compactMap { $0["level"] as? Int }) == [0, 1, 2, 3, 4])
    #expect(items.count > 40)
  }

  @Test("Each computes what the same norm by another hand does", arguments: examples)
  func agrees(_ example: Example) throws {
    let bench = try Workbench()
    let folder = Command.root.appending(path: "Plugins/" + example.folder).path
    guard try Self.make(folder, example.language, ["BUILD=" + bench.path("build")]) else { return }
    let library = bench.path("build/" + example.library)
    let environment = ["NORMA_LOCK": bench.path("norma.lock")]
    #expect(try Command(["plugins", "trust", library], environment: environment).status == 0)
    let x = try bench.array("x.npy", [5, 7, 9], Workbench.numbers(315, seed: 1))
    let dy = try bench.array("dy.npy", [5, 7, 9], Workbench.numbers(315, seed: 2))
    var settings: [String] = []
    if example.twin != "scale" {
      let gamma = try bench.array("gamma.npy", [9], Workbench.numbers(9, seed: 3))
      settings += ["--param", "gamma=" + gamma]
    }
    if example.twin == "batch_renorm" {
      let mean = try bench.array("mean.npy", [9], Workbench.numbers(9, seed: 4).map { $0 / 10 })
      settings += ["--buffer", "mean=" + mean]
    }
    for mode in ["train", "infer"] {
      func apply(_ norm: String, _ out: String) throws {
        let found = try Command(
          [
            "apply", norm, "--plugin", library, "--input", x, "--grad", dy, "--mode", mode, "--out",
            bench.path(out),
          ] + settings, environment: environment)
        #expect(found.status == 0, "\(found.errors)")
      }
      try apply(example.id, "plugin")
      try apply(example.twin, "twin")
      let names = try bench.names("plugin")
      #expect(try names == bench.names("twin") && names.contains("grad_input.npy"))
      for name in names {
        let (a, b) = (try bench.read("plugin/" + name), try bench.read("twin/" + name))
        #expect(a.shape == b.shape, "\(name)")
        let scale = b.values.map { abs($0) }.max() ?? 0
        let error = zip(a.values, b.values).map { abs($0 - $1) }.max() ?? 0
        #expect(error <= 1e-6 * max(scale, 1), "\(mode) \(name): \(error) of \(scale)")
      }
    }
  }

  @Test("A new plugin in each language builds by one command and holds", arguments: examples)
  func new(_ example: Example) throws {
    let bench = try Workbench()
    let folder = bench.path("mine")
    let made = try Command([
      "plugins", "new", "acme/own_norm", "--language", example.language, "--out", folder,
    ])
    #expect(made.status == 0 && made.output.contains("make -C \(folder)"), "\(made.errors)")
    let again = try Command(["plugins", "new", "acme/own_norm", "--out", folder])
    #expect(again.status == 74 && again.errors.contains("is there already"))
    guard try Self.make(folder, example.language) else { return }
    let found = try Command([
      "plugins", "check", folder + "/build/acme_own_norm.so", "--level", "2",
    ])
    #expect(found.status == 0, "\(found.output)")
    #expect(found.output.contains("acme/own_norm"))
    #expect(!found.output.contains("example"))
  }

  @Test("The memory of a norm without gradient is tried too")
  func forwardOnly() throws {
    let bench = try Workbench()
    let folder = Command.root.appending(path: "Plugins/example-scale").path
    let source = try String(contentsOfFile: folder + "/scale.c", encoding: .utf8)
    #expect(source.contains(".backward = backward,"))
    try source.replacingOccurrences(of: ".backward = backward,", with: "")
      .write(toFile: bench.path("scale.c"), atomically: true, encoding: .utf8)
    let header = Command.root.appending(path: "Sources/CNormaABI/include").path
    let library = bench.path("scale.so")
    let built = try Command(
      [
        "cc", "-w", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-I", header, "-I", folder,
        "-o", library, bench.path("scale.c"), "-lm",
      ], program: Self.env)
    #expect(built.status == 0, "\(built.errors)")
    let found = try Command(["plugins", "check", library, "--json"])
    let items = try #require(found.json as? [[String: Any]]).filter { $0["level"] as? Int == 4 }
    #expect(items.count >= 4 && items.allSatisfy { $0["outcome"] as? String == "PASS" })
  }

  @Test("What is no id is told")
  func wrongNames() throws {
    for name in ["scale", "Acme/scale", "acme/", "acme/a/b", "../x"] {
      let found = try Command(["plugins", "new", name])
      #expect(found.status == 64 && found.errors.contains("vendor/name"), "\(found.errors)")
    }
  }
}
