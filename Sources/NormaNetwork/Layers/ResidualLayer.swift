import CKernels
import Foundation
import NormaCore

/// x + layers(x).
enum ResidualLayer: LayerKind {
  static let schema = LayerSchema(
    "residual", "adds the input to what the layers inside make of it", takesLayers: true)
  static let takesUnsettled = true

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    // Two residuals that begin at once are two forks.
    let x = x.fork == nil ? x : plan.settled(x)
    let fork = ForkPoint()
    var start = x
    start.fork = fork
    let last = plan.settled(try plan.sequence(options.spec.layers, on: start))
    guard last.shape == x.shape else {
      throw NormaError(
        .usage,
        "nn.residual: the layers inside turn \(x.shape) into \(last.shape), which cannot be"
          + " added to the input",
        help: "make the inner layers keep the shape, for instance with padding \"same\", stride 1"
          + " and as many channels")
    }
    guard let skip = fork.skip else {
      throw NormaError(.internal, "a residual's input was not kept for its end")
    }
    // The sum's gradient is that of both addends, and stays until the fork adds them up.
    var y = plan.apart(last)
    y.addend = Addend(data: skip, layer: plan.layer)
    fork.gradient = y.gradient
    y.gradient?.use(at: fork.back)
    return y
  }
}

/// A tensor that is still to be added to another: the skip of a residual that ends in `layer`.
struct Addend {
  let data: Slot
  let layer: LayerName
}

/// Where a residual begins.
final class ForkPoint {
  /// The data that the skip hands on; nil until they are planned.
  private(set) var skip: Slot?
  /// When the gradients of both branches are added up.
  private(set) var back = Moment.turn
  /// The gradient that arrives over the skip, once the residual's end is planned.
  var gradient: Slot?

  /// Says which data the skip reads, and when its gradient is wanted.
  func begin(with skip: Slot, back: Moment) {
    self.skip = skip
    self.back = back
  }
}

extension Plan {
  /// The value as every layer takes it: a residual's end adds up, a residual's beginning is an
  /// operation that adds up gradients.
  func settled(_ x: Value) -> Value {
    var value = x
    if let addend = x.addend { value = join(x, addend) }
    if let fork = x.fork { value = begin(fork, with: value) }
    return value
  }

  private func begin(_ fork: ForkPoint, with x: Value) -> Value {
    let count = batch * x.count
    fork.begin(with: x.data, back: back)
    // The skip reads the value again, so nobody may write over it.
    var held = x
    held.mayOverwrite = false
    return pass(held) { memory, x, y in
      ForkOperation(
        count: count, inner: memory.floats(y.gradient), skip: memory.floats(fork.gradient),
        dx: memory.floats(x.gradient))
    }
  }

  /// The value with a gradient that stays as it is until the operation that made the value is done.
  func apart(_ x: Value) -> Value {
    guard x.gradientIsOverwritten else { return x }
    let count = batch * x.count
    return pass(x) { memory, x, y in
      CopyOperation(count: count, dx: memory.floats(x.gradient), dy: memory.floats(y.gradient))
    }
  }
}

/// The beginning of a residual: the gradients of both branches are added.
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

/// Hands data on as they are, and a copy of the gradient back.
private final class CopyOperation: Operation {
  private let count: Int
  private let dx: UnsafeMutablePointer<Float>?
  private let dy: UnsafeMutablePointer<Float>?

  init(count: Int, dx: UnsafeMutablePointer<Float>?, dy: UnsafeMutablePointer<Float>?) {
    self.count = count
    self.dx = dx
    self.dy = dy
  }

  func forward(_ run: Run) {}

  func backward(_ run: Run) {
    guard let dx, let dy else { return }
    parallelRanges(count, threads: run.threads) { start, n in
      memcpy(dx + start, dy + start, 4 * n)
    }
  }
}

/// The end of a residual; the gradient of the sum is that of both addends as it is.
final class JoinOperation: Operation {
  private let count: Int
  private let a: UnsafeMutablePointer<Float>
  private let b: UnsafeMutablePointer<Float>
  private let y: UnsafeMutablePointer<Float>

  init(
    count: Int, a: UnsafeMutablePointer<Float>, b: UnsafeMutablePointer<Float>,
    y: UnsafeMutablePointer<Float>
  ) {
    self.count = count
    self.a = a
    self.b = b
    self.y = y
  }

  func forward(_ run: Run) {
    parallelRanges(count, threads: run.threads) { start, n in
      ck_net_add(n, a + start, b + start, y + start)
    }
  }

  func backward(_ run: Run) {}
}
