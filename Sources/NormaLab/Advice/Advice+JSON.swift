import NormaNorms

extension Advice {
  /// The advice as an object.
  public var json: JSONValue {
    var fields: [JSONValue.Field] = [
      .init("experiment", .text(facts.name)), .init("facts", facts.json),
      .init("current", .list(current.map { .text($0.label) })),
      .init("choices", .list(choices.map(\.json))),
      .init(
        "risks",
        .list(
          risks.map {
            [
              "text": .text($0.text), "change": $0.change.map { .text($0) } ?? .null,
              "source": .text($0.source),
            ]
          })), .init("change", change.map { .text($0) } ?? .null),
    ]
    if let evidence { fields.append(.init("evidence", evidence.json)) }
    return .object(fields)
  }
}

extension ModelFacts {
  fileprivate var json: JSONValue {
    [
      "kind": .text(kind.rawValue), "placement": .text(placement.rawValue),
      "batch": .int(batch), "workers": .int(workers), "samples": .int(samples),
      "steps": .int(steps), "rate": .number(rate), "warm_up": .int(warmUp),
      "decay": .number(decay),
      "slots": .list(
        slots.map {
          [
            "layer": .text($0.layer), "channels": .int($0.channels),
            "positions": .int($0.positions),
          ]
        }),
    ]
  }
}

extension Advice.Choice {
  fileprivate var json: JSONValue {
    [
      "norm": .text(norm.label), "cost": cost.map { .int($0) } ?? .null,
      "bytes": bytes.map { .int($0) } ?? .null,
      "step_ms": stepSeconds.map { .number($0 * 1000) } ?? .null,
      "bytes_an_element": .int(effort.bytes),
      "reasons": .list(
        reasons.map {
          [
            "cost": $0.cost.map { .int($0) } ?? .null, "text": .text($0.text),
            "source": .text($0.source),
          ]
        }),
    ]
  }
}

extension AdviceEvidence {
  fileprivate var json: JSONValue {
    [
      "measure": .text(measure.rawValue), "reference": reference.map { .text($0.label) } ?? .null,
      "better": better.map { .text($0.label) } ?? .null, "steps": .int(steps), "seeds": .int(seeds),
      "results": .list(
        results.map {
          [
            "norm": .text($0.norm.label),
            "mean": $0.average.map { .number($0.mean) } ?? .null,
            "half_interval": $0.average?.halfInterval.map { .number($0) } ?? .null,
            "reasons": .list($0.reasons.map { .text($0) }),
          ]
        }),
      "pairs": .list(
        pairs.map { pair in
          [
            "better": .text(pair.better.label), "worse": .text(pair.worse.label),
            "difference": pair.comparison.map { .number($0.average.mean) } ?? .null,
            "low": pair.comparison?.average.interval.map { .number($0.lowerBound) } ?? .null,
            "high": pair.comparison?.average.interval.map { .number($0.upperBound) } ?? .null,
            "rule": pair.rule.map { .text($0.text) } ?? .null,
            "verdict": .text(pair.verdict.rawValue),
          ]
        }),
    ]
  }
}
