import CKernels
import NormaCore
import NormaNorms

/// A learned vector for each symbol, and one for each position: `[tokens]` → `[tokens, width]`.
enum EmbedLayer: LayerKind {
  static let schema = LayerSchema(
    "embed", "a learned vector for each symbol",
    options: [
      LayerOption("width", .int(min: 1), required: true, "the size of the vectors"),
      LayerOption(
        "positions", .bool, default: .bool(false),
        "whether a learned vector of the position is added"),
    ])
  static let takesSymbols = true

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    guard let vocabulary = x.vocabulary else {
      throw NormaError(
        .usage, "nn.embed: needs symbols, got numbers of shape \(x.shape)",
        help: "make it the first layer of a model with"
          + " input = { tokens = 64, vocabulary = \"data\" }")
    }
    let width = options.int("width")
    // Standard normal vectors and no positions to begin with, as PyTorch's models have them.
    let table = try plan.parameter(
      "weight", shape: [vocabulary, width], role: .weight, .normal(deviation: 1))
    let positions =
      options.bool("positions")
      ? try plan.parameter("positions", shape: x.shape + [width], role: .weight, .constant(0)) : nil
    let (batch, tokens) = (plan.batch, x.count)
    let training = plan.isTraining
    return plan.operation(on: x, output: x.shape + [width], keepsInput: true) { memory, x, y in
      EmbedOperation(
        batch: batch, tokens: tokens, width: width, vocabulary: vocabulary,
        x: memory.floats(x.data), y: memory.floats(y.data), dy: memory.floats(y.gradient),
        table: memory.state.value(table), positions: positions.map { memory.state.value($0) },
        tableGradient: training ? memory.state.gradient(table) : nil,
        positionGradient: training ? positions.map { memory.state.gradient($0) } : nil)
    }
  }
}

/// The gradient is summed in the order of the positions, column by column, so its bits do not depend on
/// the threads.
private final class EmbedOperation: Operation {
  private let batch: Int
  private let tokens: Int
  private let width: Int
  private let vocabulary: Int
  private let x: UnsafeMutablePointer<Float>
  private let y: UnsafeMutablePointer<Float>
  private let dy: UnsafeMutablePointer<Float>?
  private let table: UnsafeMutablePointer<Float>
  private let positions: UnsafeMutablePointer<Float>?
  private let tableGradient: UnsafeMutablePointer<Float>?
  private let positionGradient: UnsafeMutablePointer<Float>?

  init(
    batch: Int, tokens: Int, width: Int, vocabulary: Int, x: UnsafeMutablePointer<Float>,
    y: UnsafeMutablePointer<Float>, dy: UnsafeMutablePointer<Float>?,
    table: UnsafeMutablePointer<Float>, positions: UnsafeMutablePointer<Float>?,
    tableGradient: UnsafeMutablePointer<Float>?, positionGradient: UnsafeMutablePointer<Float>?
  ) {
    self.batch = batch
    self.tokens = tokens
    self.width = width
    self.vocabulary = vocabulary
    self.x = x
    self.y = y
    self.dy = dy
    self.table = table
    self.positions = positions
    self.tableGradient = tableGradient
    self.positionGradient = positionGradient
  }

  func forward(_ run: Run) {
    let sample = tokens * width
    parallel(batch, threads: batch * sample < 1 << 16 ? 1 : run.threads) { index, _ in
      ck_net_embed(
        tokens, width, tokens, x + index * tokens, table, positions, y + index * sample)
    }
  }

  func backward(_ run: Run) {
    guard let dy, let tableGradient else { return }
    let (columns, sample) = (32, tokens * width)
    let stripes = (width + columns - 1) / columns
    parallel(stripes, threads: batch * sample < 1 << 16 ? 1 : run.threads) { index, _ in
      let first = index * columns
      ck_net_embed_backward(
        batch * tokens, width, vocabulary, first, min(columns, width - first), x, dy,
        tableGradient)
    }
    guard let positionGradient else { return }
    parallelRanges(sample, threads: run.threads, grain: 2048) { start, n in
      ck_net_column_sum(batch, n, sample, 1, dy + start, positionGradient + start)
    }
  }
}
