import CKernels
import Foundation
import NormaCore

/// x + layers(x).
enum ResidualLayer: LayerKind {
  static let schema = LayerSchema(
    "residual", "adds the input to what the layers inside make of it", takesLayers: true)

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    let batch = plan.batch
    let count = batch * x.count
    // The skipped value is read again at the end, so the layers inside may not write over it, and
    // their gradient is collected apart from the skip's.
    let skip = plan.fork(x)
    let inner = try plan.sequence(options.spec.layers, on: skip.inner)
    guard inner.shape == x.shape else {
      throw NormaError(
        .usage,
        "nn.residual: the layers inside turn \(x.shape) into \(inner.shape), which cannot be"
          + " added to the input",
        help: "make the inner layers keep the shape, for instance with padding \"same\", stride 1"
          + " and as many channels")
    }
    x.data.use(at: plan.now)
    let y = plan.operation(on: inner, output: x.shape) { memory, inner, y in
      JoinOperation(
        count: count, a: memory.floats(inner.data), b: memory.floats(x.data),
        y: memory.floats(y.data), innerGradient: memory.floats(inner.gradient),
        dy: memory.floats(y.gradient))
    }
    skip.outer.gradient = y.gradient
    if let gradient = y.gradient { gradient.use(at: skip.outer.back) }
    return y
  }
}

/// The end of a residual on the way back: the gradients of both branches are added.
private final class ForkOperation: Operation {
  private let count: Int
  private let inner: UnsafeMutablePointer<Float>?
  private let skip: UnsafeMutablePointer<Float>?
  private let dx: UnsafeMutablePointer<Float>?

  init(
    count: Int, inner: UnsafeMutablePointer<Float>?, skip: UnsafeMutablePointer<Float>?,
    dx: UnsafeMutablePointer<Float>?
  ) {
    self.count = count
    self.inner = inner
    self.skip = skip
    self.dx = dx
  }

  func forward(_ run: Run) {}

  func backward(_ run: Run) {
    guard let inner, let skip, let dx else { return }
    parallelRanges(count, threads: run.threads) { start, n in
      ck_net_add(n, inner + start, skip + start, dx + start)
    }
  }
}

/// Where a residual began, until its end is known.
final class ForkPoint {
  let back: Moment
  var gradient: Slot?

  init(back: Moment) { self.back = back }
}

extension Plan {
  /// Begins a second use of `x`: the value for the inner branch, and where to leave the skip's gradient.
  func fork(_ x: Value) -> (inner: Value, outer: ForkPoint) {
    let point = ForkPoint(back: back)
    let count = batch * x.count
    var held = x
    held.mayOverwrite = false
    let inner = pass(held) { memory, x, y in
      ForkOperation(
        count: count, inner: memory.floats(y.gradient), skip: memory.floats(point.gradient),
        dx: memory.floats(x.gradient))
    }
    return (inner, point)
  }
}

private final class JoinOperation: Operation {
  private let count: Int
  private let a: UnsafeMutablePointer<Float>
  private let b: UnsafeMutablePointer<Float>
  private let y: UnsafeMutablePointer<Float>
  private let innerGradient: UnsafeMutablePointer<Float>?
  private let dy: UnsafeMutablePointer<Float>?

  init(
    count: Int, a: UnsafeMutablePointer<Float>, b: UnsafeMutablePointer<Float>,
    y: UnsafeMutablePointer<Float>, innerGradient: UnsafeMutablePointer<Float>?,
    dy: UnsafeMutablePointer<Float>?
  ) {
    self.count = count
    self.a = a
    self.b = b
    self.y = y
    self.innerGradient = innerGradient
    self.dy = dy
  }

  func forward(_ run: Run) {
    parallelRanges(count, threads: run.threads) { start, n in
      ck_net_add(n, a + start, b + start, y + start)
    }
  }

  // A copy, because layers inside may write over their gradient while the skip still needs it.
  func backward(_ run: Run) {
    guard let innerGradient, let dy else { return }
    parallelRanges(count, threads: run.threads) { start, n in
      memcpy(innerGradient + start, dy + start, 4 * n)
    }
  }
}
