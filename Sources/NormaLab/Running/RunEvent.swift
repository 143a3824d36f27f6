public import NormaCore
public import NormaNetwork

/// What happens during an experiment, for the event file and for displays.
public enum RunEvent: Sendable {
  /// An experiment begins; its folder is nil when nothing is written.
  case experiment(name: String, cells: Int, folder: String?)
  /// A cell begins.
  case run(RunStart)
  /// A step is done; told for every step, written for about a thousand of them.
  case step(StepReport)
  /// What the norms did in a step.
  case norms(NormReport)
  /// A part of the data was measured.
  case evaluation(EvaluationReport)
  /// An epoch is done.
  case epoch(EpochReport)
  /// Something the user should know.
  case warning(String)
  /// A cell failed.
  case error(NormaError)
  /// A cell was stopped from outside after that many steps; where its state was saved.
  case interrupted(steps: Int, checkpoint: String?)
  /// A cell is done, one way or the other.
  case done(CellResult)
  /// A cell that was done before, or by another process; nothing of it runs here.
  case found(CellResult)
  /// How far cells are that run in processes of their own.
  case sweep(SweepProgress)
  /// What a dry run found.
  case plan(ExperimentPlan)
}

/// How a cell begins.
public struct RunStart: Sendable {
  /// The experiment's name.
  public let experiment: String
  /// The cell.
  public let cell: Cell
  /// How many cells there are.
  public let cells: Int
  /// Where it is kept; nil when nothing is written.
  public let folder: String?
  /// Steps of the whole run.
  public let steps: Int
  /// Steps of an epoch; the last one may have fewer.
  public let stepsPerEpoch: Int
  /// Epochs, begun ones too.
  public let epochs: Int
  /// The number of learned values.
  public let parameters: Int
  /// Steps that were done before, where the run goes on.
  public let done: Int
}

/// What a step found.
public struct StepReport: Sendable {
  /// Steps done.
  public let step: Int
  /// The epoch, from 1.
  public let epoch: Int
  /// The mean loss since the report before.
  public let loss: Double
  /// The share classified right since the report before.
  public let accuracy: Double
  /// The learning rate of this step.
  public let rate: Double
  /// The gradients' norm before clipping; nil without clipping.
  public let gradientNorm: Double?
  /// Whether the report is one of those written to files.
  public let isRecorded: Bool
}

/// What the norms did in a step.
public struct NormReport: Sendable {
  /// Steps done, this one among them.
  public let step: Int
  /// The mean loss of its samples.
  public let loss: Double
  /// What was seen.
  public let observation: StepObservation
}

/// What measuring a part of the data found.
public struct EvaluationReport: Sendable {
  /// `validate` or `test`.
  public let part: String
  /// Steps done.
  public let step: Int
  /// The mean loss.
  public let loss: Double
  /// The share classified right.
  public let accuracy: Double
}

/// What an epoch found.
public struct EpochReport: Sendable {
  /// The epoch, from 1.
  public let epoch: Int
  /// How many there are.
  public let epochs: Int
  /// Steps done.
  public let step: Int
  /// The mean training loss of the epoch.
  public let loss: Double
  /// The share classified right in training.
  public let accuracy: Double
  /// What validation found; nil without a validation part.
  public let validation: EvaluationReport?
  /// The learning rate at its end.
  public let rate: Double
  /// How long it took, validation included.
  public let seconds: Double
  /// Its steps.
  public let steps: Int
}

extension RunEvent {
  /// Whether the event is one of a run, and belongs in the file of its events.
  var isOfRun: Bool {
    switch self {
    case .experiment, .plan, .found, .sweep: false
    default: true
    }
  }

  /// The event as a JSON object that begins with its `type`; nil where only a live display wants it.
  public var json: JSONValue? {
    switch self {
    case .sweep: return nil
    case .step(let step) where !step.isRecorded: return nil
    case .experiment(let name, let cells, let folder):
      return [
        "type": "experiment", "name": .text(name), "cells": .int(cells),
        "folder": folder.map { .text($0) } ?? .null,
      ]
    case .run(let start):
      return [
        "type": "run", "experiment": .text(start.experiment), "cell": .int(start.cell.index + 1),
        "cells": .int(start.cells), "settings": start.cell.settingsJSON,
        "model": .text(start.cell.model.name), "batch": .int(start.cell.batch),
        "seed": .int(Int(start.cell.seed)), "steps": .int(start.steps),
        "epochs": .int(start.epochs), "parameters": .int(start.parameters),
        "folder": start.folder.map { .text($0) } ?? .null,
      ]
    case .step(let step):
      return [
        "type": "step", "step": .int(step.step), "epoch": .int(step.epoch),
        "loss": .number(step.loss), "accuracy": .number(step.accuracy),
        "rate": .number(step.rate), "gradient_norm": step.gradientNorm.map { .number($0) } ?? .null,
      ]
    case .norms(let report): return report.json
    case .evaluation(let report):
      return [
        "type": "eval", "part": .text(report.part), "step": .int(report.step),
        "loss": .number(report.loss), "accuracy": .number(report.accuracy),
      ]
    case .epoch(let epoch):
      return [
        "type": "epoch", "epoch": .int(epoch.epoch), "epochs": .int(epoch.epochs),
        "step": .int(epoch.step), "loss": .number(epoch.loss),
        "accuracy": .number(epoch.accuracy),
        "val_loss": epoch.validation.map { .number($0.loss) } ?? .null,
        "val_accuracy": epoch.validation.map { .number($0.accuracy) } ?? .null,
        "rate": .number(epoch.rate), "seconds": .number(epoch.seconds),
      ]
    case .warning(let text): return ["type": "warning", "message": .text(text)]
    case .error(let error):
      return ["type": "error", "code": .text(error.code.id), "message": .text(error.description)]
    case .interrupted(let steps, let checkpoint):
      return [
        "type": "interrupted", "step": .int(steps),
        "checkpoint": checkpoint.map { .text($0) } ?? .null,
      ]
    case .done(let result):
      return .object([.init("type", "done")] + result.fields)
    case .found(let result):
      return .object(
        [
          .init("type", "found"), .init("cell", .int(result.cell.index + 1)),
          .init("settings", result.cell.settingsJSON),
        ] + result.fields)
    case .plan(let plan): return plan.json
    }
  }
}

extension Cell {
  var settingsJSON: JSONValue {
    .object(settings.map { JSONValue.Field($0.name, $0.value.json) })
  }
}
