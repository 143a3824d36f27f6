import Foundation
import Testing

/// `norma norms check`.
struct NormsCheckTests {
  private func script(_ bench: Workbench, _ text: String) throws -> String {
    try Data(text.utf8).write(to: bench.folder.appending(path: "mine.lua"))
    return bench.path("mine.lua")
  }

  @Test("A norm that is right passes, a line a check")
  func right() throws {
    let found = try Command(["norms", "check", "rms", "--executor", "tiles"])
    #expect(found.status == 0 && found.errors.isEmpty)
    #expect(found.output.contains("  pass  gradient of 'x' matches differences"))
    #expect(!found.output.contains("FAIL"))
  }

  @Test("A gradient cut on the quiet is caught; the command that repeats the check does")
  func cutGradient() throws {
    let bench = try Workbench()
    let path = try script(
      bench,
      """
      norm.define("cut", { hyper = { epsilon = norm.real { 1e-5, min = 0 } },
        forward = function(x, s)
          return x * ((x^2):mean("channel") + s.epsilon):rsqrt():stop()
        end })
      norm.define("fine", { forward = function(x, s) return x:tanh() end })
      """)
    let found = try Command(["norms", "check", path, "--executor", "tiles"])
    #expect(found.status == 2)
    #expect(found.output.contains("cut  tiles") && found.output.contains("fine  tiles"))
    #expect(found.errors == "norma: 1 check(s) did not hold: cut\n")
    #expect(found.output.contains("where that is meant, say gradient = \"partial\""))
    let again = try #require(
      found.output.split(separator: "\n").first { $0.contains("again: norma ") })
    let command = again.components(separatedBy: "again: norma ")[1]
    #expect(
      command == "norms check cut --script \(path) --executor tiles"
        + " --only \"gradient of 'x' matches differences\"")
    let repeated = try Command([
      "norms", "check", "cut", "--script", path, "--executor", "tiles", "--only",
      "gradient of 'x' matches differences", "--json",
    ])
    #expect(repeated.status == 2)
    let reports = try #require(repeated.json as? [[String: Any]])
    let checks = try #require(reports.first?["checks"] as? [[String: Any]])
    #expect(reports.count == 1 && checks.count == 1)
    #expect(checks.first?["passed"] as? Bool == false)
    #expect((checks.first?["input"] as? String)?.hasPrefix("shape [") == true)
  }

  @Test("A norm that gives NaN on constants does not pass, though its formula does so too")
  func constants() throws {
    let bench = try Workbench()
    let path = try script(
      bench,
      """
      norm.define("bare", { forward = function(x, s)
        return (x - x:mean("channel")) / x:variance("channel"):sqrt()
      end })
      """)
    let found = try Command(["norms", "check", path, "--executor", "tiles", "--only", "finite"])
    #expect(found.status == 2)
    #expect(found.output.contains("FAIL  results are finite on hard inputs"))
    #expect(found.output.contains("x = 12345.678"))
  }

  @Test("Native code is what was checked, and is told from an interpreter that stood in for it")
  func native() throws {
    let own = ["norms", "check", "rms", "--only", "machine code", "--json"]
    let reports = try #require(try Command(own).json as? [[String: Any]])
    #expect(reports.compactMap { $0["executor"] as? String } == ["tiles", "native"])
    let checks = try #require(reports.last?["checks"] as? [[String: Any]])
    #expect(checks.count == 1 && checks.first?["passed"] as? Bool == true)
    // Without a compiler there is nothing to check, unless it was asked for.
    let none = ["NORMA_CC": "/nonexistent/cc"]
    let left = try Command(["norms", "check", "rms", "--json"], environment: none)
    #expect(left.status == 0)
    #expect(try (left.json as? [[String: Any]])?.count == 1)
    let asked = try Command(
      ["norms", "check", "rms", "--executor", "native"], environment: none)
    #expect(asked.status == 69 && asked.errors.contains("--executor native: "))
  }

  @Test("What cannot be checked is wrong usage, not a check that fails")
  func mistakes() throws {
    let bench = try Workbench()
    #expect(try Command(["norms", "check", "rsm"]).errors.contains("did you mean 'rms'?"))
    let setting = try Command(["norms", "check", "rms", "--hyper", "epsilno=1"])
    #expect(setting.status == 64 && setting.errors.contains("did you mean 'epsilon'?"))
    let unknown = try Command(
      ["norms", "check", "rms", "--executor", "tiles", "--only", "nonsense"])
    #expect(unknown.status == 64 && unknown.errors.contains("hint: the checks: "))
    let empty = try Command(["norms", "check", try script(bench, "local a = 1")])
    #expect(empty.status == 64 && empty.errors.contains("defines no norm"))
    #expect(try Command(["norms", "check", bench.path("none.lua")]).status == 66)
  }
}
