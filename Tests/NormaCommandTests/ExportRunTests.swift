import Foundation
import Testing

/// `norma export-run`: what runs measured, for other programs.
struct ExportRunTests {
  /// A sweep of two norms and two seeds.
  private static func sweep(_ bench: Workbench) throws -> String {
    let path = bench.path("sweep.lua")
    try Data(
      """
      model("net", { input = { 2 }, nn.linear { 16 }, nn.norm(), nn.relu(), nn.linear { 3 } })
      experiment { name = "s", model = "net", data = dataset "spirals" { train = 96, validate = 30 },
        sweep = { { "norm", { "batch", norm.group { groups = 4, epsilon = 1e-3 } } }, { "seed", { 1, 2 } } },
        train = { epochs = 3, batch = 16, clip = 1 } }
      """.utf8
    ).write(to: URL(filePath: path))
    let out = bench.path("runs")
    let found = try Command(["run", path, "--out", out, "--executor", "tiles", "--quiet"])
    #expect(found.status == 0, "\(found.errors)")
    return out
  }

  @Test("A line of CSV for each event, and tables of what runs ended with")
  func text() throws {
    let bench = try Workbench()
    let runs = try Self.sweep(bench)
    let csv = try Command(["export-run", runs, "--to", "csv"])
    #expect(csv.status == 0)
    let lines = csv.output.components(separatedBy: "\r\n").dropLast()
    #expect(lines[0].hasPrefix("run,norm,seed,type,part,epoch,step,loss,accuracy"))
    // 18 steps, 3 epochs, 3 evaluations and an end of 4 cells.
    #expect(lines.count == 1 + 4 * 25)
    #expect(lines.contains { $0.contains("\"group(epsilon=0.001, groups=4)\"") })
    let events = try String(
      contentsOfFile: bench.path("runs/001-norm-batch-seed-1/events.jsonl"), encoding: .utf8)
    let first = try #require(
      events.split(separator: "\n").first { $0.contains("\"type\":\"step\"") })
    let step = try #require(
      try JSONSerialization.jsonObject(with: Data(first.utf8)) as? [String: Any])
    #expect(
      first.contains(
        "\"loss\":" + lines[1].split(separator: ",", omittingEmptySubsequences: false)[7]))
    #expect(step["step"] as? Int == 1)
    let markdown = try Command(
      ["export-run", runs, "--to", "markdown", "--value", "val_loss"])
    #expect(markdown.output.hasPrefix("| norm | val_loss | runs |\n|---|---|---|\n| batch | 0."))
    #expect(markdown.output.contains(" ± ") && markdown.output.contains(" | 2 |"))
    let latex = try Command(["export-run", runs, "--to", "latex", "-o", bench.path("t.tex")])
    #expect(latex.status == 0 && latex.output.isEmpty)
    let table = try String(contentsOfFile: bench.path("t.tex"), encoding: .utf8)
    #expect(table.contains("\\toprule") && table.contains("val\\_loss") && table.contains("$\\pm$"))
  }

  @Test("TensorBoard's own reader finds the values of the run, where it is there")
  func tensorBoard() throws {
    let bench = try Workbench()
    let runs = try Self.sweep(bench)
    let found = try Command(
      ["export-run", runs, "--to", "tensorboard", "-o", bench.path("board")])
    #expect(found.status == 0, "\(found.errors)")
    let name = "001-norm-batch-seed-1"
    let files = try bench.names("board/" + name)
    #expect(files.count == 1 && files[0].hasPrefix("events.out.tfevents."))
    let bytes = [UInt8](
      try Data(contentsOf: URL(filePath: bench.path("board/\(name)/\(files[0])"))))
    #expect(try records(bytes) > 18 * 4)
    let script = """
      import glob, json, sys
      try:
          from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
      except ImportError:
          sys.exit(7)
      board, run = sys.argv[1:]
      found = EventAccumulator(board, size_guidance={"scalars": 0, "histograms": 0})
      found.Reload()
      wanted = {}
      for line in open(run + "/events.jsonl"):
          event = json.loads(line)
          if event["type"] == "step":
              wanted[event["step"]] = event["loss"]
      scalars = {s.step: s.value for s in found.Scalars("train/loss")}
      assert scalars.keys() == wanted.keys(), (scalars, wanted)
      assert all(abs(scalars[k] - wanted[k]) <= 1e-6 * abs(wanted[k]) for k in wanted)
      assert {"train/accuracy", "train/rate", "train/gradient_norm", "validate/loss"} <= set(found.Tags()["scalars"])
      weight = found.Histograms("1.linear.weight")[0].histogram_value
      assert weight.num == 32 and sum(weight.bucket) == 32, weight
      wanted = {}
      for line in open(run + "/events.jsonl"):
          event = json.loads(line)
          if event["type"] == "norms":
              wanted[event["step"]] = event["layers"][0]
      found_scales = {h.step: h.histogram_value for h in found.Histograms("2.norm/gamma")}
      deviations = {s.step: s.value for s in found.Scalars("2.norm/output_deviation")}
      assert wanted and wanted.keys() == found_scales.keys() == deviations.keys(), wanted
      for step, layer in wanted.items():
          gamma, value = layer["parameters"][0], found_scales[step]
          assert value.num == 16 and sum(value.bucket) == 16 and value.min == gamma["low"], value
          assert abs(deviations[step] - layer["output"]["deviation"]) < 1e-6
      print("read")
      """
    let python = try Command(
      ["python3", "-c", script, bench.path("board/" + name), runs + "/" + name],
      program: URL(filePath: "/usr/bin/env"))
    if python.status == 7 {
      print("python3 has no tensorboard: its reader is left out")
      return
    }
    #expect(python.status == 0 && python.output.hasSuffix("read\n"), "\(python.errors)")
  }

  /// Counts the records of an event file, whose sums must be right.
  private func records(_ bytes: [UInt8]) throws -> Int {
    func number(_ at: Int, _ count: Int) -> UInt64 {
      (0..<count).reduce(0) { $0 | UInt64(bytes[at + $1]) << (8 * $1) }
    }
    func masked(_ range: Range<Int>) -> UInt64 {
      var sum = UInt32.max
      for byte in bytes[range] {
        sum ^= UInt32(byte)
        for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82f6_3b78 : sum >> 1 }
      }
      sum = ~sum
      return UInt64((sum >> 15 | sum << 17) &+ 0xa282_ead8)
    }
    var (at, count) = (0, 0)
    while at < bytes.count {
      let length = Int(number(at, 8))
      try #require(at + 16 + length <= bytes.count)
      #expect(number(at + 8, 4) == masked(at..<at + 8))
      #expect(number(at + 12 + length, 4) == masked(at + 12..<at + 12 + length))
      at += 16 + length
      count += 1
    }
    return count
  }

  @Test("What is no run, and a measure that is none, are told")
  func mistakes() throws {
    let bench = try Workbench()
    let none = try Command(["export-run", bench.path("none"), "--to", "csv"])
    #expect(none.status == 66 && none.errors.contains("there is no folder"))
    let runs = try Self.sweep(bench)
    let measure = try Command(["export-run", runs, "--to", "markdown", "--value", "los"])
    #expect(measure.status == 64 && measure.errors.contains("did you mean 'loss'?"))
    let all = try Command(["export-run", runs, "--to", "csv", "--value", "loss"])
    #expect(all.status == 64 && all.errors.contains("csv holds everything"))
    let folder = try Command(["export-run", runs, "--to", "tensorboard"])
    #expect(folder.status == 64 && folder.errors.contains("name one with -o"))
  }
}
