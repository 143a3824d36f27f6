/// Runs that differ in their seed alone, and their curves averaged.
struct RunGroup {
  /// Settings but the seed, in order.
  let settings: [(name: String, value: String)]
  let runs: [SavedRuns.Named]
  /// What sets it apart among the others.
  let label: String

  /// The runs in groups, in the order in which they are met; runs of different sources do not mix.
  static func groups(_ saved: SavedRuns) -> [RunGroup] {
    var keys: [[String]] = []
    var found: [[String]: [SavedRuns.Named]] = [:]
    let names = saved.settings.filter { $0 != "seed" }
    let hasSeveral = saved.sources.count > 1
    for named in saved.runs {
      let values = names.map { named.run.setting($0) }
      // A run without settings stands for itself.
      let own = named.run.configuration["settings"].fields.isEmpty ? [named.name] : []
      let key = [named.source] + values + own
      if found[key] == nil { keys.append(key) }
      found[key, default: []].append(named)
    }
    return keys.map { key in
      let settings = zip(names, key.dropFirst()).filter { !$0.1.isEmpty }
      let words = settings.map { "\($0.0)=\($0.1)" }
      let runs = found[key] ?? []
      let head = hasSeveral && !words.isEmpty ? [key[0]] : []
      // Runs that differ in the seed alone are the experiment.
      let name = words.isEmpty ? [runs.count > 1 ? key[0] : runs.first?.name ?? ""] : words
      return RunGroup(
        settings: settings.map { ($0.0, $0.1) }, runs: runs,
        label: (head + name).joined(separator: " "))
    }
  }

  /// The experiment the runs belong to.
  var experiment: String { runs.first?.experiment ?? "" }
  /// The name of the folder they were read from.
  var source: String { runs.first?.source ?? "" }

  func value(_ setting: String) -> String? { settings.first { $0.name == setting }?.value }

  /// The average of what its completed runs ended with.
  func average(_ measure: Measure) -> Average? {
    Average(
      runs.compactMap { named in
        guard let end = named.run.end, end["status"] == "completed" else { return nil }
        return end[measure.rawValue].double
      }.filter(\.isFinite))
  }

  /// What became of runs that did not come to their end: `2 diverged`.
  var misfortunes: String? {
    let states = runs.map { $0.run.end?["status"].string ?? "unfinished" }
      .filter { $0 != "completed" }
    let words = Set(states).sorted().map { word in
      "\(states.count { $0 == word }) \(word.replacing("_", with: " "))"
    }
    return words.isEmpty ? nil : words.joined(separator: ", ")
  }

  /// Why runs failed, each reason once.
  var reasons: [String] {
    var seen: Set<String> = []
    return runs.compactMap { $0.run.end?["reason"].string }.filter { seen.insert($0).inserted }
  }

  /// The events of a type of all its runs.
  func events(_ type: String, where isWanted: (JSONValue) -> Bool = { _ in true }) -> [[JSONValue]]
  {
    let type = JSONValue.text(type)
    return runs.map { $0.run.events.filter { $0["type"] == type && isWanted($0) } }
  }

  /// A curve through the means over the runs at equal steps, thinned to so many points, in a band from the
  /// lowest to the highest run: intervals of two or three seeds would hide the curves.
  ///
  /// - Parameter value: the value that an event has, if any.
  static func curve(
    _ name: String, style: Int, _ events: [[JSONValue]], points limit: Int = 150,
    _ value: (JSONValue) -> Double?
  ) -> LineChart.Series {
    let found = events.map { run in
      run.compactMap { event -> (step: Int, value: Double)? in
        guard let step = event["step"].count, let value = value(event) else {
          return nil
        }
        return (step, value)
      }
    }
    // One width for all, so that runs that ended early still meet the others: the mean of the values in each
    // stretch of steps, at its end.
    let most = found.map(\.count).max() ?? 0
    let last = found.compactMap { $0.last?.step }.max() ?? 0
    let width = most > limit ? max((last + limit - 1) / limit, 1) : 1
    var steps: [Int: [Double]] = [:]
    for run in found {
      var parts: [Int: (sum: Double, count: Int)] = [:]
      for (step, value) in run {
        let end = min((step + width - 1) / width * width, last)
        parts[end, default: (0, 0)].sum += value
        parts[end]?.count += 1
      }
      for (end, part) in parts { steps[end, default: []].append(part.sum / Double(part.count)) }
    }
    let order = steps.keys.sorted()
    let values = order.map { steps[$0] ?? [] }
    let hasBand = events.count > 1
    return LineChart.Series(
      name: name, style: style, x: order.map(Double.init),
      y: values.map { Average($0)?.mean ?? .nan },
      low: hasBand ? values.map { $0.min() ?? .nan } : [],
      high: hasBand ? values.map { $0.max() ?? .nan } : [])
  }
}
