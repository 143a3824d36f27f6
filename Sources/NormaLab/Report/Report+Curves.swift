import Foundation

extension Report {
  /// How many charts of a kind there may be.
  private static let mostFacets = 12
  /// How many colours and dashes there are.
  static let styles = 8

  /// How many curves a chart may have.
  private static let mostCurves = 16

  /// The setting that curves of one chart differ in: the norm where it varies.
  private var colourAxis: String? {
    variedSettings.contains("norm") ? "norm" : variedSettings.first
  }

  /// A curve's name in its chart.
  private func curveName(_ group: RunGroup) -> String {
    colourAxis.flatMap { group.value($0) } ?? group.label
  }

  /// The groups of each chart, by the settings they share.
  private var facets: [(title: String, groups: [RunGroup])] {
    let others = variedSettings.filter { $0 != colourAxis }
    let hasSeveral = runs.sources.count > 1
    var titles: [String] = []
    var found: [String: [RunGroup]] = [:]
    for group in groups {
      var words = others.compactMap { name in group.value(name).map { "\(name)=\($0)" } }
      if hasSeveral, !group.settings.isEmpty { words.insert(group.source, at: 0) }
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
    let facets = Array(facets.prefix(Self.mostFacets))
    let series = Self.measures.map { measure in
      facets.map { facet in
        facet.groups.prefix(Self.mostCurves).map { group in
          let name = curveName(group)
          let events = group.events(measure.type) { event in
            measure.part.map { event["part"] == .text($0) } ?? true
          }
          return RunGroup.curve(name, style: styles[name] ?? 0, events) {
            $0[measure.field].double
          }
        }
      }
    }
    // Charts to be compared have the same kind of axis.
    let isLogarithmic = series.map { facets in
      let values = facets.joined().flatMap(\.y).filter(\.isFinite)
      return ChartAxis.suggestsLogarithm(values.min() ?? 0, values.max() ?? 0)
    }
    return facets.indices.flatMap { place in
      let charts = Self.measures.enumerated().map { index, measure in
        let title = facets[place].title
        return LineChart(
          title.isEmpty ? measure.title : "\(measure.title), \(title)", y: measure.label,
          isLogarithmic: isLogarithmic[index], series[index][place])
      }
      // Accuracy in training stands in for that of validation.
      return Array(charts.filter { !$0.isEmpty }.prefix(3))
    }
  }

  /// One style for each value of the colours' axis, the same in all charts.
  private var colourStyles: [String: Int] {
    var styles: [String: Int] = [:]
    for group in groups {
      let name = curveName(group)
      if styles[name] == nil { styles[name] = styles.count % Self.styles }
    }
    return styles
  }

  var curves: Section? {
    let charts = curveCharts
    guard !charts.isEmpty else { return nil }
    let facets = facets
    let left = facets.count - Self.mostFacets
    let many = facets.map(\.groups.count).max() ?? 0
    let note =
      "<p>Lines are means over seeds, bands reach from the lowest seed to the highest; points of"
      + " training are means of the steps since the one before."
      + (left > 0
        ? " The first \(Self.mostFacets) of \(facets.count) settings are drawn; give fewer runs to"
          + " see others." : "")
      + (many > Self.mostCurves
        ? " A chart has \(Self.mostCurves) of \(many) curves at most; give fewer runs to see others."
        : "")
      + (many > Self.styles ? " Beyond \(Self.styles) curves colours come again." : "") + "</p>"
    return Section(
      id: "curves", title: "Learning curves",
      body: note + "<div class=\"charts\">\(charts.map(\.figure).joined())</div>")
  }

  /// Measures over the two settings that vary in a sweep, if two do.
  var heatMapPictures: [HeatMap] { runs.sources.flatMap { heatMaps(of: $0) } }

  private func heatMaps(of source: String) -> [HeatMap] {
    let groups = groups.filter { $0.source == source }
    let varied = runs.settings.filter { name in
      name != "seed" && Set(groups.compactMap { $0.value(name) }).count > 1
    }
    let first = varied.contains("norm") ? "norm" : varied.first
    guard let rowAxis = first, let columnAxis = varied.first(where: { $0 != rowAxis }) else {
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
    let shown = wanted.filter { measure in groups.contains { $0.average(measure) != nil } }
    guard rows.count > 1, columns.count > 1, columns.count <= 16 else { return [] }
    let averaged = varied.filter { $0 != rowAxis && $0 != columnAxis }
    let head = runs.sources.count > 1 ? source + " " : ""
    return [shown.first, shown.first { !$0.isBetterHigh }].compactMap { $0 }.map { measure in
      HeatMap(
        title: head + measure.rawValue
          + (averaged.isEmpty ? "" : ", mean over \(averaged.joined(separator: " and "))"),
        rowAxis: rowAxis, columnAxis: columnAxis, rows: rows, columns: columns,
        fields: rows.map { row in
          columns.map { column in
            let own = groups.filter { $0.value(rowAxis) == row && $0.value(columnAxis) == column }
            let misfortunes = own.compactMap(\.misfortunes).first
            guard let average = Average(own.compactMap { $0.average(measure)?.mean }) else {
              return .init(value: nil, text: own.isEmpty ? "" : misfortunes ?? "–")
            }
            // Of those that came to their end: a mark says that not all did.
            return .init(
              value: average.mean,
              text: measure.text(average.mean) + (misfortunes == nil ? "" : " *"))
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
          + (map.fields.joined().contains { $0.text.hasSuffix("*") }
            ? "; * not all runs came to their end" : "")
          + "</figcaption><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\""
          + "\(Markup.escaped(map.title))\">\(map.svg())</div></figure>"
      }.joined())
  }
}
