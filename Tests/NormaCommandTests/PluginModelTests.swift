import Foundation
import Testing

/// Networks with compiled norms: trained, saved, and loaded where the plugin is, is not, or is another.
struct PluginModelTests {
  private let bench: Workbench
  private let library: String
  private var environment: [String: String] { ["NORMA_LOCK": bench.path("norma.lock")] }

  init() throws {
    bench = try Workbench()
    library = bench.path("build/example_scale.so")
    try make()
  }

  /// Builds the example, and trusts it; `edit` changes its source.
  private func make(_ edit: (String) -> String = { $0 }) throws {
    let files = FileManager.default
    let example = Command.root.appending(path: "Plugins/example-scale")
    let copy = bench.folder.appending(path: "source")
    try? files.removeItem(at: copy)
    try files.copyItem(at: example, to: copy)
    let source = copy.appending(path: "scale.c")
    let text = try String(contentsOf: source, encoding: .utf8)
    try Data(edit(text).utf8).write(to: source)
    let built = try Command(
      [
        "make", "-s", "-C", copy.path, "BUILD=" + bench.path("build"),
        "ABI=" + Command.root.appending(path: "Sources/CNormaABI/include").path,
      ], program: URL(filePath: "/usr/bin/env"))
    #expect(built.status == 0, "\(built.errors)")
    let trusted = try Command(["plugins", "trust", library], environment: environment)
    #expect(trusted.status == 0, "\(trusted.errors)")
  }

  @Test(
    "A saved network names the plugin it needs, and is not read by another version of its schema")
  func travels() throws {
    let script = """
      model("m", { input = { 2 }, nn.linear { 12 }, nn.norm "example/scale", nn.relu(), nn.linear { 3 } })
      experiment { model = "m", data = dataset "spirals" { train = 90, validate = 30 },
        train = { steps = 20, batch = 8, optimizer = optim.sgd { rate = 0.1 } } }
      """
    try Data(script.utf8).write(to: bench.folder.appending(path: "run.lua"))
    let trained = try Command(
      ["run", bench.path("run.lua"), "--plugin", library, "--out", bench.path("out")],
      environment: environment)
    #expect(trained.status == 0, "\(trained.errors)")
    let weights = bench.path("out/final.safetensors")
    func evaluate(_ options: [String]) throws -> Command {
      try Command(["evaluate", weights, "--data", "spirals"] + options, environment: environment)
    }
    let found = try evaluate(["--plugin", library])
    #expect(found.status == 0 && found.output.contains("accuracy"), "\(found.errors)")

    let without = try evaluate([])
    #expect(without.status == 69)
    #expect(
      without.errors.contains(
        "norm 'example/scale' of 2.norm is not here: plugin org.example.scale 1.0.0 provided it"),
      "\(without.errors)")
    #expect(without.errors.contains("sha256 "))

    try make { $0.replacingOccurrences(of: ".schema_version = 1,", with: ".schema_version = 2,") }
    let other = try evaluate(["--plugin", library])
    #expect(other.status == 69)
    #expect(
      other.errors.contains("was saved with version 1 of its schema, and version 2 is here"),
      "\(other.errors)")
  }
}
