import Foundation
import NormaCore
import NormaLab
import Testing

@Test("Averages are the mean and the sample deviation")
func averages() throws {
  let average = try #require(Average([1, 2, 3, 4]))
  #expect(average.mean == 2.5)
  #expect(abs(try #require(average.deviation) - 1.2909944487358056) < 1e-15)
  #expect(try #require(Average([7])).deviation == nil)
  #expect(Average([]) == nil)
}

@Test("A table has the rows and columns asked for, averaged over the seeds")
func tables() throws {
  let result = try lab().run(
    spiralExperiment(
      [norms("rms", "none"), axis("batch", 8, 16), axis("seed", 1, 2)], length: .steps(4)))
  let table = try result.table(rows: ["norm"], columns: "batch", measures: [.accuracy])
  #expect(table.header == ["norm", "batch=8", "batch=16"])
  #expect(table.labels == [["rms"], ["none"]])
  let cells = result.cells.filter { $0.cell.label.hasPrefix("norm=rms batch=8 ") }
  let values = cells.compactMap { $0[.accuracy] }
  #expect(table.fields[0][0].average == Average(values))
  #expect(table.notes == ["mean ± standard deviation over 2 values of seed"])
  let summary = result.summary
  #expect(summary.header == ["norm", "batch", "accuracy", "loss", "step_ms"])
  #expect(summary.labels.count == 4)
  let lines = summary.text.split(separator: "\n")
  #expect(Set(lines.prefix(5).map(\.count)).count == 1)

  // Differences that are all equal are judged by their signs: two of them say little.
  let equal = try result.compare("none", "rms", measure: .parameters, at: ["batch": "8"])
  #expect(equal.differences.count == 2 && equal.average.deviation == 0 && equal.average.mean > 0)
  #expect(equal.probability == 0.5 && !equal.isClear)

  let best = try result.best(by: .loss, at: ["norm": "none"])
  let losses = result.cells.filter { $0.cell.label.hasPrefix("norm=none") }.compactMap { $0[.loss] }
  #expect(best[.loss] == losses.min())
  for wrong in [["nrom"], ["norm", "norm"]] {
    #expect(throws: NormaError.self) { try result.table(rows: wrong, measures: [.loss]) }
  }
  #expect(throws: NormaError.self) {
    try result.table(rows: ["norm"], measures: [.loss], over: ["seed"])
  }
  #expect(throws: NormaError.self) { try result.best(by: .testLoss) }
  #expect(throws: NormaError.self) { try result.best(by: .loss, at: ["batch": "3"]) }
}

@Test("JSON keeps the order of fields, escapes text, and has no NaN")
func json() throws {
  let value: JSONValue = [
    "b": "a\"\\\n\u{1}ü", "a": .list([1, 2.5, .number(.nan), .null, true]), "c": .object([]),
  ]
  #expect(value.line == #"{"b":"a\"\\\n\u0001ü","a":[1,2.5,null,null,true],"c":{}}"#)
  let parsed = try JSONSerialization.jsonObject(with: Data(value.indented().utf8))
  #expect((parsed as? [String: Any])?["b"] as? String == "a\"\\\n\u{1}ü")
}
