import CKernels
import NormaCore

/// In training, zeroes each element with the given probability and scales the others up; in inference
/// the identity.
///
/// Which elements depends on seed, step, layer and element alone, so the backward pass draws them again
/// instead of keeping a mask.
enum DropoutLayer: LayerKind {
  static let schema = LayerSchema(
    "dropout", "zeroes a share of the elements in training",
    options: [
      LayerOption(
        "rate", .real(from: 0, below: 1), default: .number(0.5), "the share that is zeroed")
    ])

  static func plan(_ options: LayerOptions, on x: Value, in plan: Plan) -> Value {
    let rate = options.real("rate")
    guard plan.isTraining, rate > 0 else { return x }
    let count = plan.batch * x.count
    let name = plan.layer.path
    return plan.operation(on: x, output: x.shape, inPlace: true) { memory, x, y in
      DropoutOperation(
        count: count, rate: rate, name: name, x: memory.floats(x.data), y: memory.floats(y.data),
        dx: memory.floats(x.gradient), dy: memory.floats(y.gradient))
    }
  }
}

private final class DropoutOperation: Operation {
  private let count: Int
  private let threshold: UInt32
  private let scale: Float
  private let stream: UInt64
  private let x: UnsafeMutablePointer<Float>
  private let y: UnsafeMutablePointer<Float>
  private let dx: UnsafeMutablePointer<Float>?
  private let dy: UnsafeMutablePointer<Float>?

  init(
    count: Int, rate: Double, name: String, x: UnsafeMutablePointer<Float>,
    y: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    dy: UnsafeMutablePointer<Float>?
  ) {
    self.count = count
    threshold = UInt32(min(rate * 0x1p32, 0x1p32 - 1))
    scale = Float(1 / (1 - rate))
    stream = RandomSource(seed: 0, purpose: "dropout " + name).stream
    self.x = x
    self.y = y
    self.dx = dx
    self.dy = dy
  }

  private func mask(
    _ run: Run, _ source: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>
  ) {
    // Blocks of a step begin 2^36 after those of the step before.
    let counter = UInt64(truncatingIfNeeded: run.step) << 36
    parallelRanges(count, threads: run.threads) { start, n in
      ck_net_dropout(
        start, n, run.seed, stream, counter, threshold, scale, source + start, target + start)
    }
  }

  func forward(_ run: Run) { mask(run, x, y) }

  func backward(_ run: Run) {
    guard let dx, let dy else { return }
    mask(run, dy, dx)
  }
}
