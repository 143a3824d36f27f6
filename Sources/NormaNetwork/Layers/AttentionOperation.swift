import CKernels
import NormaCore

/// The sizes of an attention.
struct AttentionShape {
  let batch: Int
  let tokens: Int
  let heads: Int
  let headWidth: Int
  let isCausal: Bool

  var width: Int { heads * headWidth }

  /// Floats that a worker needs, in whole cache lines.
  func workspace(backward: Bool) -> Int {
    (ck_net_attention_workspace(tokens, headWidth, backward ? 1 : 0) + 15) & ~15
  }
}

/// What an attention asks of a plan: the softmax's statistics until backward, scratch for each worker.
struct AttentionMemory {
  let statistics: Slot
  let scratch: Slot
  let backScratch: Slot?

  init(_ shape: AttentionShape, in plan: Plan) {
    statistics = plan.saved(bytes: 4 * 2 * shape.batch * shape.heads * shape.tokens)
    scratch = plan.slot(
      bytes: 4 * shape.workspace(backward: false) * plan.threads, at: plan.now)
    backScratch =
      plan.isTraining
      ? plan.slot(bytes: 4 * shape.workspace(backward: true) * plan.threads, at: plan.back) : nil
  }
}

/// Softmax attention of queries, keys and values that lie side by side in each row of the input.
///
/// Each sample's head is one task that writes only its own part, so bits do not depend on the threads.
final class AttentionOperation: Operation {
  private let shape: AttentionShape
  private let x: UnsafeMutablePointer<Float>
  private let y: UnsafeMutablePointer<Float>
  private let dx: UnsafeMutablePointer<Float>?
  private let dy: UnsafeMutablePointer<Float>?
  private let statistics: UnsafeMutablePointer<Float>
  private let scratch: UnsafeMutablePointer<Float>
  private let backScratch: UnsafeMutablePointer<Float>?
  /// The norms of queries and of keys, or none.
  private let norms: [HeadNormOperation]
  private var call: ck_net_attention

  init(
    _ shape: AttentionShape, _ memory: AttentionMemory, _ places: Memory, _ x: Value, _ y: Value,
    norms: [HeadNormOperation]
  ) {
    self.shape = shape
    self.x = places.floats(x.data)
    self.y = places.floats(y.data)
    dx = places.floats(x.gradient)
    dy = places.floats(y.gradient)
    statistics = places.floats(memory.statistics)
    scratch = places.floats(memory.scratch)
    backScratch = places.floats(memory.backScratch)
    self.norms = norms
    let stride = norms.isEmpty ? 3 * shape.width : shape.width
    call = ck_net_attention(
      tokens: shape.tokens, width: shape.headWidth, query_stride: stride, key_stride: stride,
      value_stride: 3 * shape.width, output_stride: shape.width,
      scale: 1 / Float(shape.headWidth).squareRoot(), causal: shape.isCausal ? 1 : 0)
  }

  private func eachHead(
    _ run: Run, _ body: (_ task: Int, _ rows: Int, _ column: Int, _ worker: Int) -> Void
  ) {
    let count = shape.batch * shape.heads
    let work = count * shape.tokens * shape.tokens * shape.headWidth
    parallel(count, threads: work < 1 << 16 ? 1 : run.threads) { task, worker in
      body(task, task / shape.heads * shape.tokens, task % shape.heads * shape.headWidth, worker)
    }
  }

  func forward(_ run: Run) throws(NormaError) {
    for (index, norm) in norms.enumerated() {
      try norm.forward(run, from: x + index * shape.width)
    }
    let queries = norms.first?.output ?? x
    let keys = norms.last?.output ?? x + shape.width
    let values = x + 2 * shape.width
    let room = shape.workspace(backward: false)
    eachHead(run) { task, row, column, worker in
      ck_net_attention_forward(
        &call, queries + row * call.query_stride + column, keys + row * call.key_stride + column,
        values + row * call.value_stride + column, y + row * call.output_stride + column,
        statistics + 2 * task * shape.tokens, scratch + worker * room)
    }
  }

  func backward(_ run: Run) throws(NormaError) {
    guard let dx, let dy, let backScratch else { return }
    let queries = norms.first?.output ?? x
    let keys = norms.last?.output ?? x + shape.width
    let values = x + 2 * shape.width
    let queryGradient = norms.first?.outputGradient ?? dx
    let keyGradient = norms.last?.outputGradient ?? dx + shape.width
    let valueGradient = dx + 2 * shape.width
    let room = shape.workspace(backward: true)
    eachHead(run) { task, row, column, worker in
      let query = row * call.query_stride + column
      let key = row * call.key_stride + column
      let value = row * call.value_stride + column
      ck_net_attention_backward(
        &call, queries + query, keys + key, values + value,
        dy + row * call.output_stride + column, statistics + 2 * task * shape.tokens,
        queryGradient + query, keyGradient + key, valueGradient + value,
        backScratch + worker * room)
    }
    for (index, norm) in norms.enumerated() {
      try norm.backward(run, to: dx + index * shape.width)
    }
  }
}
