import Foundation

extension Report {
  /// How many groups are drawn in detail, and how many layers of each.
  private static let (mostGroups, mostLayers) = (24, 8)

  /// A number of a norm that was watched, and how a chart calls it.
  private struct Quantity: Sendable {
    let title: String
    let label: String
    let value: @Sendable (JSONValue) -> Double?
  }

  private static let quantities: [Quantity] = [
    Quantity(title: "What comes in: spread", label: "standard deviation") {
      $0["input"]["deviation"].double
    },
    Quantity(title: "What comes in: mean", label: "mean") { $0["input"]["mean"].double },
    Quantity(title: "What goes out: spread", label: "standard deviation") {
      $0["output"]["deviation"].double
    },
    Quantity(title: "Gradient that arrives", label: "length") { $0["output_gradient"].double },
    Quantity(title: "Gradient that is handed on", label: "length") { $0["input_gradient"].double },
    Quantity(title: "Dead units behind relu", label: "share") { $0["dead"].double },
    Quantity(title: "Running mean from the batch's", label: "in batch deviations") {
      $0["running"]["mean"].double
    },
    Quantity(title: "Running variance from the batch's", label: "in logarithms") {
      $0["running"]["variance"].double
    },
    Quantity(title: "Inference instead of training: spread of the output", label: "ratio") {
      guard let now = $0["output"]["deviation"].double, now > 0,
        let then = $0["inference"]["deviation"].double
      else { return nil }
      return then / now
    },
  ]

  /// What the norms did while they trained, group by group.
  var behaviour: Section? {
    var parts: [String] = []
    for group in groups.prefix(Self.mostGroups) {
      parts += behaviour(of: group, isOpen: parts.isEmpty).map { [$0] } ?? []
    }
    guard !parts.isEmpty else { return nil }
    let note =
      "<p>Of each norm, at the steps that were watched: what came in, a residual added; what went out,"
      + " relu included where the norm does its work; gradients; what is learned. Lines are layers"
      + (groups.contains { $0.runs.count > 1 } ? ", means over seeds" : "")
      + ". A unit is dead that relu sets to zero for every sample of the batch; inference is that of the"
      + " same batch, with the running statistics as the step left them."
      + (groups.count > Self.mostGroups ? " The first \(Self.mostGroups) settings are shown." : "")
      + "</p>"
    return Section(id: "behaviour", title: "What the norms did", body: note + parts.joined())
  }

  private func behaviour(of group: RunGroup, isOpen: Bool) -> String? {
    let events = group.events("norms")
    guard let last = events.compactMap(\.last).first else { return nil }
    let all = last["layers"].items.compactMap { $0["layer"].string }
    guard !all.isEmpty else { return nil }
    // The first, the last, and those evenly between.
    let count = min(all.count, Self.mostLayers)
    let layers = (0..<count).map { all[count > 1 ? $0 * (all.count - 1) / (count - 1) : 0] }
    // All groups and layers share what a page can hold.
    let points = min(max(4000 / (min(groups.count, Self.mostGroups) * count), 12), 60)
    var charts = Self.quantities.map { quantity in
      LineChart(
        quantity.title, y: quantity.label,
        layers.enumerated().map { style, layer in
          RunGroup.curve(layer, style: style, events, points: points) { event in
            event["layers"].items.first { $0["layer"] == .text(layer) }.flatMap(quantity.value)
          }.withoutBand
        })
    }
    charts.insert(
      LineChart(
        "The same batch in training and in inference", y: "loss",
        [("training", "loss"), ("inference", "inference_loss")].enumerated().map { style, kind in
          RunGroup.curve(kind.0, style: style, events, points: points) { $0[kind.1].double }
        }), at: 0)
    let drawn = charts.filter { !$0.isEmpty }
    let histograms = last["layers"].items.filter { layer in
      layers.contains { .text($0) == layer["layer"] }
    }.flatMap { layer in
      layer["parameters"].items.compactMap { parameter -> String? in
        guard let low = parameter["low"].double, let high = parameter["high"].double else {
          return nil
        }
        let name = "\(layer["layer"].string ?? "") \(parameter["name"].string ?? "")"
        return HistogramPicture(
          name: name, low: low, high: high,
          counts: parameter["counts"].items.compactMap(\.double)
        ).svg
      }
    }
    let left = all.count > count ? "<p>\(count) of \(all.count) layers are shown.</p>" : ""
    let learned =
      histograms.isEmpty
      ? ""
      : "<h3>What was learned, at step \(last["step"].integer ?? 0)"
        + (group.runs.count > 1 ? " of the first seed" : "") + "</h3><div class=\"histograms\">"
        + histograms.joined() + "</div>"
    return
      "<details\(isOpen ? " open" : "")><summary>\(Markup.escaped(group.label))</summary>\(left)"
      + "<div class=\"charts small\">\(drawn.map(\.figure).joined())</div>\(learned)</details>"
  }

  /// How long the norms took, beside copying what they read.
  var timing: Section? {
    var rows: [[Table.Field]] = []
    for group in groups.prefix(Self.mostGroups) {
      // The first step touches memory for the first time.
      let events = group.events("norms").flatMap { $0.count > 1 ? Array($0.dropFirst()) : $0 }
        .filter { !$0["times"].items.isEmpty }
      guard let first = events.first else { continue }
      let uses = group.runs[0].run.configuration["norms"].items
      for place in first["times"].items.prefix(Self.mostLayers) {
        guard let layer = place["layer"].string else { continue }
        let times = events.compactMap { event in
          event["times"].items.first { $0["layer"] == .text(layer) }
        }
        func median(_ name: String) -> Double? {
          let values = times.compactMap { $0[name].double }.sorted()
          guard !values.isEmpty else { return nil }
          return (values[(values.count - 1) / 2] + values[values.count / 2]) / 2
        }
        guard let forward = median("forward_us"), let backward = median("backward_us"),
          let copy = median("copy_us"), copy > 0
        else { continue }
        let use = uses.first { $0["layer"] == .text(layer) }
        let step = group.average(.stepTime).map { ($0.mean * 1000) }
        let fused = use?["fused"].items.compactMap(\.string).joined(separator: ", ") ?? ""
        func time(_ value: Double) -> Table.Field { .init(Markup.number(value), value: value) }
        // What takes as long as reading the clock is not measured by it.
        func ratio(_ value: Double) -> Table.Field {
          copy < 2
            ? .init("–", isNumber: true) : .init(String(format: "%.1f", value), value: value)
        }
        rows.append(
          [
            .init(group.label), .init(layer), .init(use?["name"].string ?? ""),
            .init(fused.isEmpty ? "–" : fused), .init(use?["executor"].string ?? ""),
            time(copy), time(forward), time(backward), ratio(forward / copy),
            ratio((forward + backward) / copy),
            step.map {
              .init(
                String(format: "%.1f %%", (forward + backward) / $0 * 100),
                value: (forward + backward) / $0)
            } ?? .init("–", isNumber: true),
          ])
      }
    }
    guard !rows.isEmpty else { return nil }
    let body =
      "<p>Medians over the watched steps, the first left out, in microseconds, beside a copy of the same tensor on"
      + " as many threads; copies below 2 µs are too short to compare with. A copy reads and writes it once; forward cannot take less than that, and forward"
      + " with backward, which move it five times, not less than 2.5 copies, unless the tensor stays"
      + " in the cache from one pass to the next.</p>"
      + Table(
        "Time of each norm against the limit of memory.",
        [
          "setting", "layer", "norm", "fused", "run by", "copy µs", "forward µs", "backward µs",
          "forward / copy", "both / copy", "of a step",
        ], rows
      ).html
    return Section(id: "timing", title: "Time against the memory limit", body: body)
  }

  /// What the norms are: formula, gradient, properties.
  var definitions: Section? {
    var seen: Set<String> = []
    let found = runs.runs.flatMap { $0.run.configuration["definitions"].items }.filter {
      seen.insert("\($0["name"].line) \($0["formula"].line)").inserted
    }
    guard !found.isEmpty else { return nil }
    let parts = found.map { norm in
      let name = norm["name"].string ?? ""
      func lines(_ field: String) -> String {
        let lines = norm[field].items.compactMap(\.string)
        return lines.isEmpty
          ? "<p>A compiled plugin keeps its formula to itself.</p>"
          : "<pre>\(Markup.escaped(lines.joined(separator: "\n")))</pre>"
      }
      let paper = norm["paper"].string ?? ""
      let isAlone = found.count { $0["name"] == norm["name"] } == 1
      let hyper = norm["hyper"].fields.map { "\($0.name)=\($0.value.string ?? $0.value.line)" }
      let title = isAlone ? name : "\(name)(\(hyper.joined(separator: ", ")))"
      return "<article><h3>\(Markup.escaped(title))</h3>"
        + "<p>\(Markup.escaped(norm["summary"].string ?? ""))"
        + (paper.isEmpty ? "" : " <cite>\(Markup.escaped(paper))</cite>") + "</p>"
        + "<h4>In training</h4>\(lines("formula"))"
        + "<details><summary>Gradient, as derived</summary>\(lines("gradient"))</details></article>"
    }
    return Section(
      id: "norms", title: "The norms",
      body: "<div class=\"norms\">\(parts.joined())</div>\(properties ?? "")")
  }

  /// The properties of the norms side by side.
  private var properties: String? {
    guard let names = cards.first?.rows.map(\.name) else { return nil }
    return Table(
      "Properties, as measured with default settings.", ["property"] + cards.map(\.norm),
      names.indices.map { row in
        [.init(names[row])]
          + cards.map { .init($0.rows.indices.contains(row) ? $0.rows[row].value : "") }
      }
    ).html
  }

  /// Where it was measured.
  var environment: Section? {
    var rows: [(String, [String])] = []
    func add(_ name: String, _ value: (SavedRuns.Named) -> String?) {
      var seen: Set<String> = []
      let values = runs.runs.compactMap(value).filter { !$0.isEmpty && seen.insert($0).inserted }
      if !values.isEmpty { rows.append((name, values)) }
    }
    add("Norma") { $0.run.configuration["versions"]["norma"].string }
    add("system") { $0.run.configuration["versions"]["system"].string }
    add("processor") { $0.run.configuration["versions"]["processor"].string }
    add("threads") { $0.run.configuration["threads"].integer.map(String.init) }
    add("norms run by") { named in
      let names = named.run.configuration["norms"].items.compactMap { $0["executor"].string }
      return Set(names).sorted().joined(separator: ", ")
    }
    add("scripts' hash") { $0.run.configuration["scripts"]["hash"].string }
    let started = runs.runs.compactMap { $0.run.configuration["started"].string }.sorted()
    if let first = started.first, let last = started.last {
      rows.append(("started", [first == last ? first : "\(first) to \(last)"]))
    }
    let seconds = runs.runs.compactMap { $0.run.end?["seconds"].double }
    if !seconds.isEmpty {
      rows.append(
        ("training, all runs", [Markup.number(seconds.reduce(0, +), digits: 4) + " s"]))
    }
    rows.append(
      (
        "folders",
        runs.runs.map(\.run.folder).prefix(1)
          + (runs.runs.count > 1 ? ["and \(runs.runs.count - 1) more"] : [])
      ))
    let body = Table(
      "Where and with what it was measured.", ["what", "value"],
      rows.map { [.init($0.0), .init($0.1.joined(separator: ", "))] }
    ).html
    return Section(id: "environment", title: "Environment", body: body)
  }

  /// The scripts as they were run, once each.
  var scripts: Section? {
    var seen: Set<String> = []
    var parts: [String] = []
    for named in runs.runs {
      let scripts = named.run.configuration["scripts"]
      guard seen.insert(scripts["hash"].string ?? "").inserted, parts.count < 16 else { continue }
      for name in scripts["files"].items.compactMap(\.string) {
        let inside = name.split(separator: "/").filter { $0 != ".." && $0 != "." }
          .joined(separator: "/")
        // A link in somebody's folder may lead to what is not for others.
        let path = named.run.folder + "/lua/" + inside
        let folder = URL(fileURLWithPath: named.run.folder).resolvingSymlinksInPath().path
        guard
          URL(fileURLWithPath: path).resolvingSymlinksInPath().path == folder + "/lua/" + inside,
          let data = FileManager.default.contents(atPath: path), data.count < 100_000
        else { continue }
        parts.append(
          "<details><summary>\(Markup.escaped(name))</summary><pre>"
            + Markup.escaped(String(decoding: data, as: UTF8.self)) + "</pre></details>")
      }
    }
    guard !parts.isEmpty else { return nil }
    return Section(id: "scripts", title: "Scripts", body: parts.joined())
  }
}

extension LineChart.Series {
  fileprivate var withoutBand: Self {
    var series = self
    series.low = []
    series.high = []
    return series
  }
}
