import Foundation
import NormaCore
import NormaLab
import NormaTerminal

/// Shows the events of a run: a live block on a terminal, lines in a log, JSON lines when asked for.
final class RunDisplay {
  private let progress: ProgressDisplay
  private let isJSON: Bool
  private let isQuiet: Bool
  private let color: ColorChoice
  private var start: RunStart?
  private var epoch = 1
  private var losses: [Double] = []
  private var validations: [Double] = []
  private var accuracies: [Double] = []
  private var recent: StepReport?
  private var estimate = ProgressEstimate()
  private var results: [CellResult] = []
  private var name = ""
  private let clock = ContinuousClock.now

  init(isQuiet: Bool, color: ColorChoice, isJSON: Bool) {
    progress = ProgressDisplay(on: .error, color: color, isQuiet: isQuiet)
    self.isJSON = isJSON
    self.isQuiet = isQuiet
    self.color = color
  }

  /// A line that the script prints.
  func print(_ line: String) {
    progress.finish()
    (isJSON ? TextStream.error : .output).write(line + "\n")
  }

  /// Lets the last frame stand.
  func end() {
    progress.finish()
  }

  func show(_ event: RunEvent) {
    if isJSON, let json = event.json { TextStream.output.write(json.line + "\n") }
    switch event {
    case .experiment(let name, let cells, let folder):
      results = []
      self.name = name
      log("experiment \(name)", [("cells", "\(cells)")] + (folder.map { [("folder", $0)] } ?? []))
    case .run(let start): begin(start)
    case .step(let step): update(step)
    case .evaluation(let report):
      estimate.pause()
      if report.part == "test" {
        log(
          subject("test"),
          [
            ("loss", NumberText.number(report.loss)), ("acc", NumberText.number(report.accuracy)),
          ])
      }
    case .epoch(let report): finish(report)
    case .warning(let text): progress.note(StyledText("warning: ", .yellow) + StyledText(text))
    case .error(let error):
      guard (start?.cells ?? 1) > 1, !isQuiet else { return }
      progress.note(StyledText(error.description.components(separatedBy: "\n")[0], .yellow))
    case .interrupted, .norms: break
    case .done(let result): finish(result)
    case .found(let result): found(result)
    case .sweep(let progress): show(progress)
    case .plan(let plan): if !isJSON { TextStream.output.write(plan.text(color: color)) }
    }
  }

  private func begin(_ start: RunStart) {
    self.start = start
    epoch = 1
    losses = []
    validations = []
    accuracies = []
    recent = nil
    estimate = ProgressEstimate()
  }

  private func update(_ step: StepReport) {
    epoch = step.epoch
    recent = step
    if step.isRecorded {
      losses.append(step.loss)
      if losses.count > 256 { losses.removeFirst(128) }
    }
    estimate.record(step: step.step, at: (ContinuousClock.now - clock) / .seconds(1))
    progress.update { frame() }
  }

  private func finish(_ report: EpochReport) {
    if let validation = report.validation {
      validations.append(validation.loss)
      accuracies.append(validation.accuracy)
    }
    var fields = [("loss", NumberText.number(report.loss))]
    if let validation = report.validation {
      fields += [
        ("val_loss", NumberText.number(validation.loss)),
        ("val_acc", NumberText.number(validation.accuracy)),
      ]
    } else {
      fields.append(("acc", NumberText.number(report.accuracy)))
    }
    fields += [
      ("lr", NumberText.scientific(report.rate)),
      ("time", String(format: "%.1fs", report.seconds)),
      ("it/s", NumberText.rate(Double(report.steps) / max(report.seconds, 1e-9))),
    ]
    log(subject("epoch \(report.epoch)/\(report.epochs)"), fields)
  }

  private func finish(_ result: CellResult) {
    results.append(result)
    guard let start else { return }
    if start.cells == 1 || results.count == start.cells {
      progress.finish(frame(table: sweepTable(most: Self.mostRowsAtEnd)))
    }
    if let failure = result.failure {
      let line = failure.description.components(separatedBy: "\n")[0]
      log("\(start.experiment) failed", [("reason", line)])
    }
  }

  /// A cell that another process finished, or that was done before.
  private func found(_ result: CellResult) {
    results.append(result)
    var fields: [(String, String)] = []
    for measure in [Measure.loss, .accuracy] {
      if let value = result[measure] { fields.append((measure.rawValue, NumberText.number(value))) }
    }
    if let failure = result.failure {
      fields = [("reason", failure.description.components(separatedBy: "\n")[0])]
    }
    log("\(result.cell.label) \(result.shortReason ?? "done")", fields)
  }

  private func show(_ sweep: SweepProgress) {
    // What runs counts as far as it is.
    let begun = sweep.running.reduce(0.0) {
      // As long as it is not known of how many, none count.
      $0 + ($1.totalSteps > 0 ? min(Double($1.steps) / Double($1.totalSteps), 1) : 0)
    }
    estimate.record(
      step: Int(1000 * (Double(sweep.done) + begun)),
      at: (ContinuousClock.now - clock) / .seconds(1))
    progress.update {
      let total = 1000 * sweep.cells
      let now = Int(1000 * (Double(sweep.done) + begun))
      let measures = sweep.running.map { running in
        ProgressFrame.Measure(
          running.cell.label,
          "\(running.steps)/\(running.totalSteps) loss "
            + (running.loss.map { NumberText.number($0) } ?? "-"))
      }
      return ProgressFrame(
        title: name, variant: "", stage: "\(sweep.done)/\(sweep.cells) cells",
        completed: sweep.done, total: sweep.cells,
        remaining: estimate.remaining(steps: total - now),
        rate: nil, measures: measures, table: sweepTable(most: Self.mostRows))
    }
    if sweep.done == sweep.cells {
      progress.finish(
        ProgressFrame(
          title: name, stage: "\(sweep.done)/\(sweep.cells) cells", completed: sweep.done,
          total: sweep.cells, table: sweepTable(most: Self.mostRowsAtEnd)))
    }
  }

  /// How many rows a table has while it is redrawn, and when it is left to stand.
  private static let (mostRows, mostRowsAtEnd) = (8, 40)

  /// The cells that are done, the best marked: in their order where all find room, else the best of them.
  private func sweepTable(most limit: Int) -> Table? {
    guard let first = results.first, !first.cell.settings.isEmpty else { return nil }
    let measures = [Measure.accuracy, .loss].filter { name in results.contains { $0[name] != nil } }
    func value(_ result: CellResult, _ measure: Measure) -> Double? {
      guard case .completed = result.status, let value = result[measure], value.isFinite else {
        return nil
      }
      return value
    }
    let best = measures.map { measure in
      let values = results.compactMap { value($0, measure) }
      return measure.isBetterHigh ? values.max() : values.min()
    }
    var shown = results.sorted { $0.cell.index < $1.cell.index }
    if shown.count > limit, let measure = measures.last {
      shown.sort { (value($0, measure) ?? .infinity) < (value($1, measure) ?? .infinity) }
    }
    var table = Table(
      first.cell.settings.map { Table.Column($0.name, .left) }
        + measures.map { Table.Column($0.rawValue, .right) } + [Table.Column("", .left)])
    for result in shown.prefix(limit) {
      let cells = zip(measures, best).map { measure, best -> StyledText in
        guard let number = value(result, measure) else { return "–  " }
        let isBest = number == best
        return StyledText(measure.text(number) + (isBest ? " *" : "  "), isBest ? .green : .plain)
      }
      table.append(
        result.cell.settings.map { StyledText($0.value.label) } + cells
          + [StyledText(result.shortReason ?? "", .yellow)])
    }
    if shown.count > limit {
      table.append([StyledText("\(shown.count - limit) more", .dim)])
    }
    return table
  }

  private func subject(_ stage: String) -> String {
    let label = start?.cell.label ?? ""
    return label.isEmpty ? stage : "\(label) \(stage)"
  }

  private func log(_ subject: String, _ fields: [(name: String, value: String)]) {
    guard !isJSON else { return }
    progress.log(LogLine(Date(), subject, fields))
  }

  private func frame(table: Table? = nil) -> ProgressFrame {
    let perEpoch = start?.stepsPerEpoch ?? 1
    let total = start?.steps ?? 1
    let step = recent?.step ?? 0
    let first = (epoch - 1) * perEpoch
    var measures = [
      ProgressFrame.Measure(
        "loss", recent.map { NumberText.number($0.loss) } ?? "-", history: losses)
    ]
    if let value = validations.last {
      measures.append(.init("val", NumberText.number(value), history: validations))
    }
    if let value = accuracies.last {
      measures.append(.init("acc", NumberText.number(value), history: accuracies))
    }
    if let recent {
      measures.append(.init("lr", NumberText.scientific(recent.rate)))
      if let norm = recent.gradientNorm { measures.append(.init("|g|", NumberText.number(norm))) }
    }
    if let resident = ProcessMemory.resident {
      measures.append(.init("rss", NumberText.bytes(resident)))
    }
    let cells = start?.cells ?? 1
    let number = cells > 1 ? "  \((start?.cell.index ?? 0) + 1)/\(cells)" : ""
    return ProgressFrame(
      title: (start?.experiment ?? "") + number, variant: start?.cell.label ?? "",
      stage: "epoch \(epoch)/\(start?.epochs ?? 1)", completed: step - first,
      total: max(1, min(perEpoch, total - first)),
      remaining: estimate.remaining(steps: total - step), rate: estimate.rate, measures: measures,
      table: table ?? sweepTable(most: Self.mostRows))
  }
}

/// What the process holds of the machine's memory.
enum ProcessMemory {
  /// Resident bytes; nil where the system does not say.
  static var resident: Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
      return nil
    }
    let fields = text.split(separator: " ")
    return fields.count > 1 ? Int(fields[1]).map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) } : nil
  }
}
