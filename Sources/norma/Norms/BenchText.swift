import Foundation
import NormaConformance
import NormaTerminal

/// Measurements as people read them.
enum BenchText {
  /// A norm's rows with times, rates and the ratios that it is judged by; then how to read them.
  static func lines(_ results: [NormBenchmark]) -> [StyledText] {
    var table = Table([
      "norm", "shape", "axis", "executor", "copy µs", "f µs", "f / copy", "f / floor", "i / copy",
      "f+b µs", "f+b / copy", "f+b / floor", "MB", "GB/s", "plan ms", "spread",
    ])
    for r in results {
      func ratio(_ time: Double, _ base: Double) -> String { number(time / base, 2) }
      let both = (r.forwardBackwardMicroseconds, Double(r.forwardBackwardBytes))
      let cells = [
        shape(r.shape), r.axis.map(String.init).joined(separator: ","), r.executor,
        number(r.copyMicroseconds, 1), number(r.forwardMicroseconds, 1),
        ratio(r.forwardMicroseconds, r.copyMicroseconds),
        ratio(r.forwardMicroseconds, r.floorForwardMicroseconds),
        ratio(r.inferMicroseconds, r.copyMicroseconds), number(both.0, 1),
        ratio(both.0, r.copyMicroseconds), ratio(both.0, r.floorForwardBackwardMicroseconds),
        number(both.1 / 1e6, 1), number(both.1 / both.0 / 1e3, 1),
        number(r.planMicroseconds / 1e3, 2),
        number(100 * r.spread, 0) + " %",
      ]
      table.append([StyledText(r.norm, .cyan)] + cells.map { StyledText($0) })
    }
    let ways = Set(results.map(\.copyWay)).sorted().map { way in
      let shapes = results.filter { $0.copyWay == way }.map { shape($0.shape) }
      return StyledText("copied by \(way): \(shapes.joined(separator: " "))", .dim)
    }
    let threads = results.first.map { "threads: \($0.threads); " } ?? ""
    let legend = [
      threads + "f forward, i inference, f+b forward + backward, whose bytes are the MB and GB/s",
      "plan ms: to trace, differentiate and plan the norm once; compiling is not in it",
    ]
    return table.lines() + ways + legend.map { StyledText($0, .dim) }
  }

  /// What accuracy costs, in three lines.
  static func lines(_ cost: AccuracyCost) -> [StyledText] {
    func line(_ name: String, _ time: Double, _ error: Double) -> StyledText {
      StyledText(
        "  \(name): \(number(time, 1)) µs, worst error "
          + String(format: "%.1e", error) + " of the largest value")
    }
    return [
      StyledText(
        "accuracy: layer norm forward on \(shape(cost.shape)) with mean \(number(cost.mean, 0)) and spread 1 "
          + "takes " + number(cost.forwardMicroseconds / cost.plainMicroseconds, 2)
          + " x the time of a plain float32 loop"),
      line("plain loop", cost.plainMicroseconds, cost.plainError),
      line(cost.executor, cost.forwardMicroseconds, cost.error),
    ]
  }

  private static func shape(_ sizes: [Int]) -> String {
    sizes.map(String.init).joined(separator: "x")
  }

  private static func number(_ value: Double, _ digits: Int) -> String {
    String(format: "%.\(digits)f", value)
  }
}
