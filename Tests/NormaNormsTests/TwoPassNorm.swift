import NormaCore

/// The built-in norms in Double, written out by hand: two passes for the statistics, then the textbook
/// gradient dx = r·(g - ⟨g⟩ - x̂·⟨g·x̂⟩). Shares no code with what it judges.
struct TwoPassNorm {
  let norm: String
  let layout: TensorLayout
  var groups = 1
  let epsilon: Double
  let gamma: [Float]
  let beta: [Float]

  /// The channel of each element and the set of elements its statistics are taken over, in C order.
  func places() -> (channel: [Int], set: [Int]) {
    var channels: [Int] = []
    var sets: [Int] = []
    for element in 0..<layout.count {
      var rest = element
      var position = [Int](repeating: 0, count: layout.shape.count)
      for axis in layout.shape.indices.reversed() {
        position[axis] = rest % layout.shape[axis]
        rest /= layout.shape[axis]
      }
      func linear(_ axes: [Int]) -> Int {
        axes.reduce(0) { $0 * layout.shape[$1] + position[$1] }
      }
      let channel = linear(layout.channelAxes)
      let sample = layout.hasBatch ? position[0] : 0
      channels.append(channel)
      switch norm {
      case "batch": sets.append(channel)
      case "instance": sets.append(sample * layout.channelCount + channel)
      case "group": sets.append(sample * groups + channel / (layout.channelCount / groups))
      default: sets.append(sample * layout.spaceCount + linear(layout.spaceAxes))
      }
    }
    return (channels, sets)
  }

  struct Results {
    var y: [Double] = []
    var x: [Double] = []
    var gamma: [Double] = []
    var beta: [Double] = []
    /// What the gradient of x would be if the statistics were constants: the largest of its terms.
    var direct: [Double] = []
  }

  /// Output and gradients. `running` gives batch norm's statistics in inference.
  func results(
    _ x: [Float], _ dy: [Float], running: (mean: [Float], variance: [Float])? = nil
  ) -> Results {
    let (channel, set) = places()
    let size = (set.max() ?? -1) + 1
    var count = [Double](repeating: 0, count: size)
    var mean = count
    var spread = count
    for (e, s) in set.enumerated() { count[s] += 1; mean[s] += Double(x[e]) }
    for s in 0..<size { mean[s] = norm == "rms" ? 0 : mean[s] / count[s] }
    for (e, s) in set.enumerated() {
      let d = Double(x[e]) - mean[s]
      spread[s] += d * d / count[s]
    }
    if let running {
      mean = running.mean.map(Double.init)
      spread = running.variance.map(Double.init)
    }
    let r = spread.map { 1 / ($0 + epsilon).squareRoot() }
    let normalized = set.enumerated().map { (Double(x[$0]) - mean[$1]) * r[$1] }
    let g = channel.enumerated().map {
      Double(dy[$0]) * (gamma.isEmpty ? 1 : Double(gamma[$1]))
    }
    var sum = [Double](repeating: 0, count: size)
    var product = sum
    for (e, s) in set.enumerated() where running == nil {
      if norm != "rms" { sum[s] += g[e] / count[s] }
      product[s] += g[e] * normalized[e] / count[s]
    }
    var results = Results()
    var dgamma = [Double](repeating: 0, count: layout.channelCount)
    var dbeta = dgamma
    for (e, s) in set.enumerated() {
      let c = channel[e]
      results.y.append(
        normalized[e] * (gamma.isEmpty ? 1 : Double(gamma[c]))
          + (beta.isEmpty ? 0 : Double(beta[c])))
      results.x.append(r[s] * (g[e] - sum[s] - normalized[e] * product[s]))
      results.direct.append(r[s] * g[e])
      dgamma[c] += Double(dy[e]) * normalized[e]
      dbeta[c] += Double(dy[e])
    }
    results.gamma = dgamma
    results.beta = dbeta
    return results
  }
}
