import NormaCore
import NormaLab
import NormaTerminal

extension ExperimentPlan {
  /// The plan as text for people.
  func text(color: ColorChoice) -> String {
    let terminal = Terminal.detect(.output, color: color)
    var lines = structure.map { StyledText($0) }
    lines.append("")
    lines.append(
      StyledText("experiment \(name)", .bold)
        + StyledText(
          "   \(samples.train) training \(unit), \(samples.validate) for validation,"
            + " \(cells.count) \(cells.count == 1 ? "run" : "cells")"))
    let axes = cells.first?.cell.settings.map(\.name) ?? []
    var table = Table(
      axes.map { Table.Column($0, .left) }
        + ["parameters", "memory", "steps", "ms/step", "time"] + [Table.Column("", .left)])
    for planned in cells {
      let labels = planned.cell.settings.map { StyledText($0.value.label) }
      guard let steps = planned.steps, let seconds = planned.stepSeconds,
        let parameters = planned.parameters, let bytes = planned.bytes
      else {
        let reason = planned.failure?.message ?? "cannot be built"
        table.append(labels + ["-", "-", "-", "-", "-", StyledText(reason)], style: .yellow)
        continue
      }
      table.append(
        labels + [
          StyledText("\(parameters)"), StyledText(NumberText.bytes(bytes)), StyledText("\(steps)"),
          StyledText(NumberText.number(seconds * 1000, decimals: 2)),
          StyledText(NumberText.duration(seconds: seconds * Double(steps))),
        ])
    }
    lines += table.lines(width: terminal.width)
    lines.append("")
    lines.append(
      StyledText("all training steps together: about \(NumberText.duration(seconds: seconds))"))
    if !files.isEmpty {
      lines.append(StyledText("would write: " + files.joined(separator: ", ")))
    }
    var whole = terminal
    whole.width = nil
    return lines.map { $0.rendered(for: whole) + "\n" }.joined()
  }
}
