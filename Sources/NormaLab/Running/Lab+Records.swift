import Foundation
public import NormaCore
import NormaData
import NormaNetwork
public import NormaNorms

extension Lab {
  /// What determines a run's result, before it is built; to be compared where a folder holds one already.
  func determinants(
    _ cell: Cell, of spec: ExperimentSpec, on splits: DataSplits
  ) throws(NormaError) -> [JSONValue.Field] {
    let part = try splits.windows(of: cell.model.input.first ?? 1).train
    _ = try cell.model.fitting(part)
    let perEpoch = try BatchSampler(over: part, batchSize: cell.batch, seed: cell.seed)
      .batchesPerEpoch
    return [
      .init("settings", cell.settingsJSON),
      .init("model", .text(try cell.model.json())),
      .init("data", spec.data.json),
      .init(
        "train",
        [
          "steps": .int(spec.train.steps(epochOf: perEpoch, limit: options.steps)),
          "steps_per_epoch": .int(perEpoch), "batch": .int(cell.batch),
          "optimizer": cell.optimizer.json, "schedule": spec.train.schedule.json,
          "clip": spec.train.clip.map { .number($0) } ?? .null,
          "rate_scale": .text(spec.train.rateScale.rawValue),
          "stop": spec.train.stop?.json ?? .null,
          "test": .bool(spec.measuresTest),
        ]),
      .init("seed", .int(Int(cell.seed))),
    ]
  }

  /// Throws `another_run` where a folder holds another run than the one meant: other settings, or a norm
  /// that was another formula.
  func require(_ saved: SavedRun, to now: [JSONValue.Field]) throws(NormaError) {
    try saved.require(.object(now))
    try saved.requireNorms(of: registry)
  }

  /// Throws `another_run` where a folder holds a sweep over other values, or a run where a sweep is meant.
  func requireSame(
    _ spec: ExperimentSpec, _ cells: Int, in folder: String
  ) throws(NormaError) {
    let isRun = Folder.exists(folder + "/run.json")
    let index = folder + "/sweep.json"
    guard cells > 1 ? !isRun : !Folder.exists(index) else {
      throw NormaError(
        NormaError.Code("another_run", exitStatus: NormaError.Code.usage.exitStatus),
        "'\(folder)' holds \(isRun ? "a single run" : "a sweep"), and this is"
          + " \(cells > 1 ? "a sweep" : "a single run")", help: "choose another folder with --out")
    }
    // What cannot be read is written anew.
    guard cells > 1, let saved = try? SavedRun.value(index) else { return }
    let (before, now) = (saved["axes"].normal, Self.axes(of: spec).normal)
    guard before == now else {
      throw SavedRun.another(in: folder, kind: "sweep", "axes", before, now)
    }
  }

  private static func axes(of spec: ExperimentSpec) -> JSONValue {
    .list(spec.axes.map { ["name": .text($0.name), "values": .list($0.values.map(\.json))] })
  }

  /// What a run folder records of a run before it starts.
  ///
  /// - Parameter run: nil when the cell cannot be built.
  func configuration(
    _ spec: ExperimentSpec, _ cell: Cell, _ run: CellRun?, _ determinants: [JSONValue.Field]
  ) -> JSONValue {
    let sources = options.sources()
    return .object(
      [
        .init("experiment", .text(spec.name)),
        .init("place", spec.place.map { .text("\($0)") } ?? .null),
        .init("cell", .int(cell.index + 1)),
      ] + determinants + [
        .init("parameters", run.map { .int($0.network.parameterCount) } ?? .null),
        .init("norms", .list(run?.network.norms.map(\.json) ?? [])),
        .init("definitions", .list(definitions(run?.network.norms ?? []))),
        .init("executor", .text(options.executor.name)),
        .init("threads", .int(options.threads)),
        .init(
          "versions",
          [
            "norma": .text(options.version),
            "system": .text(ProcessInfo.processInfo.operatingSystemVersionString),
            "processor": .text(options.processor),
          ]),
        .init(
          "scripts",
          [
            "hash": .text(ScriptText.hash(sources)),
            "files": .list(sources.map { .text($0.name) }),
          ]),
        .init("started", .text(Date().formatted(.iso8601))),
      ])
  }

  /// What the norms are: formulas and their gradients, for whoever reads the folder without the scripts.
  private func definitions(_ uses: [NormUse]) -> [JSONValue] {
    var seen: Set<String> = []
    return uses.filter { seen.insert("\($0.name) \($0.json["hyper"].line)").inserted }.compactMap {
      use in
      guard let entry = try? registry.entry(use.name) else { return nil }
      let formula = try? entry.provider.definition?.formula(
        hyper: use.hyper, channels: use.channels)
      return [
        "name": .text(use.name), "hyper": use.json["hyper"], "summary": .text(entry.schema.summary),
        "paper": .text(entry.schema.paper),
        "formula": .list(formula?.forward.map { .text($0) } ?? []),
        "gradient": .list(formula?.gradient.map { .text($0) } ?? []),
      ]
    }
  }

  /// The index of a sweep: its axes, and every cell that is done with its folder and measures.
  func sweepJSON(_ spec: ExperimentSpec, _ cells: [Cell], _ results: [CellResult]) -> JSONValue {
    [
      "experiment": .text(spec.name),
      "axes": Self.axes(of: spec),
      "cells": .int(cells.count),
      "summary": .list(summary(spec, results)),
      "results": .list(
        results.map { result in
          .object(
            [
              .init("folder", .text(result.cell.folderName(of: cells.count))),
              .init("settings", result.cell.settingsJSON),
            ] + result.fields)
        }),
    ]
  }
}

extension Lab {
  /// What is left of cells that differ in their seed alone: means with deviations and 95 % intervals.
  private func summary(_ spec: ExperimentSpec, _ results: [CellResult]) -> [JSONValue] {
    var keys: [[Cell.Setting]] = []
    var groups: [[Cell.Setting]: [CellResult]] = [:]
    for result in results {
      let key = result.cell.settings.filter { $0.name != "seed" }
      if groups[key] == nil { keys.append(key) }
      groups[key, default: []].append(result)
    }
    return keys.map { key in
      let cells = groups[key] ?? []
      let completed = cells.filter { if case .completed = $0.status { true } else { false } }
      let measures = Measure.allCases.compactMap { measure -> JSONValue.Field? in
        Average(completed.compactMap { $0[measure] }.filter(\.isFinite))
          .map { .init(measure.rawValue, $0.json) }
      }
      return [
        "settings": .object(key.map { JSONValue.Field($0.name, $0.value.json) }),
        "completed": .int(completed.count),
        "reasons": .list(cells.compactMap(\.shortReason).map { .text($0) }),
        "measures": .object(measures),
      ]
    }
  }
}

extension NormSchema {
  /// The values of a norm's hyper-parameters that `NormUse.json` wrote; nil for those that move with the
  /// step, and for what is none of them.
  fileprivate func values(_ json: JSONValue) -> [String: HyperValue]? {
    var values: [String: HyperValue] = [:]
    for parameter in hyper {
      switch (parameter.kind, json[parameter.name]) {
      case (_, .null): values[parameter.name] = HyperValue.none
      case (.bool, .bool(let flag)): values[parameter.name] = .bool(flag)
      case (.real, let value):
        guard let number = value.double else { return nil }
        values[parameter.name] = .real(number)
      case (.int, .text(let word)), (.choice, .text(let word)):
        values[parameter.name] = .choice(word)
      case (.int, let value):
        guard let number = value.integer else { return nil }
        values[parameter.name] = .int(number)
      default: return nil
      }
    }
    return values
  }
}

extension NormUse {
  /// What a run folder and a plan record of it.
  var json: JSONValue {
    let settings = hyper.sorted { $0.key < $1.key }.map { name, value in
      let json: JSONValue =
        switch value {
        case .real(let number): .number(number)
        case .int(let number): .int(number)
        case .bool(let flag): .bool(flag)
        case .choice(let word): .text(word)
        case .ramp(let ramp): .text("\(ramp)")
        case .none: .null
        }
      return JSONValue.Field(name, json)
    }
    return [
      "layer": .text(layer), "name": .text(name), "channels": .int(channels),
      "hyper": .object(settings),
      "source": .text(source.text), "fused": .list(fused.map { .text($0) }),
      "executor": .text(executor),
    ]
  }
}

extension DataSpec {
  var json: JSONValue {
    [
      "name": .text(name), "train": train.map { .int($0) } ?? .null,
      "validate": validate.map { .int($0) } ?? .null, "test": test.map { .int($0) } ?? .null,
      "seed": .int(Int(truncatingIfNeeded: seed)), "standardize": .bool(standardize),
      "options": .object(
        options.sorted { $0.key < $1.key }.map { JSONValue.Field($0.key, .number($0.value)) }),
    ]
  }
}

extension OptimizerSpec {
  var json: JSONValue {
    switch self {
    case .sgd(let rate, let momentum, let nesterov, let decay):
      [
        "name": "sgd", "rate": .number(rate), "momentum": .number(momentum),
        "nesterov": .bool(nesterov), "decay": .number(decay),
      ]
    case .adam(let rate, let beta1, let beta2, let epsilon, let decay):
      [
        "name": "adam", "rate": .number(rate), "beta1": .number(beta1), "beta2": .number(beta2),
        "epsilon": .number(epsilon), "decay": .number(decay),
      ]
    case .adamW(let rate, let beta1, let beta2, let epsilon, let decay):
      [
        "name": "adamw", "rate": .number(rate), "beta1": .number(beta1), "beta2": .number(beta2),
        "epsilon": .number(epsilon), "decay": .number(decay),
      ]
    }
  }
}

extension ScheduleSpec {
  var json: JSONValue {
    let own: [JSONValue.Field] =
      switch course {
      case .constant: [.init("name", "constant")]
      case .cosine(let floor): [.init("name", "cosine"), .init("floor", .number(floor))]
      case .step(let every, let factor):
        [
          .init("name", "step"), .init("every", .int(every)), .init("factor", .number(factor)),
        ]
      }
    return .object(own + [.init("warm_up", .int(warmUp))])
  }
}

extension SavedRun {
  /// Throws `another_run` where a norm of the registry is another formula than it was in the run.
  public func requireNorms(of registry: NormRegistry) throws(NormaError) {
    for before in configuration["definitions"].items {
      let uses = configuration["norms"].items
      guard let name = before["name"].string, let entry = try? registry.entry(name),
        let use = uses.first(where: {
          $0["name"] == before["name"] && $0["hyper"] == before["hyper"]
        }),
        let channels = use["channels"].count, let hyper = entry.schema.values(use["hyper"]),
        let formula = try? entry.provider.definition?.formula(hyper: hyper, channels: channels)
      else { continue }
      for (field, lines) in [("formula", formula.forward), ("gradient", formula.gradient)] {
        let text = JSONValue.list(lines.map { .text($0) })
        guard text != before[field] else { continue }
        throw Self.another(in: folder, "norm '\(name)'", before[field], text)
      }
    }
  }
}
