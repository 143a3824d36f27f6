import Foundation
import NormaConformance
import NormaTerminal

/// Measurements as people read them.
enum BenchText {
  /// A norm's rows: times, rates, and the ratios that it is judged by.
  static func table(_ results: [NormBenchmark]) -> Table {
    var table = Table([
      "norm", "shape", "axis", "threads", "executor", "copy µs", "GB/s", "forward µs", "/ copy",
      "/ floor", "infer / copy", "forward + backward µs", "/ copy", "/ floor", "MB", "GB/s",
      "spread",
    ])
    for r in results {
      func ratio(_ time: Double, _ base: Double) -> String { number(time / base, 2) }
      let cells = [
        r.shape.map(String.init).joined(separator: "x"),
        r.axis.map(String.init).joined(separator: ","), "\(r.threads)", r.executor,
        number(r.copyMicroseconds, 1),
        number(Double(2 * 4 * r.shape.reduce(1, *)) / r.copyMicroseconds / 1e3, 1),
        number(r.forwardMicroseconds, 1),
        ratio(r.forwardMicroseconds, r.copyMicroseconds),
        ratio(r.forwardMicroseconds, r.floorForwardMicroseconds),
        ratio(r.inferMicroseconds, r.copyMicroseconds),
        number(r.forwardBackwardMicroseconds, 1),
        ratio(r.forwardBackwardMicroseconds, r.copyMicroseconds),
        ratio(r.forwardBackwardMicroseconds, r.floorForwardBackwardMicroseconds),
        number(Double(r.forwardBackwardBytes) / 1e6, 1),
        number(Double(r.forwardBackwardBytes) / r.forwardBackwardMicroseconds / 1e3, 1),
        number(100 * r.spread, 0) + " %",
      ]
      table.append([StyledText(r.norm, .cyan)] + cells.map { StyledText($0) })
    }
    return table
  }

  /// What accuracy costs, in three lines.
  static func lines(_ cost: AccuracyCost) -> [StyledText] {
    let shape = cost.shape.map(String.init).joined(separator: "x")
    func line(_ name: String, _ time: Double, _ error: Double) -> StyledText {
      StyledText(
        "  \(name): \(number(time, 1)) µs, worst error "
          + String(format: "%.1e", error) + " of the largest value")
    }
    return [
      StyledText(
        "accuracy: layer norm forward on \(shape) with mean \(number(cost.mean, 0)) and spread 1 "
          + "takes " + number(cost.forwardMicroseconds / cost.plainMicroseconds, 2)
          + " x the time of a plain float32 loop"),
      line("plain loop", cost.plainMicroseconds, cost.plainError),
      line(cost.executor, cost.forwardMicroseconds, cost.error),
    ]
  }

  private static func number(_ value: Double, _ digits: Int) -> String {
    String(format: "%.\(digits)f", value)
  }
}
