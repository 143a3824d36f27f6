import NormaCompiler
import NormaCore
import NormaLab
import NormaNetwork
import NormaTerminal

extension ExperimentPlan {
  /// The plan as text for people.
  func text(color: ColorChoice) -> String {
    let terminal = Terminal.detect(.output, color: color)
    var lines = structure.map { StyledText($0) }
    lines.append("")
    if let norms { lines += norms.lines(width: terminal.width) + [""] }
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

  /// The norm layers and what each does for the layers beside it; nil where no cell has one.
  private var norms: Table? {
    // Cells differ in their norms more often than in what these are fused with.
    var rows: [(layer: String, fused: String, names: [String])] = []
    for use in cells.flatMap(\.norms) {
      let fused = use.fusion.isEmpty ? "" : "+ \(use.fusion)"
      if let row = rows.firstIndex(where: { $0.layer == use.layer && $0.fused == fused }) {
        if !rows[row].names.contains(use.name) { rows[row].names.append(use.name) }
      } else {
        rows.append((use.layer, fused, [use.name]))
      }
    }
    guard !rows.isEmpty else { return nil }
    var table = Table([
      Table.Column("norm layer", .left), Table.Column("norm", .left),
      Table.Column("in the same passes", .left),
    ])
    for row in rows {
      table.append([
        StyledText(row.layer), StyledText(row.names.joined(separator: ", ")), StyledText(row.fused),
      ])
    }
    return table
  }
}
