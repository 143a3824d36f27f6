import Foundation
import NormaCore
import NormaData
import NormaLab
import NormaNetwork
import NormaNorms
import Testing

/// What a run leaves must be the same whether or not it was stopped on its way.
@Suite("Resumed runs")
struct ResumeTests {
  /// The lines of events, without what depends on the clock.
  private func events(_ scratch: Scratch, _ folder: String) throws -> [JSONValue] {
    try scratch.text(folder + "/events.jsonl").split(separator: "\n").map { line in
      .object(
        try JSONValue(parsing: Data(line.utf8)).fields.filter {
          !["seconds", "step_ms", "folder", "times"].contains($0.name)
        })
    }
  }

  private func weights(_ scratch: Scratch, _ folder: String) throws -> Data {
    try Data(contentsOf: URL(filePath: scratch.path + "/\(folder)/final.safetensors"))
  }

  /// Runs into a folder; stops after so many steps of this process, if told.
  private func run(
    _ spec: ExperimentSpec, _ scratch: Scratch, _ folder: String, resumes: Bool = false,
    stopAfter limit: Int? = nil, every: Int? = nil
  ) throws -> ExperimentResult {
    var steps = 0
    return try lab {
      $0.writes = true
      $0.out = scratch.path + "/" + folder
      $0.resumes = resumes
      $0.checkpointEvery = every
      $0.observer = { if case .step = $0 { steps += 1 } }
      $0.isInterrupted = { limit.map { steps >= $0 } ?? false }
    }.run(spec)
  }

  private func experiment(_ optimizer: OptimizerSpec) -> ExperimentSpec {
    var spec = spiralExperiment([norms("batch", "layer")], length: .epochs(4))
    spec.train.optimizer = optimizer
    spec.train.schedule = ScheduleSpec(.cosine(floor: 0), warmUp: 5)
    spec.train.clip = 1
    spec.measuresTest = true
    return spec
  }

  @Test(
    "stopped again and again, mid-epoch and between, end in the same bytes, events and table",
    arguments: [
      OptimizerSpec.sgd(rate: 0.1, momentum: 0.9),
      .adamW(rate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decay: 0.1),
    ])
  func same(_ optimizer: OptimizerSpec) throws {
    let scratch = try Scratch()
    let spec = experiment(optimizer)
    let whole = try run(spec, scratch, "whole")
    var result: ExperimentResult?
    var stops = 0
    while result == nil {
      do {
        result = try run(spec, scratch, "parts", resumes: true, stopAfter: [5, 1, 6, 2][stops % 4])
      } catch let error as NormaError {
        #expect(error.code.exitStatus == 130, "\(error)")
        stops += 1
      }
      try #require(stops < 100)
    }
    #expect(stops > 8)
    for cell in ["001-norm-batch", "002-norm-layer"] {
      #expect(
        try weights(scratch, "whole/" + cell) == (try weights(scratch, "parts/" + cell)))
      #expect(try events(scratch, "whole/" + cell) == (try events(scratch, "parts/" + cell)))
      #expect(!scratch.has("parts/\(cell)/checkpoint.safetensors"))
    }
    func table(_ result: ExperimentResult?) throws -> String? {
      try result?.table(
        rows: ["norm"], measures: [.accuracy, .loss, .testLoss, .trainLoss, .parameters]
      ).text
    }
    #expect(try table(whole) == (try table(result)))
  }

  @Test("a process that was killed goes on from its last checkpoint, whatever it wrote after")
  func killed() throws {
    let scratch = try Scratch()
    let spec = spiralExperiment(length: .epochs(5))
    _ = try run(spec, scratch, "whole")
    // As after kill -9: an older checkpoint, more events, the last of them torn, files half written.
    let folder = scratch.path + "/parts"
    let checkpoint = folder + "/checkpoint.safetensors"
    #expect(throws: NormaError.self) { try run(spec, scratch, "parts", stopAfter: 10) }
    let older = try Data(contentsOf: URL(filePath: checkpoint))
    #expect(throws: NormaError.self) {
      try run(spec, scratch, "parts", resumes: true, stopAfter: 9, every: 4)
    }
    try older.write(to: URL(filePath: checkpoint))
    let log = try FileHandle(forWritingTo: URL(filePath: folder + "/events.jsonl"))
    try log.seekToEnd()
    try log.write(contentsOf: Data("{\"type\":\"step\",\"st".utf8))
    try Data("half".utf8).write(to: URL(filePath: folder + "/checkpoint.safetensors.77.partial"))
    _ = try run(spec, scratch, "parts", resumes: true)
    #expect(try weights(scratch, "whole") == (try weights(scratch, "parts")))
    #expect(try events(scratch, "whole") == (try events(scratch, "parts")))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        == ["events.jsonl", "final.safetensors", "run.json"])
  }

  @Test("a cell that is done is not run again; one that is missing is")
  func finished() throws {
    let scratch = try Scratch()
    let spec = spiralExperiment([axis("seed", 1, 2, 3)], length: .steps(7))
    let first = try run(spec, scratch, "s")
    try FileManager.default.removeItem(atPath: scratch.path + "/s/002-seed-2")
    let events = Events()
    let again = try lab {
      $0.writes = true
      $0.out = scratch.path + "/s"
      $0.resumes = true
      $0.observer = events.add
    }.run(spec)
    #expect(events.types.filter { $0 == "found" }.count == 2)
    #expect(events.types.filter { $0 == "step" }.count == 7)
    #expect(first.cells.map { $0[.loss] } == again.cells.map { $0[.loss] })
    #expect(again.cells.allSatisfy { $0.weights != nil })
    let index = try scratch.object("s/sweep.json")
    #expect((index["results"] as? [Any])?.count == 3)
    let summary = try #require((index["summary"] as? [[String: Any]])?.first)
    #expect(summary["completed"] as? Int == 3)
  }

  @Test("what diverged is kept with its reason and not tried again")
  func diverged() throws {
    let scratch = try Scratch()
    let spec = spiralExperiment([axis("rate", 0.1, 1e30)], length: .steps(20))
    let first = try run(spec, scratch, "s")
    let events = Events()
    let again = try lab {
      $0.writes = true
      $0.out = scratch.path + "/s"
      $0.resumes = true
      $0.observer = events.add
    }.run(spec)
    #expect(!events.types.contains("step"))
    #expect(again.cells[1].shortReason == "diverged")
    #expect(again.cells[1].failure?.message == first.cells[1].failure?.message)
    #expect(first.summary.notes == again.summary.notes)
  }

  @Test("a folder with another run is refused, with what differs")
  func another() throws {
    let scratch = try Scratch()
    _ = try run(spiralExperiment(length: .steps(5)), scratch, "r")
    let rate = #expect(throws: NormaError.self) {
      try run(spiralExperiment(length: .steps(5), rate: 0.2), scratch, "r", resumes: true)
    }
    #expect(rate?.message.contains("train.optimizer.rate was 0.1, now it is 0.2") == true)
    let steps = #expect(throws: NormaError.self) {
      try run(spiralExperiment(length: .steps(6)), scratch, "r", resumes: true)
    }
    #expect(steps?.message.contains("train.steps was 5, now it is 6") == true)
    let taken = #expect(throws: NormaError.self) {
      try run(spiralExperiment(length: .steps(5)), scratch, "r")
    }
    #expect(taken?.help?.contains("--resume") == true)
  }

  @Test("a damaged checkpoint or event file is told, and how to go on")
  func damaged() throws {
    let scratch = try Scratch()
    let spec = spiralExperiment(length: .epochs(3))
    #expect(throws: NormaError.self) { try run(spec, scratch, "r", stopAfter: 8) }
    let checkpoint = scratch.path + "/r/checkpoint.safetensors"
    let whole = try Data(contentsOf: URL(filePath: checkpoint))
    try whole.prefix(whole.count / 2).write(to: URL(filePath: checkpoint))
    let torn = #expect(throws: NormaError.self) { try run(spec, scratch, "r", resumes: true) }
    #expect(torn?.message.contains("checkpoint.safetensors") == true)
    var altered = whole
    altered[altered.endIndex - 2] ^= 1
    try altered.write(to: URL(filePath: checkpoint))
    let other = #expect(throws: NormaError.self) { try run(spec, scratch, "r", resumes: true) }
    #expect(other?.message.contains("checkpoint.safetensors' is damaged") == true)
    #expect(other?.help?.contains("delete it") == true)
    try whole.write(to: URL(filePath: checkpoint))
    let log = scratch.path + "/r/events.jsonl"
    let events = try String(contentsOfFile: log, encoding: .utf8)
    try ("{broken\n" + events).write(toFile: log, atomically: true, encoding: .utf8)
    let broken = #expect(throws: NormaError.self) { try run(spec, scratch, "r", resumes: true) }
    #expect(broken?.place?.line == 1)
    try events.write(toFile: log, atomically: true, encoding: .utf8)
    _ = try run(spec, scratch, "r", resumes: true)
    #expect(scratch.has("r/final.safetensors"))
  }

  @Test("events that cannot be written end the run, and what was written stays whole")
  func full() throws {
    let scratch = try Scratch()
    let folder = scratch.path + "/r"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // A device that is always full.
    try FileManager.default.createSymbolicLink(
      atPath: folder + "/events.jsonl", withDestinationPath: "/dev/full")
    let error = #expect(throws: NormaError.self) {
      try run(spiralExperiment(length: .epochs(50)), scratch, "r", resumes: true)
    }
    #expect(error?.code == .io && error?.message.contains("events.jsonl") == true)
  }

  @Test("a run whose cell can no longer be built is left as it is")
  func unbuildable() throws {
    let scratch = try Scratch()
    var spec = spiralExperiment(length: .epochs(3))
    #expect(throws: NormaError.self) { try run(spec, scratch, "r", stopAfter: 8) }
    let before = try scratch.text("r/events.jsonl")
    spec.train.batch = 5000
    #expect(throws: NormaError.self) { try run(spec, scratch, "r", resumes: true) }
    #expect(scratch.has("r/checkpoint.safetensors"))
    #expect(try scratch.text("r/events.jsonl") == before)
  }

  @Test("numbers that are not finite are averaged as missing, and trap nowhere")
  func notFinite() {
    #expect(Average([.nan, .nan])?.interval == nil)
    #expect(Average([.infinity, 1])?.interval == nil)
  }

  @Test("a rule ends a run early, also when it was stopped on its way")
  func earlyStop() throws {
    let scratch = try Scratch()
    var spec = spiralExperiment(length: .epochs(60), rate: 0.0)
    spec.train.stop = StopRule(.validationLoss, patience: 3)
    let whole = try run(spec, scratch, "whole")
    #expect(whole.cells[0].stoppedEarly && whole.cells[0].steps == 24)
    #expect(throws: NormaError.self) { try run(spec, scratch, "parts", stopAfter: 14) }
    let parts = try run(spec, scratch, "parts", resumes: true)
    #expect(parts.cells[0].steps == 24)
    #expect(try events(scratch, "whole") == (try events(scratch, "parts")))
    spec.data.validate = 0
    #expect(throws: NormaError.self) { try run(spec, scratch, "none") }
  }

  @Test("a budget leaves rows that say so, and resuming goes on from there")
  func budget() throws {
    let scratch = try Scratch()
    var spec = spiralExperiment([axis("seed", 1, 2, 3)], length: .epochs(3))
    spec.budget = .nanoseconds(1)
    let none = try run(spec, scratch, "s")
    #expect(none.cells.map(\.shortReason) == ["no time", "no time", "no time"])
    spec.budget = nil
    let all = try run(spec, scratch, "s", resumes: true)
    #expect(all.cells.allSatisfy { $0.shortReason == nil })
  }
}

@Suite("JSON that is read")
struct ReadingTests {
  @Test("is what was written, to the last bit")
  func roundTrip() throws {
    var random = RandomSource(seed: 3)
    let numbers = (0..<1000).map { _ in
      Double(bitPattern: UInt64(random.next32()) << 32 | UInt64(random.next32()))
    }.filter(\.isFinite)
    let value: JSONValue = [
      "numbers": .list(numbers.map { .number($0) }), "z": .int(.min), "a": .null,
      "text": "tab\t \"quoted\" \\ \u{1}é😀", "flags": [true, false], "empty": [], "none": [:],
    ]
    #expect(try JSONValue(parsing: Data(value.line.utf8)).normal == value.normal)
    #expect(try JSONValue(parsing: Data(value.indented().utf8)).fields.map(\.name)[1] == "z")
    #expect(try JSONValue(parsing: Data(#""\ud83d\ude00\u00e9""#.utf8)) == "😀é")
  }

  @Test(
    "is refused where it is none, and never a trap",
    arguments: [
      "", "{", "[1,", "[1 2]", "{\"a\" 1}", "\"open", "tru", "1 1", "\"\\u12\"", "\"\\ud800\"", "-",
      "\"\\", "{\"a\":1,}", String(repeating: "[", count: 10000),
    ])
  func damaged(_ text: String) {
    #expect(throws: NormaError.self) { try JSONValue(parsing: Data(text.utf8)) }
  }
}

@Suite("Statistics of results")
struct StatisticsTests {
  @Test("intervals are Student's")
  func intervals() throws {
    // Quantiles as printed in any table.
    for (count, quantile) in [(2, 12.706), (3, 4.303), (4, 3.182), (6, 2.571), (31, 2.042)] {
      let values = (0..<count).map { Double($0 % 2) }
      let average = try #require(Average(values))
      let expected = quantile * (average.deviation ?? 0) / Double(count).squareRoot()
      #expect(abs((average.halfInterval ?? 0) / expected - 1) < 3e-4, "\(count)")
    }
    #expect(Average([1.0])?.interval == nil)
  }

  @Test("norms are compared over equal seeds, and the table shows intervals")
  func comparison() throws {
    let spec = spiralExperiment([norms("batch", "layer"), axis("seed", 1, 2, 3)])
    let result = try lab().run(spec)
    let comparison = try result.compare("batch", "layer", measure: .loss)
    let losses = result.cells.map { $0[.loss] ?? .nan }
    #expect(comparison.differences == (0..<3).map { losses[3 + $0] - losses[$0] })
    #expect(comparison.over == ["seed"])
    #expect(comparison.text.contains("layer - batch: loss "))
    #expect(comparison.text.contains("3 pairs over seed, p = "))
    let one = try result.compare("batch", "layer", measure: .loss, at: ["seed": "2"])
    #expect(one.differences.count == 1 && one.average.interval == nil && one.over.isEmpty)
    #expect(throws: NormaError.self) { try result.compare("batch", "lyer") }
    let table = try result.table(rows: ["norm"], measures: [.loss], spread: .interval)
    #expect(table.notes.contains { $0.contains("half the 95 % interval") })
  }

  @Test("A script that a killed process left half written is gone when the run begins anew")
  func halfWrittenScript() throws {
    let scratch = try Scratch()
    let folder = scratch.path + "/run"
    try FileManager.default.createDirectory(
      atPath: folder + "/lua", withIntermediateDirectories: true)
    try Data("half".utf8).write(to: URL(filePath: folder + "/lua/x.lua.77.partial"))
    _ = try lab {
      $0.writes = true
      $0.out = folder
      $0.resumes = true
      $0.sources = { [ScriptText("x.lua", "print(1)")] }
    }.run(spiralExperiment(length: .steps(2)))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/lua") == ["x.lua"])
  }

  @Test("The index of a sweep that is stopped has every cell, however soon they came")
  func indexOfStopped() throws {
    let scratch = try Scratch()
    var done = 0
    let error = #expect(throws: NormaError.self) {
      try lab {
        $0.writes = true
        $0.out = scratch.path + "/s"
        $0.observer = { if case .done = $0 { done += 1 } }
        $0.isInterrupted = { done >= 3 }
      }.run(
        spiralExperiment(
          [norms("batch", "layer"), axis("seed", 1, 2, 3)], length: .steps(2)))
    }
    #expect(error?.code == .interrupted)
    let results = try scratch.object("s/sweep.json")["results"] as? [[String: Any]]
    let states = results?.compactMap { $0["status"] as? String }
    #expect(states == ["completed", "completed", "completed", "interrupted"])
  }
}
