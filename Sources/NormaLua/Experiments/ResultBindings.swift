import Foundation
import NormaCore
import NormaLab
import NormaNetwork
import NormaNorms

/// What an experiment found, in a script.
final class ResultObject: HostObject {
  static let luaName = "result"
  let result: ExperimentResult
  let lab: Lab

  init(_ result: ExperimentResult, _ lab: Lab) {
    self.result = result
    self.lab = lab
  }
}

/// One cell of a result, in a script.
final class CellObject: HostObject {
  static let luaName = "cell"
  let cell: CellResult
  let folder: String?

  init(_ cell: CellResult, folder: String?) {
    self.cell = cell
    self.folder = folder
  }
}

/// Two settings compared, in a script.
final class ComparisonObject: HostObject {
  static let luaName = "comparison"
  let comparison: PairedComparison

  init(_ comparison: PairedComparison) {
    self.comparison = comparison
  }

  static func type() -> HostType<ComparisonObject> {
    let type = HostType<ComparisonObject>()
    type.property("mean") { .number($0.comparison.average.mean) }
    type.property("low") { $0.comparison.average.interval.map { .number($0.lowerBound) } ?? .nil }
    type.property("high") { $0.comparison.average.interval.map { .number($0.upperBound) } ?? .nil }
    type.property("pairs") { .int($0.comparison.average.count) }
    type.property("p") { $0.comparison.probability.map { .number($0) } ?? .nil }
    type.property("clear") { .bool($0.comparison.isClear) }
    type.describe { $0.comparison.text }
    return type
  }
}

/// A measure averaged, in a script; NaN where no cell has it.
final class AverageObject: HostObject {
  static let luaName = "average"
  let average: Average?

  init(_ average: Average?) {
    self.average = average
  }

  static func type() -> HostType<AverageObject> {
    let type = HostType<AverageObject>()
    type.property("mean") { .number($0.average?.mean ?? .nan) }
    type.property("deviation") { $0.average?.deviation.map { .number($0) } ?? .nil }
    type.property("low") { $0.average?.interval.map { .number($0.lowerBound) } ?? .nil }
    type.property("high") { $0.average?.interval.map { .number($0.upperBound) } ?? .nil }
    type.property("count") { .int($0.average?.count ?? 0) }
    type.describe { object in
      guard let average = object.average else { return "no completed cell" }
      let spread = average.halfInterval.map { " ± \($0.brief)" } ?? ""
      return "\(average.mean.brief)\(spread)"
    }
    return type
  }
}

/// What a dry run has of cells, means and comparisons: nothing, yet the script shall go on.
final class PlannedCellObject: HostObject {
  static let luaName = "planned cell"

  static func type() -> HostType<PlannedCellObject> {
    let type = HostType<PlannedCellObject>()
    type.method("save") { _, _ in [] }
    type.index { _, name, _ in
      switch name {
      case "count", "pairs": .int(0)
      case "clear": .bool(false)
      case "mean", "deviation", "low", "high", "p": .number(.nan)
      default: Measure(rawValue: name).map { _ in .number(.nan) }
      }
    }
    type.describe { _ in "dry run: nothing was measured" }
    return type
  }
}

extension Interpreter {
  func defineResults() throws(NormaError) {
    try register(ResultObject.type())
    try register(CellObject.type())
    try register(ComparisonObject.type())
    try register(AverageObject.type())
    try register(PlannedCellObject.type())
  }
}

extension ResultObject {
  static func type() -> HostType<ResultObject> {
    let type = HostType<ResultObject>()
    type.property("folder") { $0.result.folder.map { .string($0) } ?? .nil }
    type.describe { $0.result.summary.text.trimmedEnd }
    type.method("table") { object, call throws(NormaError) in
      let reader = try TableReader(try call.optional(0, "options"), owner: "result:table")
      try reader.rejectUnknown(known: ["rows", "columns", "value", "over", "spread"])
      let rows =
        try reader.list("rows") ?? object.result.axisNames.filter { $0 != "seed" }
      let measures = try (try reader.list("value") ?? ["accuracy"]).map {
        name throws(NormaError) in
        try Measure.named(name, owner: "result:table")
      }
      let table = try object.result.table(
        rows: rows, columns: try reader.optional("columns"), measures: measures,
        over: try reader.list("over"),
        spread: try reader.word("spread", default: .deviation))
      return [.string(table.text.trimmedEnd)]
    }
    type.method("mean") { object, call throws(NormaError) in
      let reader = try TableReader(try call.optional(0, "options"), owner: "result:mean")
      try reader.rejectUnknown(known: ["value", "at"])
      let measure = try Measure.named(
        try reader.value("value", default: "accuracy"), owner: "result:mean")
      if object.result.isDryRun { return [.object(PlannedCellObject())] }
      let average = try object.result.average(measure, at: try reader.labels("at"))
      return [.object(AverageObject(average))]
    }
    type.method("report") { object, call throws(NormaError) in
      let name = try call.optional(0, "path", as: String.self) ?? "report.html"
      return try object.lab.report(object.result, as: name).map { [.string($0)] } ?? []
    }
    type.method("compare") { object, call throws(NormaError) in
      let reader = try TableReader(try call.optional(0, "options"), owner: "result:compare")
      try reader.rejectUnknown(known: ["axis", "value", "at"])
      guard reader.items.count == 2 else {
        throw reader.error(
          "it takes two values of an axis, got \(reader.items.count)",
          help: "r:compare { \"batch\", \"group\", value = \"accuracy\" }")
      }
      let measure = try Measure.named(
        try reader.value("value", default: "accuracy"), owner: "result:compare")
      let settings = try reader.labels("at")
      if object.result.isDryRun { return [.object(PlannedCellObject())] }
      let comparison = try object.result.compare(
        reader.items[0].settingLabel, reader.items[1].settingLabel,
        axis: try reader.value("axis", default: "norm"), measure: measure, at: settings)
      return [.object(ComparisonObject(comparison))]
    }
    type.method("best") { object, call throws(NormaError) in
      let reader = try TableReader(try call.optional(0, "options"), owner: "result:best")
      try reader.rejectUnknown(known: ["by", "at"])
      let measure = try Measure.named(
        try reader.value("by", default: "accuracy"), owner: "result:best")
      let settings = try reader.labels("at")
      if object.result.isDryRun { return [.object(PlannedCellObject())] }
      let cell = try object.result.best(by: measure, at: settings)
      return [.object(CellObject(cell, folder: object.result.folder))]
    }
    return type
  }
}

extension CellObject {
  static func type() -> HostType<CellObject> {
    let type = HostType<CellObject>()
    type.index { object, name, _ in
      if let measure = Measure(rawValue: name) {
        return object.cell[measure].map { .number($0) } ?? .nil
      }
      return object.cell.cell.value(name).map { .string($0.label) }
    }
    type.describe { object in
      let cell = object.cell
      let measured = [Measure.accuracy, .loss].compactMap { measure in
        cell[measure].map { "\(measure.rawValue)=\($0)" }
      }
      return ([cell.cell.label] + measured).filter { !$0.isEmpty }.joined(separator: " ")
    }
    type.method("save") { object, call throws(NormaError) in
      let name: String = try call.value(0, "path")
      guard let folder = object.folder else { return [] }
      return [.string(try object.cell.save(as: name, in: folder))]
    }
    return type
  }
}

extension Double {
  /// Four significant digits.
  fileprivate var brief: String { String(format: "%.4g", self) }
}

extension LuaValue {
  fileprivate var settingLabel: String {
    switch self {
    case .object(let box as Boxed<NormSpec>): box.value.label
    case .string(let text): text
    case .bool(let flag): "\(flag)"
    default: Double.from(lua: self).map { SettingValue.plain(.number($0)).label } ?? quoted
    }
  }
}

extension String {
  fileprivate var trimmedEnd: String {
    hasSuffix("\n") ? String(dropLast()) : self
  }
}

extension TableReader {
  /// A table of settings, as labels.
  fileprivate func labels(_ name: String) throws(NormaError) -> [String: String] {
    let table = try nested(name)
    var labels: [String: String] = [:]
    for name in table.names { labels[name] = table[name].settingLabel }
    return labels
  }

  /// A field that is a word or a list of words.
  fileprivate func list(_ name: String) throws(NormaError) -> [String]? {
    if case .string(let word) = self[name] { return [word] }
    return try optional(name)
  }
}
