import Foundation
import Testing

/// What the README and the tutorials tell people to type does what they show.
struct DocumentationTests {
  private static let tutorials = "Sources/NormaLibrary/Norma.docc/"

  @Test(
    "Commands, outputs and scripts of the documentation hold",
    arguments: [
      ["README.md"],
      [
        tutorials + "FirstNormInLua.md", tutorials + "FirstCompiledNorm.md",
        tutorials + "ChoosingANorm.md",
      ],
    ])
  func pages(_ pages: [String]) throws {
    let bench = try Workbench()
    _ = try bench.array("x.npy", [7, 5], Workbench.numbers(35))
    _ = try bench.array("dy.npy", [7, 5], Workbench.numbers(35, seed: 2))
    let overreach = try #require(
      BadPluginTests.faults.first { $0.name == "reads one float too many" })
    _ = try BadPluginTests.build(overreach, in: bench)
    let binary = try Command.binary.get().deletingLastPathComponent().path
    let environment = [
      "PATH": binary + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? ""),
      "NORMA_LOCK": bench.path("norma.lock"),
    ]
    for page in pages {
      let text = try String(contentsOf: Command.root.appending(path: page), encoding: .utf8)
      let steps = Documentation(text).steps
      #expect(!steps.isEmpty)
      for placed in steps {
        switch placed.step {
        case .file(let name, var text, let adds):
          if adds { text = try String(contentsOfFile: bench.path(name), encoding: .utf8) + text }
          try Data(text.utf8).write(to: bench.folder.appending(path: name))
        case .command(let command, let prints):
          let found = try Command(
            ["-c", "set -o pipefail; cd '\(bench.folder.path)' && \(command)"],
            environment: environment,
            program: URL(filePath: "/bin/bash"))
          let place = "\(page), line \(placed.line): \(command)"
          // A command that is shown to fail is shown with its last words.
          let fails = prints?.contains { $0.hasPrefix("norma: ") } ?? false
          #expect((found.status != 0) == fails, "\(place)\n\(found.errors)")
          let output = found.output + (fails ? found.errors : "")
          if let prints, let missing = Documentation.mismatch(shown: prints, found: output) {
            Issue.record("\(place)\nlacks: \(missing)\nin:\n\(output)")
          }
        }
      }
    }
  }

  @Test("A page that shows something else is found out")
  func mistakes() {
    let page = """
      ```console
      $ norma a
      took 12 µs
      ...
      26 of 27 hold
      $ norma b
      ```
      <!-- not run: needs another machine -->
      ```sh
      norma c
      ```
      ```lua
      -- d.lua, at its end
      print(1)
      ```
      """
    let steps = Documentation(page).steps
    #expect(steps.map(\.line) == [2, 6, 13])
    guard case .command("norma a", prints: let shown?) = steps[0].step,
      case .file("d.lua", _, adds: true) = steps[2].step
    else {
      Issue.record("\(steps)")
      return
    }
    func mismatch(_ found: String) -> String? {
      Documentation.mismatch(shown: shown, found: found)
    }
    #expect(mismatch("took   9 µs\n26 of 27 hold\n") == nil)
    #expect(mismatch("took 9 µs\nmore\n\n26 of 27 hold\n") == nil)
    #expect(mismatch("took 9 µs\n25 of 27 hold\n") == "26 of 27 hold")
    #expect(Documentation.mismatch(shown: ["in 4 steps"], found: "in 5 steps\n") == "in 4 steps")
    #expect(mismatch("took 9 hours\n26 of 27 hold\n") == "took 12 µs")
    #expect(mismatch("took 9 µs\n26 of 27 hold\nmore\n") == "nothing more before: more")
  }
}
