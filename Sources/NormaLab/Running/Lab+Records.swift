import Foundation
import NormaCore
import NormaData
import NormaNetwork
import NormaNorms

extension Lab {
  /// What a run folder records of a run before it starts: all that determines its result.
  func configuration(
    _ spec: ExperimentSpec, _ run: CellRun
  ) throws(NormaError) -> JSONValue {
    let cell = run.cell
    let sources = options.sources()
    return [
      "experiment": .text(spec.name),
      "place": spec.place.map { .text("\($0)") } ?? .null,
      "cell": .int(cell.index + 1),
      "settings": cell.settingsJSON,
      "model": .text(try cell.model.json()),
      "parameters": .int(run.network.parameterCount),
      "norms": .list(run.network.norms.map(\.json)),
      "data": spec.data.json,
      "train": [
        "steps": .int(run.totalSteps), "steps_per_epoch": .int(run.stepsPerEpoch),
        "batch": .int(cell.batch), "optimizer": cell.optimizer.json,
        "schedule": spec.train.schedule.json,
        "clip": spec.train.clip.map { .number($0) } ?? .null,
        "rate_scale": .text(spec.train.rateScale.rawValue),
      ],
      "seed": .int(Int(cell.seed)),
      "executor": .text(options.executor.name),
      "threads": .int(options.threads),
      "versions": [
        "norma": .text(options.version),
        "system": .text(ProcessInfo.processInfo.operatingSystemVersionString),
      ],
      "scripts": [
        "hash": .text(ScriptText.hash(sources)),
        "files": .list(sources.map { .text($0.name) }),
      ],
      "started": .text(Date().formatted(.iso8601)),
    ]
  }

  /// The index of a sweep: its axes, and every cell that is done with its folder and measures.
  func sweepJSON(_ spec: ExperimentSpec, _ cells: [Cell], _ results: [CellResult]) -> JSONValue {
    [
      "experiment": .text(spec.name),
      "axes": .object(
        spec.axes.map { axis in
          JSONValue.Field(axis.name, .list(axis.values.map(\.json)))
        }),
      "cells": .int(cells.count),
      "results": .list(
        results.map { result in
          .object(
            [
              .init("folder", .text(result.cell.folderName(of: cells.count))),
              .init("settings", result.cell.settingsJSON),
            ] + result.fields.filter { $0.name != "weights" })
        }),
    ]
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
      "layer": .text(layer), "name": .text(name), "hyper": .object(settings),
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
