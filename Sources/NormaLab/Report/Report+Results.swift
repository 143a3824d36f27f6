import Foundation

extension Report {
  /// What the runs ended with, means over seeds.
  var results: Section? {
    let summary = RunSummary(runs, groups)
    let rows = summary.rows.map { row -> [Table.Field] in
      var fields = row.labels.map { Table.Field($0) }
      for (column, measure) in summary.measures.enumerated() {
        guard let average = row.averages[column] else {
          fields.append(.init("–", isNumber: true))
          continue
        }
        let hint = average.interval.map {
          "95 % interval \(Markup.number($0.lowerBound, digits: 6)) to"
            + " \(Markup.number($0.upperBound, digits: 6))"
        }
        fields.append(
          .init(
            RunSummary.text(average, measure, .interval), value: average.mean,
            isBest: row.isBest[column], hint: hint))
      }
      let count = "\(row.runs)" + (row.misfortunes.map { ": \($0)" } ?? "")
      fields.append(.init(count, value: Double(row.runs)))
      return fields
    }
    var body = Table(
      (groups.contains { $0.runs.count > 1 }
        ? "Means over seeds ± half the 95 % interval" : "Each run")
        + (groups.count > 1 ? "; the best of a column is marked." : "."),
      summary.settings + summary.measures.map(\.rawValue) + ["runs"], rows
    ).html
    var reasons: [(text: String, labels: [String])] = []
    for row in summary.rows {
      let label = row.labels.joined(separator: " ")
      for reason in row.reasons {
        if let at = reasons.firstIndex(where: { $0.text == reason }) {
          reasons[at].labels.append(label)
        } else {
          reasons.append((reason, [label]))
        }
      }
    }
    if !reasons.isEmpty {
      let lines = reasons.map {
        "<li>\(Markup.escaped("\($0.text): \($0.labels.joined(separator: ", "))"))</li>"
      }
      body +=
        "<details><summary>Why \(reasons.count == 1 ? "a run" : "runs") failed</summary><ul>"
        + lines.joined() + "</ul></details>"
    }
    return Section(id: "results", title: "Results", body: body)
  }

  /// What the runs were told, where it differs and where it does not.
  var differences: Section? {
    var body = ""
    let differing = runs.differences
    if !differing.isEmpty {
      body +=
        Table(
          "Settings that differ, and how many runs have each value.", ["setting", "values"],
          differing.map { name, counts in
            let shown = counts.prefix(12).map {
              ($0.value.isEmpty ? "(not there)" : $0.value)
                + ($0.runs > 1 ? " (\($0.runs) runs)" : "")
            }
            let rest = counts.count > 12 ? [", \(counts.count - 12) more"] : []
            return [.init(name), .init(shown.joined(separator: ", ") + rest.joined())]
          }
        ).html
    }
    body +=
      "<details><summary>What \(runs.runs.count == 1 ? "was set" : "all have in common")</summary>"
      + Table(
        "Settings that are the same in all runs.", ["setting", "value"],
        runs.common.map { [.init($0.name), .init($0.value)] }
      ).html + "</details>"
    return Section(id: "configuration", title: "Configuration", body: body)
  }

  /// A table that readers can sort.
  struct Table {
    struct Field {
      let text: String
      let value: Double?
      let isNumber: Bool
      let isBest: Bool
      let hint: String?

      init(
        _ text: String, value: Double? = nil, isNumber: Bool? = nil, isBest: Bool = false,
        hint: String? = nil
      ) {
        self.text = text
        self.value = value
        self.isNumber = isNumber ?? (value != nil)
        self.isBest = isBest
        self.hint = hint
      }
    }

    let caption: String
    let head: [String]
    let rows: [[Field]]

    init(_ caption: String, _ head: [String], _ rows: [[Field]]) {
      self.caption = caption
      self.head = head
      self.rows = rows
    }

    var html: String {
      let heads = head.map { "<th scope=\"col\">\(Markup.escaped($0))</th>" }
      let lines = rows.map { row in
        "<tr>"
          + row.enumerated().map { index, field in
            var more = field.isNumber ? " class=\"number\(field.isBest ? " best" : "")\"" : ""
            if let value = field.value { more += " data-value=\"\(value)\"" }
            if let hint = field.hint { more += " title=\"\(Markup.escaped(hint))\"" }
            let text = Markup.escaped(field.text) + (field.isBest ? " <b title=\"best\">★</b>" : "")
            return index == 0
              ? "<th scope=\"row\"\(more)>\(text)</th>" : "<td\(more)>\(text)</td>"
          }.joined() + "</tr>"
      }
      return "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\""
        + "\(Markup.escaped(caption))\"><table class=\"sortable\"><caption>\(Markup.escaped(caption))"
        + "</caption><thead><tr>\(heads.joined())</tr></thead><tbody>\(lines.joined())</tbody>"
        + "</table></div>"
    }
  }
}
