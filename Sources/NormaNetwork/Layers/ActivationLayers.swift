import CKernels
import NormaCompiler
import NormaCore

/// A layer that is an element-wise function, which a norm before it may compute too.
protocol ActivationKind: LayerKind {
  static var activation: Activation { get }
}

/// max(x, 0).
enum ReluLayer: ActivationKind {
  static let activation = Activation.relu
  static let schema = LayerSchema("relu", "max(x, 0)")
  static func plan(_ options: LayerOptions, on x: Value, in plan: Plan) -> Value {
    elementwise(x, in: plan, backwardReads: .output, ck_net_relu, ck_net_relu_backward)
  }
}

/// x · Φ(x), Φ being the normal distribution function: the exact form with erf. Hendrycks & Gimpel 2016.
enum GeluLayer: ActivationKind {
  static let activation = Activation.gelu
  static let schema = LayerSchema("gelu", "x times the normal distribution function of x")
  static func plan(_ options: LayerOptions, on x: Value, in plan: Plan) -> Value {
    elementwise(x, in: plan, backwardReads: .input, ck_net_gelu, ck_net_gelu_backward)
  }
}

/// x · sigmoid(x).
enum SiluLayer: ActivationKind {
  static let activation = Activation.silu
  static let schema = LayerSchema("silu", "x times sigmoid(x)")
  static func plan(_ options: LayerOptions, on x: Value, in plan: Plan) -> Value {
    elementwise(x, in: plan, backwardReads: .input, ck_net_silu, ck_net_silu_backward)
  }
}

/// The hyperbolic tangent.
enum TanhLayer: ActivationKind {
  static let activation = Activation.tanh
  static let schema = LayerSchema("tanh", "the hyperbolic tangent")
  static func plan(_ options: LayerOptions, on x: Value, in plan: Plan) -> Value {
    elementwise(x, in: plan, backwardReads: .output, ck_net_tanh, ck_net_tanh_backward)
  }
}

/// 1 / (1 + exp(-x)).
enum SigmoidLayer: ActivationKind {
  static let activation = Activation.sigmoid
  static let schema = LayerSchema("sigmoid", "1 / (1 + exp(-x))")
  static func plan(_ options: LayerOptions, on x: Value, in plan: Plan) -> Value {
    elementwise(x, in: plan, backwardReads: .output, ck_net_sigmoid, ck_net_sigmoid_backward)
  }
}

/// What the derivative of an activation is computed from.
private enum Kept { case input, output }

private typealias ForwardLoop = (
  Int, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?
) -> Void
private typealias BackwardLoop = (
  Int, UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?
) -> Void

private func elementwise(
  _ x: Value, in plan: Plan, backwardReads kept: Kept, _ forward: @escaping ForwardLoop,
  _ backward: @escaping BackwardLoop
) -> Value {
  let count = plan.batch * x.count
  return plan.operation(
    on: x, output: x.shape, inPlace: true, keepsInput: kept == .input,
    keepsOutput: kept == .output
  ) { memory, x, y in
    ActivationOperation(
      count: count, x: memory.floats(x.data), y: memory.floats(y.data),
      kept: memory.floats(kept == .input ? x.data : y.data), dx: memory.floats(x.gradient),
      dy: memory.floats(y.gradient), forward, backward)
  }
}

private final class ActivationOperation: Operation {
  private let count: Int
  private let x: UnsafeMutablePointer<Float>
  private let y: UnsafeMutablePointer<Float>
  private let kept: UnsafeMutablePointer<Float>
  private let dx: UnsafeMutablePointer<Float>?
  private let dy: UnsafeMutablePointer<Float>?
  private let forwardLoop: ForwardLoop
  private let backwardLoop: BackwardLoop

  init(
    count: Int, x: UnsafeMutablePointer<Float>, y: UnsafeMutablePointer<Float>,
    kept: UnsafeMutablePointer<Float>, dx: UnsafeMutablePointer<Float>?,
    dy: UnsafeMutablePointer<Float>?, _ forward: @escaping ForwardLoop,
    _ backward: @escaping BackwardLoop
  ) {
    self.count = count
    self.x = x
    self.y = y
    self.kept = kept
    self.dx = dx
    self.dy = dy
    forwardLoop = forward
    backwardLoop = backward
  }

  func forward(_ run: Run) {
    parallelRanges(count, threads: run.threads) { start, n in
      forwardLoop(n, x + start, y + start)
    }
  }

  func backward(_ run: Run) {
    guard let dx, let dy else { return }
    parallelRanges(count, threads: run.threads) { start, n in
      backwardLoop(n, kept + start, dy + start, dx + start)
    }
  }
}
