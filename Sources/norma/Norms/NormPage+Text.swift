import NormaTerminal

extension NormPage {
  /// The page as lines.
  var lines: [StyledText] {
    var lines = [StyledText(name, .bold) + StyledText("  \(summary)")]
    lines.append(fact("source", source))
    if !paper.isEmpty { lines.append(fact("paper", paper)) }
    if isForWeights { lines.append(fact("for", "weights: weight_norm in nn.linear and nn.conv")) }
    switch gradientKind {
    case "partial": lines.append(fact("note", "what the formula stops is left out of the gradient"))
    case "own": lines.append(fact("note", "the gradient is the norm's own, not the derivative"))
    default: break
    }
    if let groups { lines.append(fact("groups", "the channels are split into \(groups)")) }
    if formulas.isEmpty {
      lines += heading("formula") + ["  a compiled plugin brings none"]
    }
    for formula in formulas {
      let suffix = formula.mode.map { " (\($0))" } ?? ""
      lines += heading("formula" + suffix) + formula.forward.map { StyledText("  " + $0) }
      if !formula.gradient.isEmpty {
        lines += heading("gradient" + suffix) + formula.gradient.map { StyledText("  " + $0) }
      }
      if !formula.statistics.isEmpty {
        var table = Table(["statistic", "over", "one for each"])
        for statistic in formula.statistics {
          table.append([
            StyledText(statistic.text), list(statistic.over, or: "nothing"),
            list(statistic.per, or: "tensor"),
          ])
        }
        lines += heading("statistics" + suffix) + indented(table)
      }
    }
    lines += hyperLines
    if !inputs.isEmpty {
      var table = Table(["name", "one for each", "accepts", "meaning"])
      for input in inputs {
        table.append([
          StyledText(input.name, .cyan), list(input.per, or: "call"), StyledText(input.accepts),
          StyledText(input.doc),
        ])
      }
      lines += heading("inputs beside x") + indented(table)
    }
    lines += state("parameters", parameters) + state("buffers", buffers)
    for (mode, plan) in plans.sorted(by: { $0.key > $1.key }) {
      lines += heading("plan (\(mode))")
      lines += plan.split(separator: "\n").map { StyledText("  " + $0) }
    }
    return lines
  }

  private var hyperLines: [StyledText] {
    guard !hyper.isEmpty else { return [] }
    var table = Table(["name", "type", Table.Column("default", .left), "accepts", "meaning"])
    for item in hyper {
      let aliases = item.aliases.isEmpty ? "" : " (or: \(item.aliases.joined(separator: ", ")))"
      table.append([
        StyledText(item.name, .cyan), StyledText(item.type), StyledText(item.value),
        StyledText(item.accepts), StyledText(item.doc + aliases),
      ])
    }
    var lines = heading("hyper-parameters") + indented(table)
    guard !presets.isEmpty else { return lines }
    lines += heading("presets")
    for (name, values) in presets.sorted(by: { $0.key < $1.key }) {
      let settings = values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      lines.append(fact(name, settings.joined(separator: " ")))
    }
    return lines
  }

  private func state(_ title: String, _ states: [State]) -> [StyledText] {
    guard !states.isEmpty else { return [] }
    var table = Table(["name", "one for each", Table.Column("starts at", .left), "role", "meaning"])
    for state in states {
      let condition = state.presentWhen.map { " (absent without \($0))" } ?? ""
      table.append([
        StyledText(state.name, .cyan), list(state.per, or: "layer"), StyledText(state.initial),
        StyledText(state.role), StyledText(state.doc + condition),
      ])
    }
    return heading(title) + indented(table)
  }

  private func heading(_ title: String) -> [StyledText] { ["", StyledText(title, .bold)] }

  private func indented(_ table: Table) -> [StyledText] { table.lines().map { "  " + $0 } }

  private func list(_ names: [String], or none: String) -> StyledText {
    StyledText(names.isEmpty ? none : names.joined(separator: ", "))
  }

  private func fact(_ name: String, _ value: String) -> StyledText {
    let padding = String(repeating: " ", count: max(1, 8 - name.count))
    return StyledText("  \(name)\(padding)", .dim) + StyledText(value)
  }
}
