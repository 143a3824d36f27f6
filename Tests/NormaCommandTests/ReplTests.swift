import Foundation
import Testing

/// `norma repl`, `norma lua-stubs`, `norma norms card`, and the zoo's own tests.
struct ReplTests {
  private func repl(_ text: String, _ arguments: String = "") throws -> Command {
    // The shell makes the pipe; norma is what the first argument says.
    let norma = Command.root.appending(path: ".build/release/norma").path
    return try Command(
      ["-c", "printf '%s' \"$0\" | \"$1\" repl --executor tiles \(arguments)", text, norma],
      program: URL(filePath: "/bin/sh"))
  }

  @Test("From a pipe: values go to standard output, the first mistake ends it")
  func pipe() throws {
    let found = try repl(
      "x = tensor { {3, 4} }\nnorm.rms { epsilon = 0 }:apply(x)\n?rms\n:plan rms 8x8\n")
    #expect(found.status == 0 && found.errors.isEmpty)
    #expect(found.output.contains("{ 0.8485, 1.131 }"))
    #expect(found.output.contains("y = x * rsqrt(mean_square(x, channel) + epsilon) * gamma"))
    #expect(found.output.contains("runs        the tile interpreter"))
    let wrong = try repl("1\nnorm.rsm()\n2\n")
    #expect(wrong.status == 65 && wrong.output == "1\n")
    #expect(wrong.errors.contains("no norm named 'rsm'; did you mean 'rms'?"))
    let open = try repl("for i = 1, 2 do\n")
    #expect(open.status == 65 && open.errors.contains("is an 'end' missing?"))
  }

  @Test("Threads of networks spin for a limited time, unless the environment says how they wait")
  func waiting() throws {
    // What the process began with, asked when it has answered.
    let script = """
      coproc "$0" repl
      echo '1 + 1' >&"${COPROC[1]}"
      read -r _ <&"${COPROC[0]}"
      tr '\\0' '\\n' <"/proc/$COPROC_PID/environ" | grep -E '^(GOMP|OMP)_'
      """
    func found(_ environment: [String: String]) throws -> String {
      try Command(
        ["-c", script, Command.binary.get().path], environment: environment,
        program: URL(filePath: "/bin/bash")
      ).output
    }
    #expect(try found([:]) == "GOMP_SPINCOUNT=10000\n")
    #expect(try found(["OMP_WAIT_POLICY": "active"]) == "OMP_WAIT_POLICY=active\n")
  }

  @Test("Stubs are written beside scripts; settings that are there are left alone")
  func stubs() throws {
    let bench = try Workbench()
    let folder = bench.path("scripts")
    #expect(try Command(["lua-stubs", folder]).status == 0)
    let meta = try String(contentsOfFile: folder + "/norma.meta.lua", encoding: .utf8)
    #expect(meta.contains("function norm.evonorm_s0(settings) end"))
    try Data("{}".utf8).write(to: URL(filePath: folder + "/.luarc.json"))
    #expect(try Command(["lua-stubs", folder]).status == 0)
    #expect(try String(contentsOfFile: folder + "/.luarc.json", encoding: .utf8) == "{}")
  }

  @Test("A card shows norms side by side, as text, JSON and picture")
  func card() throws {
    let bench = try Workbench()
    let picture = bench.path("card.svg")
    let found = try Command(["norms", "card", "rms", "layer", "--no-time", "--svg", picture])
    #expect(found.status == 0)
    let lines = found.output.split(separator: "\n")
    #expect(lines[0].split(separator: " ") == ["rms", "layer"])
    #expect(lines.contains { $0.hasPrefix("shift does not matter") && $0.hasSuffix("of a sample") })
    let svg = try String(contentsOfFile: picture, encoding: .utf8)
    #expect(svg.hasPrefix("<svg ") && svg.contains("<polyline"))
    _ = try XMLDocumentCheck(svg)
    let json = try Command(["norms", "card", "weight_standard", "--no-time", "--json"]).json
    let cards = try #require(json as? [[String: Any]])
    let properties = try #require(cards.first?["properties"] as? [String: Any])
    #expect(properties["isForWeights"] as? Bool == true)
    #expect(properties["mixes"] as? [String] == ["space"])
    #expect(try Command(["norms", "card", "rsm"]).status == 64)
    try Data("norm.define('mine', { forward = function(x) return x:tanh() end })".utf8)
      .write(to: bench.folder.appending(path: "mine.lua"))
    let own = try Command(["norms", "card", bench.path("mine.lua"), "--no-time"])
    #expect(own.status == 0 && own.output.contains("statistics mix                 nothing"))
  }

  @Test("Every file of the zoo has a test that holds")
  func zoo() throws {
    let folder = Command.root.appending(path: "Plugins/zoo")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".lua") }.sorted()
    #expect(files.count >= 45)
    let found = try Command(["test"] + files.map { folder.appending(path: $0).path })
    #expect(found.status == 0, "\(found.output)")
  }
}

/// Whether a text is XML in the plainest sense: every element is closed in its turn.
private struct XMLDocumentCheck {
  struct Broken: Error { let at: String }

  init(_ text: String) throws {
    var open: [Substring] = []
    for part in text.split(separator: "<").dropFirst(text.hasPrefix("<") ? 0 : 1) {
      guard let end = part.firstIndex(of: ">") else { throw Broken(at: String(part)) }
      let tag = part[..<end]
      if tag.hasPrefix("/") {
        guard open.popLast() == tag.dropFirst() else { throw Broken(at: String(tag)) }
      } else if !tag.hasSuffix("/") {
        open.append(tag.prefix { $0 != " " })
      }
    }
    guard open.isEmpty else { throw Broken(at: open.joined(separator: " ")) }
  }
}
