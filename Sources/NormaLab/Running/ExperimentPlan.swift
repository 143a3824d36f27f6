public import NormaCore
import NormaData
public import NormaNetwork

/// What a dry run found out: nothing was trained to its end, nothing written.
public struct ExperimentPlan: Sendable {
  /// A cell, built and run for three steps.
  public struct PlannedCell: Sendable {
    /// The cell.
    public let cell: Cell
    /// The number of learned values; nil when it cannot be built.
    public let parameters: Int?
    /// Planned memory in bytes: parameters, activations, gradients, workspaces.
    public let bytes: Int?
    /// The norms at work; empty when it cannot be built.
    public let norms: [NormUse]
    /// Steps of the run.
    public let steps: Int?
    /// Seconds a step.
    public let stepSeconds: Double?
    /// Why it would fail.
    public let failure: NormaError?
  }

  /// The experiment's name.
  public let name: String
  /// The model's layers and the shape of the samples, for people.
  public let structure: [String]
  /// Samples of the training and the validation part, or symbols of a text.
  public let samples: (train: Int, validate: Int)
  /// What these are: `samples` or `symbols`.
  public let unit: String
  /// The cells in order.
  public let cells: [PlannedCell]
  /// Where files would be written; a pattern.
  public let files: [String]

  /// Seconds all training steps will take together.
  public var seconds: Double {
    cells.reduce(0) { $0 + Double($1.steps ?? 0) * ($1.stepSeconds ?? 0) }
  }

  var json: JSONValue {
    [
      "type": "plan", "experiment": .text(name), "train": .int(samples.train),
      "validate": .int(samples.validate), "seconds": .number(seconds),
      "cells": .list(cells.map(\.json)), "files": .list(files.map { .text($0) }),
    ]
  }
}

extension ExperimentPlan.PlannedCell {
  var json: JSONValue {
    [
      "settings": cell.settingsJSON,
      "parameters": parameters.map { .int($0) } ?? .null,
      "bytes": bytes.map { .int($0) } ?? .null,
      "norms": .list(norms.map(\.json)),
      "steps": steps.map { .int($0) } ?? .null,
      "step_ms": stepSeconds.map { .number($0 * 1000) } ?? .null,
      "error": failure.map { .text($0.description) } ?? .null,
    ]
  }
}

extension Lab {
  /// Builds each cell and times three steps; cells that differ in their seed alone share the figures.
  func plan(
    _ spec: ExperimentSpec, _ cells: [Cell], _ splits: DataSplits
  ) throws(NormaError) -> ExperimentPlan {
    var known: [[Cell.Setting]: ExperimentPlan.PlannedCell] = [:]
    var planned: [ExperimentPlan.PlannedCell] = []
    for cell in cells {
      if options.isInterrupted() { throw NormaError(.interrupted, "interrupted") }
      let key = cell.settings.filter { $0.name != "seed" }
      let figures = known[key] ?? time(cell, of: spec, on: splits)
      known[key] = figures
      planned.append(
        ExperimentPlan.PlannedCell(
          cell: cell, parameters: figures.parameters, bytes: figures.bytes, norms: figures.norms,
          steps: figures.steps, stepSeconds: figures.stepSeconds, failure: figures.failure))
    }
    if planned.allSatisfy({ $0.failure != nil }), let first = planned.first?.failure { throw first }
    let folder = options.out ?? "runs/DATE-TIME-\(Cell.slug(spec.name))"
    let base = cells.count > 1 ? folder + "/001-.../" : folder + "/"
    let files =
      options.writes
      ? ["run.json", "lua/", "events.jsonl", "final.safetensors"].map { base + $0 }
        + (cells.count > 1 ? ["sweep.json", "report.html"].map { folder + "/" + $0 } : [])
      : []
    let model = try cells.first?.model.fitting(
      splits.train.windows(of: cells.first?.model.input.first ?? 1))
    return ExperimentPlan(
      name: spec.name, structure: model?.structure(registry) ?? [],
      samples: (splits.train.extent, splits.validate.extent),
      unit: splits.train.unit, cells: planned, files: files)
  }

  private func time(
    _ cell: Cell, of spec: ExperimentSpec, on splits: DataSplits
  ) -> ExperimentPlan.PlannedCell {
    do throws(NormaError) {
      let run = try CellRun(cell, of: spec, on: splits, options, registry: registry) { _ in }
      let seconds = try run.timeSteps(min(4, run.totalSteps))
      return ExperimentPlan.PlannedCell(
        cell: cell, parameters: run.network.parameterCount, bytes: run.network.plannedBytes,
        norms: run.network.norms, steps: run.totalSteps, stepSeconds: seconds, failure: nil)
    } catch {
      return ExperimentPlan.PlannedCell(
        cell: cell, parameters: nil, bytes: nil, norms: [], steps: nil, stepSeconds: nil,
        failure: error)
    }
  }
}
