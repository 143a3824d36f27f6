import Foundation
import Testing

/// What may be loaded, and what is refused with the reason.
struct TrustTests {
  private let bench: Workbench
  private let library: String
  private var environment: [String: String] {
    ["NORMA_LOCK": bench.path("norma.lock"), "NORMA_PLUGIN_PATH": bench.path("plugins")]
  }

  init() throws {
    bench = try Workbench()
    let found = try Command(
      [
        "-s", "-C", Command.root.appending(path: "Plugins/example-scale").path,
        "BUILD=" + bench.path("plugins"),
      ], program: URL(filePath: "/usr/bin/make"))
    #expect(found.status == 0, "\(found.errors)")
    library = bench.path("plugins/example_scale.so")
  }

  private func norma(_ arguments: String...) throws -> Command {
    try Command(arguments, environment: environment)
  }

  private func trust() throws {
    let found = try norma("plugins", "trust", library)
    #expect(
      found.status == 0 && found.output.hasPrefix("org.example.scale 1.0.0"), "\(found.errors)")
  }

  /// Expects that the norm is not there, and the reason in a warning.
  private func expectRefused(_ reason: String) throws {
    let found = try norma("norms", "show", "example/scale")
    #expect(found.status == 64, "\(found.output)")
    #expect(found.errors.contains(reason), "\(found.errors)")
  }

  @Test("Nothing is loaded that was not trusted; what was trusted is a norm like any other")
  func trusted() throws {
    try expectRefused("it is not trusted; a plugin runs with all rights of the process")
    try expectRefused("norma plugins trust \(library)")
    try trust()
    let list = try norma("plugins", "list", "--json").json as? [[String: Any]]
    #expect(list?.first?["accepted"] as? Bool == true)
    #expect(try norma("norms", "show", "example/scale").output.contains("example/scale"))
    #expect(try norma("plugins", "trust", "--remove", "org.example.scale").status == 0)
    try expectRefused("it is not trusted")
    #expect(try norma("plugins", "trust", "--remove", "org.example.scale").status == 64)
  }

  @Test("--plugin names a library, which must be trusted too")
  func named() throws {
    let copy = bench.path("copy.so")
    try FileManager.default.copyItem(atPath: library, toPath: copy)
    let environment = ["NORMA_LOCK": bench.path("norma.lock")]
    func show() throws -> Command {
      try Command(["norms", "show", "example/scale", "--plugin", copy], environment: environment)
    }
    let refused = try show()
    #expect(refused.status == 69 && refused.errors.contains("it is not trusted"))
    try trust()
    // The same bytes are the same library, wherever they lie.
    #expect(try show().status == 0)
  }

  @Test("What is named comes before what is found: the other of the same id is refused")
  func namedFirst() throws {
    let named = bench.path("named.so")
    try FileManager.default.copyItem(atPath: library, toPath: named)
    try trust()
    let found = try norma("norms", "show", "example/scale", "--plugin", named)
    #expect(found.status == 0 && found.output.contains(named), "\(found.output)\(found.errors)")
    #expect(found.errors.contains("is taken by another library"), "\(found.errors)")
  }

  @Test("A library that was changed or exchanged is refused")
  func changed() throws {
    try trust()
    var bytes = try Data(contentsOf: URL(filePath: library))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(filePath: library))
    try expectRefused("it is not the library that was trusted: sha256")
    // What is checked is what is loaded: another file under the name is another library.
    try FileManager.default.removeItem(atPath: library)
    try Data("no library".utf8).write(to: URL(filePath: library))
    try expectRefused("it is not the library that was trusted")
  }

  @Test("Places that others may write to, and links out of the folder, are refused")
  func places() throws {
    try trust()
    let manager = FileManager.default
    try manager.setAttributes([.posixPermissions: 0o777], ofItemAtPath: bench.path("plugins"))
    try expectRefused("others may write '")
    try manager.setAttributes([.posixPermissions: 0o755], ofItemAtPath: bench.path("plugins"))
    try manager.setAttributes([.posixPermissions: 0o666], ofItemAtPath: library)
    try expectRefused("others may write '")
    try manager.setAttributes([.posixPermissions: 0o755], ofItemAtPath: library)
    #expect(try norma("norms", "show", "example/scale").status == 0)
    let outside = bench.path("outside.so")
    try manager.moveItem(atPath: library, toPath: outside)
    try manager.createSymbolicLink(atPath: library, withDestinationPath: outside)
    try expectRefused("it is a symbolic link out of its folder")
  }

  @Test("A manifest must be true; a lock file that is none trusts nobody")
  func files() throws {
    try trust()
    let manifest = bench.folder.appending(path: "plugins/example_scale.norma.json")
    let zeros = String(repeating: "0", count: 64)
    try Data(
      """
      { "id": "org.example.scale", "version": "1.0.0", "sha256": "\(zeros)", "license": "MIT",
        "norms": ["example/scale"], "build": "" }
      """.utf8
    ).write(to: manifest)
    try expectRefused("its manifest says sha256 000000000000...")
    try Data("{}".utf8).write(to: manifest)
    try expectRefused("is not { id, version, sha256, license, norms, build }")
    try FileManager.default.removeItem(at: manifest)
    #expect(try norma("norms", "show", "example/scale").status == 0)
    try Data("[1, 2]".utf8).write(to: bench.folder.appending(path: "norma.lock"))
    try expectRefused("it is no lock file of Norma")
    #expect(try norma("plugins", "trust", library).status == 65)
  }

  @Test("The example keeps every rule, on every level")
  func exampleHolds() throws {
    let found = try norma("plugins", "check", library)
    #expect(found.status == 0, "\(found.output)")
    #expect(
      found.output.contains("PASS  4  example/scale  a thousand layers leave no memory behind"))
    let none = try norma("plugins", "check", bench.path("none.so"))
    #expect(none.status == 66 && none.errors.contains("there is no library"))
    #expect(try norma("plugins", "check", library, "--level", "9").status == 64)
    #expect(try norma("plugins", "check", library, "--only", "nonsense").status == 64)
    let text = bench.path("plugins/text.so")
    try Data("no library".utf8).write(to: URL(filePath: text))
    let wrong = try norma("plugins", "check", text)
    #expect(wrong.status == 2 && wrong.output.contains("it is no compiled library"))
  }
}
