/// What saved runs ended with: a row for all that differ in their seed alone.
public struct RunSummary: Sendable {
  /// Runs that differ in their seed alone.
  public struct Row: Sendable {
    /// Values of the settings, or the run's name.
    public let labels: [String]
    /// The average of each measure over the completed runs; nil where none has it.
    public let averages: [Average?]
    /// Which of them are the best of their column.
    public let isBest: [Bool]
    /// How many runs there are.
    public let runs: Int
    /// What became of those that did not come to their end: `2 diverged`.
    public let misfortunes: String?
    /// Why runs failed, each reason once.
    public let reasons: [String]
  }

  /// The names of the settings; `run` where there are none.
  public let settings: [String]
  /// What the columns are.
  public let measures: [Measure]
  /// The rows, in the order in which the runs are met.
  public let rows: [Row]

  /// Sums runs up.
  ///
  /// - Parameter measures: nil for all that some run ended with, but for those that stand for others.
  init(_ saved: SavedRuns, _ groups: [RunGroup], measures chosen: [Measure]? = nil) {
    let names = saved.settings.filter { $0 != "seed" }
    let hasSeveral = saved.sources.count > 1 && !names.isEmpty
    settings = (hasSeveral ? ["folder"] : []) + (names.isEmpty ? ["run"] : names)
    let all = saved.measures
    let doubled: [Measure] = all.contains(.trainLoss) ? [.accuracy, .loss] : []
    let measures = chosen ?? all.filter { !doubled.contains($0) && $0 != .seconds }
    self.measures = measures
    let averages = groups.map { group in measures.map { group.average($0) } }
    // Of one experiment: others may be of other data.
    func best(_ column: Int, _ experiment: String) -> Double? {
      let means = zip(groups, averages).compactMap { group, averages in
        group.experiment == experiment ? averages[column]?.mean : nil
      }
      guard means.count > 1, measures[column] != .parameters else { return nil }
      return measures[column].isBetterHigh ? means.max() : means.min()
    }
    rows = zip(groups, averages).map { group, averages in
      Row(
        labels: (hasSeveral ? [group.source] : [])
          + (names.isEmpty ? [group.label] : names.map { group.value($0) ?? "" }),
        averages: averages,
        isBest: averages.indices.map { column in
          best(column, group.experiment).map { $0 == averages[column]?.mean } ?? false
        },
        runs: group.runs.count, misfortunes: group.misfortunes, reasons: group.reasons)
    }
  }

  /// An average as people read it.
  public static func text(
    _ average: Average, _ measure: Measure, _ spread: ResultTable.Spread
  ) -> String {
    let number = { (value: Double) in measure.text(value) }
    let half = spread == .deviation ? average.deviation : average.halfInterval
    guard measure != .parameters, let half else { return number(average.mean) }
    return number(average.mean) + " ± " + number(half)
  }
}

extension SavedRuns {
  /// What the runs ended with.
  public func summary(_ measures: [Measure]? = nil) -> RunSummary {
    RunSummary(self, RunGroup.groups(self), measures: measures)
  }

  /// Settings by path that are not the same in all runs, and the values they have with how many runs have each.
  public var differences: [(name: String, values: [(value: String, runs: Int)])] {
    settingsByPath.compactMap { name, values in
      var counts: [(value: String, runs: Int)] = []
      for value in values {
        if let at = counts.firstIndex(where: { $0.value == value }) {
          counts[at].runs += 1
        } else {
          counts.append((value, 1))
        }
      }
      return counts.count > 1 ? (name, counts) : nil
    }
  }

  /// Settings that are the same in all runs.
  var common: [(name: String, value: String)] {
    settingsByPath.compactMap { name, values in
      guard let first = values.first, values.allSatisfy({ $0 == first }) else { return nil }
      return (name, first)
    }
  }

  /// Each setting's value in each run; empty where a run does not have it.
  private var settingsByPath: [(name: String, values: [String])] {
    var names: [String] = []
    var found: [String: [String]] = [:]
    for (index, named) in runs.enumerated() {
      for (name, value) in named.run.flattenedConfiguration {
        if found[name] == nil {
          names.append(name)
          found[name] = [String](repeating: "", count: runs.count)
        }
        found[name]?[index] = value
      }
    }
    return names.map { ($0, found[$0] ?? []) }
  }
}

extension RunSummary {
  /// The summary as an object.
  public var json: JSONValue {
    .list(
      rows.map { row in
        let values = zip(measures, row.averages).map { measure, average in
          JSONValue.Field(measure.rawValue, average?.json ?? .null)
        }
        return .object([
          .init(
            "settings",
            .object(zip(settings, row.labels).map { JSONValue.Field($0, .text($1)) })),
          .init("runs", .int(row.runs)),
          .init("unfinished", row.misfortunes.map { .text($0) } ?? .null),
          .init("measures", .object(values)),
        ])
      })
  }
}
