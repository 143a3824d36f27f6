import Foundation
import Testing

/// `norma norms bench`: what it measures, writes and refuses; never how long something took.
struct NormsBenchTests {
  private static let times = [
    "copy_us", "floor_forward_us", "floor_forward_backward_us", "forward_us", "infer_us",
    "forward_backward_us", "infer_forward_backward_us", "plan_us",
  ]

  private func bench(_ arguments: [String]) throws -> Command {
    try Command(["norms", "bench", "--seconds", "0", "--threads", "1"] + arguments)
  }

  /// The objects of the lines.
  private func rows(_ arguments: [String]) throws -> [[String: Any]] {
    let command = try bench(arguments + ["--json"])
    try #require(command.status == 0, "\(command.errors)")
    return try command.output.split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
  }

  @Test("Each norm and shape is one line of JSON with every time")
  func lines() throws {
    let rows = try rows(["rms", "layer", "--shape", "7x5", "--shape", "3x4x2", "--axis", "1"])
    #expect(rows.map { $0["norm"] as? String } == ["rms", "rms", "layer", "layer"])
    #expect(rows.map { $0["shape"] as? [Int] } == [[7, 5], [3, 4, 2], [7, 5], [3, 4, 2]])
    for row in rows {
      #expect(
        Set(row.keys)
          == Set(
            Self.times + [
              "norm", "shape", "axis", "threads", "executor", "spread", "forward_bytes",
              "forward_backward_bytes", "copy_by", "floor_by",
            ]))
      for time in Self.times { #expect((row[time] as? Double ?? 0) > 0, "\(time)") }
      #expect(row["axis"] as? [Int] == [1] && row["threads"] as? Int == 1)
      #expect(row["executor"] as? String != nil && (row["spread"] as? Double ?? -1) >= 0)
      #expect((row["copy_by"] as? String)?.hasSuffix("1 thread") == true)
    }
  }

  @Test("Inputs are read twice where statistics span the tensor, whatever the norm's name")
  func passes() throws {
    let box = try Workbench()
    let text = """
      norm.define("spanning", {
        forward = function(x, s) return x - x:mean("batch", "space") end,
      })
      norm.define("batch_by_name", {
        forward = function(x, s) return x - x:mean("channel") end,
      })
      """
    try Data(text.utf8).write(to: box.folder.appending(path: "n.lua"))
    let rows = try rows(
      ["batch", "spanning", "layer", "batch_by_name"]
        + ["--script", box.path("n.lua"), "--shape", "64x32", "--executor", "tiles"])
    let tensor = 4 * 64 * 32
    #expect(
      rows.map { $0["forward_bytes"] as? Int } == [3 * tensor, 3 * tensor, 2 * tensor, 2 * tensor])
    let both = rows.map { $0["forward_backward_bytes"] as? Int }
    #expect(both[0] == 8 * tensor && both[1] == 8 * tensor && both[2] == 5 * tensor)
  }

  @Test("As text, a row shows its ratios to copy and floor; accuracy its errors")
  func text() throws {
    let table = try bench(["layer", "--shape", "8x16", "--hyper", "scale=false"]).output
    let lines = table.split(separator: "\n")
    try #require(lines.count == 5)
    for title in ["copy µs", "f / copy", "f+b / floor", "i / copy", "GB/s", "plan ms", "spread"] {
      #expect(lines[0].contains(title), "\(title)")
    }
    #expect(lines[1].contains("layer(scale=false)") && lines[1].contains("8x16"))
    #expect(lines[2].hasPrefix("copied by ") && lines[2].hasSuffix("1 thread: 8x16"))
    #expect(lines[3].hasPrefix("threads: 1; ") && lines[4].hasPrefix("plan ms: "))
  }

  @Test("What accuracy costs: the plain float32 loop loses digits that the norm keeps")
  func accuracy() throws {
    let rows = try rows(["rms", "--shape", "4x4", "--accuracy"])
    let cost = try #require(rows.last)
    #expect(rows.count == 2 && cost["norm"] as? String == "layer")
    let plain = try #require(cost["plain_error"] as? Double)
    let error = try #require(cost["error"] as? Double)
    #expect(error < 5e-7 && plain > 1e-5 && plain < 1e-2)
    #expect((cost["plain_us"] as? Double ?? 0) > 0 && (cost["forward_us"] as? Double ?? 0) > 0)
    let text = try bench(["rms", "--shape", "4x4", "--accuracy"]).output
    #expect(text.contains("plain float32 loop") && text.contains("worst error"))
  }

  @Test(
    "Mistakes are told before anything is measured, with the value and a remedy",
    arguments: [
      ("rsm", "did you mean 'rms'?"), ("rms --axis 1", "--axis 1 without --shape"),
      ("rms --shape 4x5 --axis 2", "axis 2 does not exist"), ("rms --shape 3xx", "'3xx'"),
      ("rms --shape 0x5", "0x5"), ("rms --shape 9999999999x9999999", "larger than any memory"),
      ("rms --shape 1000000x1000000", "MiB"), ("rms --shape 4x5 --executor fast", "'fast'"),
      ("rms rsm --shape 4x5", "did you mean 'rms'?"), ("group --shape 4x30", "'groups'"),
      ("batch --shape 1x8", "is of one value"), ("rms --seconds nan", "--seconds"),
      ("rms --shape 4x5 --threads 0", "1 to 1024"), ("rms --script none.lua", "none.lua"),
    ])
  func mistakes(line: String, part: String) throws {
    let command = try Command(["norms", "bench"] + line.split(separator: " ").map(String.init))
    #expect(command.status == 64 || (command.status == 66 && line.contains("--script")))
    #expect(command.output.isEmpty && command.errors.hasPrefix("norma: "))
    #expect(command.errors.contains(part), "\(command.errors)")
  }
}
