import CKernels
import NormaCore

/// The losses of some rows of the output.
struct LossPart {
  var lossSum = 0.0
  var correct = 0

  /// Rows of a part: parts are added in order, so sums do not depend on the threads.
  static let rows = 64

  static func count(rows: Int) -> Int { (rows + Self.rows - 1) / Self.rows }
}

extension Network {
  /// Softmax cross-entropy of the first `count` rows, and with `gradient` its gradient.
  func lossPass(
    _ program: Program, count: Int, gradient: Bool, _ run: Run
  ) -> EvaluationResult {
    let classes = outputShape.last ?? 1
    let parts = LossPart.count(rows: count)
    let slopes = gradient ? program.outputGradient : nil
    parallel(parts, threads: count * classes < 1 << 15 ? 1 : run.threads) { index, _ in
      let first = index * LossPart.rows
      var part = LossPart()
      ck_net_softmax_loss(
        min(LossPart.rows, count - first), classes, program.output + first * classes,
        labels.baseAddress.map { $0 + first }, 1 / Float(count),
        slopes.map { $0 + first * classes }, &part.lossSum, &part.correct)
      losses[index] = part
    }
    var result = EvaluationResult()
    result.count = count
    for part in losses.prefix(parts) {
      result.lossSum += part.lossSum
      result.correct += part.correct
    }
    return result
  }
}
