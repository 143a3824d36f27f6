import Foundation
import Testing

/// `scripts/bench`: its options, its lists and its arithmetic.
struct BenchScriptTests {
  private let scripts = Command.root.appending(path: "scripts")

  private func bench(_ arguments: [String]) throws -> Command {
    try Command(arguments, program: scripts.appending(path: "bench"))
  }

  /// The table of the given measurements, a line each, fields separated by blanks.
  private func table(_ lines: [String], kind: String, json: Bool = false) throws -> [String] {
    let box = try Workbench()
    let text = lines.map { $0.split(separator: " ").joined(separator: "\t") + "\n" }.joined()
    try Data(text.utf8).write(to: box.folder.appending(path: "times"))
    let awk = try Command(
      ["awk", "-v", "kind=\(kind)", "-v", "json=\(json ? 1 : 0)", "-v", "peers=1"]
        + ["-f", scripts.appending(path: "benchmarks/table.awk").path, box.path("times")],
      program: URL(filePath: "/usr/bin/env"))
    try #require(awk.status == 0, "\(awk.errors)")
    return awk.output.split(separator: "\n").map(String.init)
  }

  @Test("Help is on standard output and names every option")
  func help() throws {
    let help = try bench(["--help"])
    #expect(help.status == 0 && help.errors.isEmpty)
    for option in ["--python", "--threads", "--training", "--quick", "--json", "--rows"] {
      #expect(help.output.contains(option), "\(option)")
    }
  }

  @Test("Wrong options are refused before anything is built or measured")
  func mistakes() throws {
    let cases: [(arguments: [String], status: Int32, part: String)] = [
      (["--fast"], 64, "'--fast'"), (["--threads"], 64, "needs a value"),
      (["--threads", "0"], 64, "got 0"), (["--threads", "two"], 64, "got two"),
      (["--rows", "no such row"], 64, "'no such row'"), (["layer"], 64, "'layer'"),
      (["--python", "/nowhere/python"], 66, "/nowhere/python"),
      (["--python", "/bin/false"], 69, "cannot import torch"),
    ]
    for (arguments, status, part) in cases {
      let command = try bench(arguments)
      #expect(command.status == status, "\(arguments)")
      #expect(command.output.isEmpty && command.errors.hasPrefix("norma: "), "\(arguments)")
      #expect(command.errors.contains(part) && command.errors.contains("\nhint: "), "\(arguments)")
    }
  }

  @Test("Every row of the list is a norm and a shape that can be measured")
  func rows() throws {
    let file = scripts.appending(path: "benchmarks/norms.txt")
    let list = try String(contentsOf: file, encoding: .utf8)
    let rows = list.split(separator: "\n").filter { !$0.hasPrefix("#") }
      .map { $0.split(separator: " ").map(String.init) }
    #expect(rows.count == 31 && rows.allSatisfy { $0.count == 4 })
    let norms = scripts.appending(path: "benchmarks/norms.lua").path
    // Small tensors of the same kinds; 32 groups must divide the channels.
    for name in Set(rows.map { $0[1] }).sorted() {
      let command = try Command(
        ["norms", "bench", name, "--script", norms, "--shape", "2x64x3x2", "--axis", "1"]
          + ["--seconds", "0", "--threads", "1", "--json"])
      #expect(command.status == 0, "\(name): \(command.errors)")
    }
  }

  @Test("A time is the median of the rounds, a mean is geometric, a slower row is named")
  func arithmetic() throws {
    let lines = try table(
      [
        "layer 4x5 2 tiles 10 20 50 40 400 - -", "py-rms 4x5 2 tiles 10 20 50 10 100 20 50",
        "layer 4x5 2 tiles 10 30 60 40 400 - -", "py-rms 4x5 2 tiles 10 20 50 10 100 20 50",
        "layer 4x5 2 tiles 90 10 40 40 400 - -", "py-rms 4x5 2 tiles 10 20 50 10 100 20 50",
      ], kind: "norms", json: true)
    #expect(lines[0].contains("\"copy_us\":10.000,\"forward_us\":20.000"))
    #expect(lines[0].contains("\"eager_forward_backward_us\":400.000"))
    #expect(!lines[0].contains("compiled"))
    // Forward: twice as fast on one row, half as fast on the other; both: 8 and 2 times.
    func mean(_ what: String, _ speedUp: String) -> String {
      #"{"mean":"\#(what), all rows","speed_up":\#(speedUp),"rows":2}"#
    }
    #expect(lines.contains(mean("forward against eager", "1.000")))
    #expect(lines.contains(mean("forward + backward against eager", "4.000")))
    #expect(lines.last == #"{"slower":"py-rms 4x5, forward against eager: 2.00 x the time"}"#)
    #expect(lines.filter { $0.contains("slower") }.count == 1)
  }

  @Test("The table has times in copies; training has milliseconds beside the better peer")
  func tables() throws {
    let norms = try table(["batch 4x5 2 tiles 10 25 50 40 80 30 -"], kind: "norms")
    let row = try #require(norms.first { $0.hasPrefix("| batch") })
    let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    #expect(cells == ["batch", "4x5", "10.0", "2.50", "4.00", "3.00", "5.00", "8.00", "-"])
    #expect(norms.last == "no row is slower than a peer")
    let training = try table(["mlp layer 128 2 auto 2 5 4"], kind: "training")
    let step = try #require(training.first { $0.hasPrefix("| mlp") })
    let numbers = step.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    #expect(numbers == ["mlp", "layer", "128", "2.00", "5.00", "4.00", "2.00"])
  }
}
