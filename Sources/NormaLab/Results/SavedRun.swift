import Foundation
public import NormaCore

/// A run's folder as it was left, for whoever goes on with it or shows it.
public struct SavedRun: Sendable {
  /// The folder.
  public let folder: String
  /// `run.json`: all that determines the run.
  public let configuration: JSONValue
  /// The whole events, in order; what a killed process left of one more is not among them.
  public let events: [JSONValue]

  /// Whether a folder holds a run that has begun.
  public static func exists(in folder: String) -> Bool {
    Folder.exists(folder + "/run.json") && Folder.exists(folder + "/events.jsonl")
  }

  /// Reads a folder.
  ///
  /// - Throws: `input_missing` when there is no run in it; `data` when a file is damaged.
  public init(_ folder: String) throws(NormaError) {
    self.folder = folder
    configuration = try Self.value(folder + "/run.json")
    guard case .object = configuration else {
      throw NormaError(
        .data, "'\(folder)/run.json' is damaged: it is no object", help: Self.remedy)
    }
    let path = folder + "/events.jsonl"
    guard let data = FileManager.default.contents(atPath: path) else {
      throw NormaError(.inputMissing, "'\(path)' cannot be read", help: "check the path")
    }
    var events: [JSONValue] = []
    var lines = data.split(separator: UInt8(ascii: "\n"))
    if data.last != UInt8(ascii: "\n"), !lines.isEmpty { lines.removeLast() }
    for (number, line) in lines.enumerated() {
      do throws(NormaError) {
        events.append(try JSONValue(parsing: line))
      } catch {
        throw NormaError(
          .data, "'\(path)' is damaged", place: SourcePlace(file: path, line: number + 1),
          help: "delete the folder, or the lines from there on")
      }
    }
    self.events = events
  }

  static func value(_ path: String) throws(NormaError) -> JSONValue {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw NormaError(.inputMissing, "'\(path)' cannot be read", help: "check the path")
    }
    do throws(NormaError) {
      return try JSONValue(parsing: data)
    } catch {
      throw NormaError(.data, "'\(path)' is damaged: \(error.message)", help: remedy)
    }
  }

  private static let remedy = "bring the file back, or delete its folder"

  /// The last event, when the run is done.
  public var end: JSONValue? {
    guard let last = events.last, last["type"] == "done", last["status"] != "interrupted" else {
      return nil
    }
    return last
  }

  /// The checkpoint to go on from.
  var checkpoint: String? {
    let path = folder + "/" + RunProgress.file
    return Folder.exists(path) ? path : nil
  }

  /// What determines a run and must be the same where one goes on: fields of `run.json`.
  static let determining = ["settings", "model", "data", "train", "seed"]

  /// Throws `another_run` (status 64) where another run is meant than the one in the folder.
  func require(_ other: JSONValue) throws(NormaError) {
    for name in Self.determining {
      let (before, now) = (Self.meaning(configuration[name]), Self.meaning(other[name]))
      guard before != now else { continue }
      throw Self.another(in: folder, name, before, now)
    }
  }

  /// The error that a folder holds another run, or sweep, than the one meant, with where they differ.
  ///
  /// It is not the script's mistake, even where a script's line asks for it.
  static func another(
    in folder: String, kind what: String = "run", _ name: String, _ before: JSONValue,
    _ now: JSONValue
  ) -> NormaError {
    let (path, old, new) = difference(name, before, now)
    return NormaError(
      NormaError.Code("another_run", exitStatus: NormaError.Code.usage.exitStatus),
      "'\(folder)' holds another \(what): its \(path) was \(old), now it is \(new)",
      help: "choose another folder with --out, or run what was run before")
  }

  /// What a field comes to: a model, which is kept as text, without where its lines stood.
  private static func meaning(_ value: JSONValue) -> JSONValue {
    let model = value.string.flatMap { try? JSONValue(parsing: Data($0.utf8)) }
    return (model?.without("place") ?? value).normal
  }

  /// The first field in which two values differ.
  private static func difference(
    _ path: String, _ a: JSONValue, _ b: JSONValue
  ) -> (String, String, String) {
    if case .object(let fields) = a, case .object = b {
      for field in fields where field.value != b[field.name] {
        return difference("\(path).\(field.name)", field.value, b[field.name])
      }
      for field in b.fields where a[field.name] == .null && field.value != .null {
        return (path + "." + field.name, "not there", short(field.value))
      }
    }
    if case .list(let old) = a, case .list(let new) = b, old.count == new.count,
      let place = old.indices.first(where: { old[$0] != new[$0] })
    {
      return difference("\(path)[\(place + 1)]", old[place], new[place])
    }
    return (path, short(a), short(b))
  }

  private static func short(_ value: JSONValue) -> String {
    let text = value == .null ? "not there" : value.line
    return text.count > 100 ? String(text.prefix(96)) + " ..." : text
  }
}

extension SavedRun {
  /// The settings by path, for people; what says where and when, and the norms' formulas, are left out.
  var flattenedConfiguration: [(String, String)] {
    var found: [(String, String)] = []
    func add(_ path: String, _ value: JSONValue) {
      switch value {
      case .object(let fields):
        for field in fields {
          add(path.isEmpty ? field.name : "\(path).\(field.name)", field.value)
        }
      case .text(let text): found.append((path, text))
      default: found.append((path, value.line))
      }
    }
    let left = [
      "definitions", "norms", "versions", "scripts", "started", "cell", "model", "place",
    ]
    for field in configuration.fields where !left.contains(field.name) {
      add(field.name, field.value)
    }
    let model = configuration["model"].string.flatMap { try? JSONValue(parsing: Data($0.utf8)) }
    if let model { found.append(("model", Self.layers(model))) }
    return found
  }

  private static func layers(_ model: JSONValue) -> String {
    func text(_ layer: JSONValue) -> String {
      let norm = layer["norm"]["name"].string.map { [" " + $0] } ?? []
      let options = layer["options"].fields.map {
        " \($0.name)=\($0.value.string ?? $0.value.line)"
      }
      let inner = layer["layers"].items.map(text).joined(separator: ", ")
      return (layer["kind"].string ?? "") + (norm + options).joined()
        + (inner.isEmpty ? "" : " [\(inner)]")
    }
    return "\(model["name"].string ?? ""): "
      + model["layers"].items.map(text).joined(separator: ", ")
  }
}

extension CellResult {
  /// What a run's last event says of its cell.
  init(_ cell: Cell, end: JSONValue, folder: String) {
    self.cell = cell
    switch end["status"].string {
    case "diverged", "failed":
      let code = NormaError.Code(
        end["code"].string ?? "failure",
        exitStatus: end["exit_status"].integer.flatMap { Int32(exactly: $0) } ?? 1)
      status = .failed(NormaError(code, end["reason"].string ?? "failed", help: end["help"].string))
    default: status = .completed
    }
    var measures: [Measure: Double] = [:]
    for measure in Measure.allCases { measures[measure] = end[measure.rawValue].double }
    self.measures = measures
    steps = end["steps"].count ?? 0
    stoppedEarly = end["stopped_early"] == true
    let file = folder + "/final.safetensors"
    weights = Folder.exists(file) ? file : nil
  }
}
