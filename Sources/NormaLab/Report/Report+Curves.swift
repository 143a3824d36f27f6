import Foundation

extension Report {
  /// How many charts of a kind there may be.
  private static let mostFacets = 12
  /// How many colours and dashes there are.
  static let styles = 8

  /// The setting that curves of one chart differ in: the norm where it varies.
  private var colourAxis: String? {
    let varied = variedSettings
    return varied.contains("norm") ? "norm" : varied.first
  }

  private var variedSettings: [String] {
    runs.settings.filter { name in
      name != "seed" && Set(groups.compactMap { $0.value(name) }).count > 1
    }
  }

  /// The groups of each chart, by the settings they share.
  private var facets: [(title: String, groups: [RunGroup])] {
    let colour = colourAxis
    let others = variedSettings.filter { $0 != colour }
    var titles: [String] = []
    var found: [String: [RunGroup]] = [:]
    for group in groups {
      var words = others.compactMap { name in group.value(name).map { "\(name)=\($0)" } }
      if experiments.count > 1 { words.insert(group.experiment, at: 0) }
      let title = words.joined(separator: " ")
      if found[title] == nil { titles.append(title) }
      found[title, default: []].append(group)
    }
    return titles.map { ($0, found[$0] ?? []) }
  }

  /// What is drawn of a run over its steps.
  private static let measures:
    [(title: String, type: String, part: String?, field: String, label: String)] = [
      ("Training loss", "step", nil, "loss", "loss"),
      ("Validation loss", "eval", "validate", "loss", "loss"),
      ("Validation accuracy", "eval", "validate", "accuracy", "accuracy"),
      ("Training accuracy", "step", nil, "accuracy", "accuracy"),
    ]

  var curveCharts: [LineChart] {
    let styles = colourStyles
    return facets.prefix(Self.mostFacets).flatMap { facet in
      let charts = Self.measures.map { measure in
        LineChart(
          facet.title.isEmpty ? measure.title : "\(measure.title), \(facet.title)",
          y: measure.label,
          facet.groups.prefix(16).map { group in
            let name = colourAxis.flatMap { group.value($0) } ?? group.label
            let events = group.events(measure.type) { event in
              measure.part.map { event["part"] == .text($0) } ?? true
            }
            return RunGroup.curve(name, style: styles[name] ?? 0, events) {
              $0[measure.field].double
            }
          })
      }
      let shown = charts.filter { !$0.isEmpty }
      // Accuracy in training stands in for that of validation.
      return shown.count > 3 ? Array(shown.prefix(3)) : shown
    }
  }

  /// One style for each value of the colours' axis, the same in all charts.
  private var colourStyles: [String: Int] {
    var styles: [String: Int] = [:]
    for group in groups {
      let name = colourAxis.flatMap { group.value($0) } ?? group.label
      if styles[name] == nil { styles[name] = styles.count % Self.styles }
    }
    return styles
  }

  var curves: Section? {
    let charts = curveCharts
    guard !charts.isEmpty else { return nil }
    let left = facets.count - Self.mostFacets
    let note =
      "<p>Lines are means over seeds, bands reach from the lowest seed to the highest; points of"
      + " training are means of the steps since the one before."
      + (left > 0
        ? " The first \(Self.mostFacets) of \(facets.count) settings are drawn; give fewer runs to"
          + " see others." : "") + "</p>"
    return Section(
      id: "curves", title: "Learning curves",
      body: note + "<div class=\"charts\">\(charts.map(\.figure).joined())</div>")
  }

  /// Measures over the two settings that vary, if two do.
  var heatMapPictures: [HeatMap] {
    let varied = variedSettings
    guard let rowAxis = colourAxis, let columnAxis = varied.first(where: { $0 != rowAxis }) else {
      return []
    }
    func values(_ axis: String) -> [String] {
      var seen: Set<String> = []
      return groups.compactMap { $0.value(axis) }.filter { seen.insert($0).inserted }
    }
    let (rows, columns) = (values(rowAxis), values(columnAxis))
    let wanted: [Measure] = [
      .testAccuracy, .validationAccuracy, .trainAccuracy, .validationLoss, .trainLoss,
    ]
    let shown = wanted.filter(runs.measures.contains)
    guard rows.count > 1, columns.count > 1, columns.count <= 16 else { return [] }
    let averaged = varied.filter { $0 != rowAxis && $0 != columnAxis }
    return [shown.first, shown.first { !$0.isBetterHigh }].compactMap { $0 }.map { measure in
      HeatMap(
        title: "\(measure.rawValue)"
          + (averaged.isEmpty ? "" : ", mean over \(averaged.joined(separator: " and "))"),
        rowAxis: rowAxis, columnAxis: columnAxis, rows: rows, columns: columns,
        fields: rows.map { row in
          columns.map { column in
            let own = groups.filter { $0.value(rowAxis) == row && $0.value(columnAxis) == column }
            guard let average = Average(own.compactMap { $0.average(measure)?.mean }) else {
              return .init(value: nil, text: own.isEmpty ? "" : own[0].misfortunes ?? "–")
            }
            return .init(
              value: average.mean,
              text: String(format: "%.\(min(measure.decimals, 4))f", average.mean))
          }
        }, isBetterHigh: measure.isBetterHigh)
    }
  }

  var heatMaps: Section? {
    let pictures = heatMapPictures
    guard !pictures.isEmpty else { return nil }
    return Section(
      id: "sweep", title: "Sweep",
      body: pictures.map { map in
        "<figure class=\"map\"><figcaption>\(Markup.escaped(map.title)), brighter is better"
          + "</figcaption><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\""
          + "\(Markup.escaped(map.title))\">\(map.svg())</div></figure>"
      }.joined())
  }
}
