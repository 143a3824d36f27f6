import Foundation
import NormaCore
import NormaData
import NormaLab

/// A data set that a script chose.
final class DataObject: HostObject {
  static let luaName = "data set"
  let spec: DataSpec

  init(_ spec: DataSpec) {
    self.spec = spec
  }
}

extension Interpreter {
  func defineData(_ bindings: ExperimentBindings) throws(NormaError) {
    let catalog = bindings.lab.catalog
    let type = HostType<DataObject>()
    type.property("name") { .string($0.spec.name) }
    type.describe { "data set '\($0.spec.name)'" }
    type.call { data, call throws(NormaError) in
      let reader = try TableReader(
        try call.value(0, "options"), owner: "dataset '\(data.spec.name)'")
      return [.object(DataObject(try data.spec.with(reader, catalog)))]
    }
    try register(type)
    try define("dataset") { call throws(NormaError) in
      let name: String = try call.value(0, "name")
      _ = try catalog.source(name)
      return [.object(DataObject(DataSpec(name)))]
    }
  }
}

extension DataSpec {
  fileprivate func with(
    _ reader: TableReader, _ catalog: DataCatalog
  ) throws(NormaError) -> DataSpec {
    let own = try catalog.source(name).options.map(\.name)
    try reader.rejectUnknown(
      known: ["train", "validate", "test", "seed", "standardize"] + own)
    try reader.rejectItems(beyond: 0)
    var spec = self
    spec.train = try reader.optional("train") ?? train
    spec.validate = try reader.optional("validate") ?? validate
    spec.test = try reader.optional("test") ?? test
    if let seed = try reader.optional("seed", as: Int.self) {
      guard seed >= 0 else { throw reader.error("'seed' must be >= 0, got \(seed)") }
      spec.seed = UInt64(seed)
    }
    spec.standardize = try reader.value("standardize", default: standardize)
    for name in own where reader.has(name) {
      spec.options[name] = try reader.required(name, as: Double.self)
    }
    return spec
  }
}
