import CKernels
import NormaCore

/// The average over all positions: `[h, w, c]` → `[c]`.
enum GlobalAveragePoolLayer: LayerKind {
  static let schema = LayerSchema("global_avgpool", "the average over all positions")

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    guard x.shape.count >= 2, let channels = x.shape.last, x.count > 0 else {
      throw NormaError(
        .usage, "nn.global_avgpool: needs [height, width, channels], got \(x.shape)",
        help: "move it before nn.flatten")
    }
    let batch = plan.batch
    return plan.operation(on: x, output: [channels]) { memory, x, y in
      GlobalAveragePoolOperation(
        batch: batch, positions: x.count / channels, channels: channels, memory, x, y)
    }
  }
}

private final class GlobalAveragePoolOperation: Operation {
  private let batch: Int
  private let positions: Int
  private let channels: Int
  private let x: UnsafeMutablePointer<Float>
  private let y: UnsafeMutablePointer<Float>
  private let dx: UnsafeMutablePointer<Float>?
  private let dy: UnsafeMutablePointer<Float>?

  init(
    batch: Int, positions: Int, channels: Int, _ memory: Memory, _ x: Value, _ y: Value
  ) {
    self.batch = batch
    self.positions = positions
    self.channels = channels
    self.x = memory.floats(x.data)
    self.y = memory.floats(y.data)
    dx = memory.floats(x.gradient)
    dy = memory.floats(y.gradient)
  }

  private func threads(_ run: Run) -> Int {
    batch * positions * channels < 1 << 15 ? 1 : run.threads
  }

  func forward(_ run: Run) {
    parallel(batch, threads: threads(run)) { n, _ in
      ck_net_column_sum(
        positions, channels, channels, 1 / Float(positions), x + n * positions * channels,
        y + n * channels)
    }
  }

  func backward(_ run: Run) {
    guard let dx, let dy else { return }
    // The gradient is spread in place of the output's own, which nobody reads after this.
    parallel(batch, threads: threads(run)) { n, _ in
      let row = dy + n * channels
      for c in 0..<channels { row[c] /= Float(positions) }
      ck_net_fill_rows(positions, channels, channels, row, dx + n * positions * channels)
    }
  }
}
