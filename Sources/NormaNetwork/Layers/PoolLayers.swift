import CKernels
import NormaCore

private let poolOptions = [
  LayerOption("kernel", .size(min: 1), required: true, "the window's height and width"),
  LayerOption("stride", .size(min: 1), "the step of the window; the kernel's size when left out"),
  LayerOption(
    "padding", .padding, default: .number(0), "positions around the image that do not count"),
]

extension Window {
  var pool: ck_net_pool {
    ck_net_pool(
      height: height, width: width, channels: channels, out_height: outHeight,
      out_width: outWidth, kernel_height: kernel.height, kernel_width: kernel.width,
      stride_height: stride.height, stride_width: stride.width, top: before.height,
      left: before.width)
  }
  var output: [Int] { [outHeight, outWidth, channels] }
}

/// The maximum of each window; the first of equals receives the gradient.
enum MaxPoolLayer: LayerKind {
  static let schema = LayerSchema(
    "maxpool", "the maximum of each window", options: poolOptions)

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    let window = try Window(options, input: x.shape)
    guard window.kernel.height * window.kernel.width <= 65536 else {
      throw NormaError(.usage, "nn.maxpool: the kernel has more than 65536 positions")
    }
    let batch = plan.batch
    let index =
      plan.isTraining
      ? plan.saved(bytes: 2 * batch * window.output.reduce(1, *)) : nil
    return plan.operation(on: x, output: window.output) { memory, x, y in
      PoolOperation(
        window.pool, batch: batch, memory, x: x, y: y,
        index: index.map { memory.raw($0).assumingMemoryBound(to: UInt16.self) }, isMaximum: true)
    }
  }
}

/// The average of each window's positions inside the image.
enum AveragePoolLayer: LayerKind {
  static let schema = LayerSchema(
    "avgpool", "the average of each window's positions inside the image", options: poolOptions)

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    let window = try Window(options, input: x.shape)
    let batch = plan.batch
    return plan.operation(on: x, output: window.output) { memory, x, y in
      PoolOperation(
        window.pool, batch: batch, memory, x: x, y: y, index: nil, isMaximum: false)
    }
  }
}

private final class PoolOperation: Operation {
  private var pool: ck_net_pool
  private let batch: Int
  private let x: UnsafeMutablePointer<Float>
  private let y: UnsafeMutablePointer<Float>
  private let dx: UnsafeMutablePointer<Float>?
  private let dy: UnsafeMutablePointer<Float>?
  private let index: UnsafeMutablePointer<UInt16>?
  private let isMaximum: Bool
  private let (inCount, outCount): (Int, Int)

  init(
    _ pool: ck_net_pool, batch: Int, _ memory: Memory, x: Value, y: Value,
    index: UnsafeMutablePointer<UInt16>?, isMaximum: Bool
  ) {
    self.pool = pool
    self.batch = batch
    self.x = memory.floats(x.data)
    self.y = memory.floats(y.data)
    dx = memory.floats(x.gradient)
    dy = memory.floats(y.gradient)
    self.index = index
    self.isMaximum = isMaximum
    (inCount, outCount) = (x.count, y.count)
  }

  func forward(_ run: Run) {
    withUnsafePointer(to: &pool) { pool in
      parallel(batch, threads: batch * inCount < 1 << 15 ? 1 : run.threads) { n, _ in
        if isMaximum {
          ck_net_max_pool(pool, x + n * inCount, y + n * outCount, index.map { $0 + n * outCount })
        } else {
          ck_net_average_pool(pool, x + n * inCount, y + n * outCount)
        }
      }
    }
  }

  func backward(_ run: Run) {
    guard let dx, let dy else { return }
    withUnsafePointer(to: &pool) { pool in
      parallel(batch, threads: batch * inCount < 1 << 15 ? 1 : run.threads) { n, _ in
        if let index {
          ck_net_max_pool_backward(pool, dy + n * outCount, index + n * outCount, dx + n * inCount)
        } else {
          ck_net_average_pool_backward(pool, dy + n * outCount, dx + n * inCount)
        }
      }
    }
  }
}
