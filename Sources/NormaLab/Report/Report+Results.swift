import Foundation

extension Report {
  /// The measures of the table: those that some run ended with, time last.
  var measures: [Measure] {
    let all = runs.measures
    // What `accuracy` and `loss` stand for has a column of its own.
    let doubled: [Measure] = all.contains(.trainLoss) ? [.accuracy, .loss] : []
    return all.filter { !doubled.contains($0) && $0 != .seconds }
  }

  private var settings: [String] { runs.settings.filter { $0 != "seed" } }

  /// What the runs ended with, means over seeds.
  var results: Section? {
    let measures = measures
    let names = settings
    let best = Dictionary(
      uniqueKeysWithValues: measures.map { measure in
        let means = groups.compactMap { $0.average(measure)?.mean }
        return (measure, measure.isBetterHigh ? means.max() : means.min())
      })
    var head = (experiments.count > 1 ? ["experiment"] : []) + (names.isEmpty ? ["run"] : names)
    head += measures.map(\.rawValue) + ["runs"]
    let rows = groups.map { group -> [Table.Field] in
      var fields: [Table.Field] = []
      if experiments.count > 1 { fields.append(.init(group.experiment)) }
      fields += names.isEmpty ? [.init(group.label)] : names.map { .init(group.value($0) ?? "") }
      for measure in measures {
        guard let average = group.average(measure) else {
          fields.append(.init("–", isNumber: true))
          continue
        }
        let isBest = groups.count > 1 && average.mean == best[measure] && measure != .parameters
        fields.append(
          .init(
            text(average, measure), value: average.mean, isBest: isBest,
            hint: average.interval.map {
              "95 % interval \(Markup.number($0.lowerBound, digits: 6)) to"
                + " \(Markup.number($0.upperBound, digits: 6))"
            }))
      }
      let count = "\(group.runs.count)" + (group.misfortunes.map { ": \($0)" } ?? "")
      fields.append(.init(count, value: Double(group.runs.count)))
      return fields
    }
    var body = Table(
      "Means over seeds ± half the 95 % interval; the best of a column is marked.", head, rows
    ).html
    let reasons = groups.flatMap { group in group.reasons.map { "\(group.label): \($0)" } }
    if !reasons.isEmpty {
      body +=
        "<details><summary>Why \(reasons.count == 1 ? "a run" : "runs") failed</summary><ul>"
        + reasons.map { "<li>\(Markup.escaped($0))</li>" }.joined() + "</ul></details>"
    }
    return Section(id: "results", title: "Results", body: body)
  }

  private func text(_ average: Average, _ measure: Measure) -> String {
    let number = { String(format: "%.\(measure.decimals)f", $0 as Double) }
    guard measure != .parameters, let half = average.halfInterval else {
      return number(average.mean)
    }
    return "\(number(average.mean)) ± \(number(half))"
  }

  /// What the runs were told, where it differs and where it does not.
  var differences: Section? {
    var names: [String] = []
    var values: [String: [String]] = [:]
    for (index, named) in runs.runs.enumerated() {
      for (name, value) in Self.flattened(named.run.configuration) {
        if values[name] == nil {
          names.append(name)
          values[name] = [String](repeating: "", count: runs.runs.count)
        }
        values[name]?[index] = value
      }
    }
    let differing = names.filter { Set(values[$0] ?? []).count > 1 }
    let common = names.filter { Set(values[$0] ?? []).count == 1 }
    var body = ""
    if !differing.isEmpty, runs.runs.count > 1 {
      body +=
        Table(
          "Settings that differ, and how many runs have each value.", ["setting", "values"],
          differing.map { name in
            var counts: [(String, Int)] = []
            for value in values[name] ?? [] {
              if let at = counts.firstIndex(where: { $0.0 == value }) {
                counts[at].1 += 1
              } else {
                counts.append((value, 1))
              }
            }
            let shown = counts.prefix(12).map {
              "\($0.0.isEmpty ? "(not there)" : $0.0)" + ($0.1 > 1 ? " (\($0.1) runs)" : "")
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
        common.map { [.init($0), .init(values[$0]?.first ?? "")] }
      ).html + "</details>"
    return Section(id: "configuration", title: "Configuration", body: body)
  }

  /// The settings of a run by path; what has a section of its own is left out.
  private static func flattened(_ configuration: JSONValue) -> [(String, String)] {
    var found: [(String, String)] = []
    func add(_ path: String, _ value: JSONValue) {
      switch value {
      case .object(let fields):
        for field in fields {
          add(path.isEmpty ? field.name : "\(path).\(field.name)", field.value)
        }
      case .text(let text): found.append((path, text))
      default: found.append((path, value.line))
      }
    }
    let left = [
      "definitions", "norms", "versions", "scripts", "started", "cell", "model", "place",
    ]
    for field in configuration.fields where !left.contains(field.name) {
      add(field.name, field.value)
    }
    let model = (configuration["model"].string).flatMap { try? JSONValue(parsing: Data($0.utf8)) }
    if let model { found.append(("model", layers(model))) }
    return found
  }

  private static func layers(_ model: JSONValue) -> String {
    func text(_ layer: JSONValue) -> String {
      let norm = layer["norm"]["name"].string.map { [" " + $0] } ?? []
      let options = layer["options"].fields.map {
        " \($0.name)=\($0.value.string ?? $0.value.line)"
      }
      let inner = layer["layers"].items.map(text).joined(separator: ", ")
      return (layer["kind"].string ?? "") + (norm + options).joined()
        + (inner.isEmpty ? "" : " [\(inner)]")
    }
    return "\(model["name"].string ?? ""): "
      + model["layers"].items.map(text).joined(separator: ", ")
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
