import Foundation
import NormaCore
import NormaData
import NormaLab
import NormaNetwork
import NormaNorms

/// A folder of one test's own, removed with it.
final class Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "norma-lab-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func text(_ name: String) throws -> String {
    try String(contentsOfFile: path + "/" + name, encoding: .utf8)
  }

  func object(_ name: String) throws -> [String: Any] {
    let data = Data(try text(name).utf8)
    return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
  }

  func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }
}

/// Two features in, three classes out, one norm slot.
let spiralModel = ModelSpec(
  "small", input: [2], norm: NormSpec("layer"),
  layers: [.linear(16), .norm(), .relu, .linear(3)])

func spiralExperiment(
  _ axes: [SweepAxis] = [], length: TrainPlan.Length = .epochs(2), rate: Double = 0.1
) -> ExperimentSpec {
  ExperimentSpec(
    "spirals", model: ModelBuilder(spiralModel),
    data: DataSpec("spirals", train: 96, validate: 30),
    train: TrainPlan(length, batch: 16, optimizer: .sgd(rate: rate, momentum: 0.9)), axes: axes)
}

func axis(_ name: String, _ values: Double...) -> SweepAxis {
  SweepAxis(name, values.map { .plain(.number($0)) })
}

func norms(_ names: String...) -> SweepAxis {
  SweepAxis("norm", names.map { .norm(NormSpec($0)) })
}

/// Collects what an observer is told.
final class Events {
  private(set) var all: [RunEvent] = []
  func add(_ event: RunEvent) { all.append(event) }
  var types: [String] {
    all.map { event in
      switch event {
      case .experiment: "experiment"
      case .run: "run"
      case .step: "step"
      case .norms: "norms"
      case .evaluation: "eval"
      case .epoch: "epoch"
      case .warning: "warning"
      case .error: "error"
      case .interrupted: "interrupted"
      case .done: "done"
      case .found: "found"
      case .sweep: "sweep"
      case .plan: "plan"
      }
    }
  }
}

func lab(_ change: (inout LabOptions) -> Void = { _ in }) -> Lab {
  var options = LabOptions()
  options.writes = false
  change(&options)
  return Lab(registry: .builtIn(), options: options)
}
