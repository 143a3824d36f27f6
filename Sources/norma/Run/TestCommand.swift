import ArgumentParser
import NormaCore
import NormaLua
import NormaTerminal

/// `norma test`.
struct TestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test",
    abstract: "Run the tests of scripts.",
    discussion: """
      A script declares tests with test("name", function() ... end); other commands read past them. \
      Words in them: expect.equal(found, wanted), expect.close(found, wanted, tolerance), \
      expect.ok(value, message), expect.error(function, part of the message). Values are numbers, \
      texts, lists of numbers and tensors. The exit status is 2 when a test fails.

      Examples:
        norma test mine.lua
        norma test norms.lua models.lua --json
      """)

  @Argument(help: "The scripts.", completion: .file(extensions: ["lua"]))
  var files: [String]

  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var output: OutputOptions

  private struct Item: Encodable {
    let file: String
    let test: String
    let place: String
    let passed: Bool
    let message: String
  }

  func run() throws {
    var items: [Item] = []
    for file in files {
      // Each in an interpreter of its own: what one defines, another does not see.
      let session = try registryOptions.session(registryOptions.knownNorms(), trains: true)
      try session.load(scripts: registryOptions.scripts)
      let before = session.tests.count
      try session.run(file: file)
      guard session.tests.count > before else {
        throw NormaError(
          .script, "'\(file)' declares no test",
          help: "test(\"name\", function() expect.equal(1 + 1, 2) end)")
      }
      try session.tests.run { outcome throws(NormaError) in
        if !output.json { try output.write(lines: lines(outcome)) }
        items.append(
          Item(
            file: file, test: outcome.name, place: outcome.place.map { "\($0)" } ?? "",
            passed: outcome.failure == nil, message: outcome.failure?.description ?? ""))
      }
    }
    if output.json { try output.write(json: items) }
    let failed = items.count { !$0.passed }
    guard failed == 0 else {
      throw NormaError(.gate, "\(failed) of \(items.count) tests failed")
    }
  }

  private func lines(_ outcome: ScriptTests.Outcome) -> [StyledText] {
    guard let failure = outcome.failure else {
      return [StyledText("pass", .green) + StyledText("  \(outcome.name)")]
    }
    return [StyledText("FAIL", .red.union(.bold)) + StyledText("  \(outcome.name)")]
      + failure.description.split(separator: "\n").map { StyledText("      \($0)") }
  }
}
