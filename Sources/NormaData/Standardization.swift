/// The mean and deviation that samples are standardised by: `(x - mean) / deviation`.
///
/// Measured on the training part only: one pair for images, one pair a feature for vectors.
public struct Standardization: Sendable, Hashable, Codable {
  /// The means: one, or one a feature.
  public let mean: [Float]
  /// The standard deviations (population), as many as `mean`; 1 where the data is constant.
  public let deviation: [Float]

  /// Makes statistics, for example those saved with a model.
  public init(mean: [Float], deviation: [Float]) {
    self.mean = mean
    self.deviation = deviation
  }

  /// Measures the samples at `rows`.
  static func measure(_ samples: Samples, rows: [Int32]) -> Standardization {
    let moments =
      switch samples.storage {
      case .bytes(let bytes) where !samples.isVectors:
        imageMoments(bytes, size: samples.size, rows: rows)
      case .bytes(let bytes):
        moments(samples, rows) { Double(bytes[$0]) / 255 }
      case .floats(let floats):
        moments(samples, rows) { Double(floats[$0]) }
      }
    return Standardization(
      mean: moments.map { Float($0.mean) },
      deviation: moments.map { $0.variance > 0 ? Float($0.variance.squareRoot()) : 1 })
  }

  private typealias Moments = (mean: Double, variance: Double)

  /// Exact integer sums, so that 47 MB take milliseconds.
  private static func imageMoments(_ bytes: [UInt8], size: Int, rows: [Int32]) -> [Moments] {
    var sum: UInt64 = 0
    var squares: UInt64 = 0
    bytes.withUnsafeBufferPointer { all in
      for row in rows {
        var start = Int(row) * size
        let end = start + size
        while start < end {
          // 65,536 squares of a byte fit 32 bits.
          let stop = min(start + 65536, end)
          var partSum: UInt32 = 0
          var partSquares: UInt32 = 0
          for i in start..<stop {
            let value = UInt32(all[i])
            partSum &+= value
            partSquares &+= value &* value
          }
          sum += UInt64(partSum)
          squares += UInt64(partSquares)
          start = stop
        }
      }
    }
    let count = Double(max(rows.count * size, 1))
    let mean = Double(sum) / count
    let variance = max(0, Double(squares) / count - mean * mean)
    return [(mean / 255, variance / (255 * 255))]
  }

  /// Two passes in double, over all values of images or over each feature of vectors.
  private static func moments(
    _ samples: Samples, _ rows: [Int32], value: (Int) -> Double
  ) -> [Moments] {
    let size = samples.size
    let groups = samples.isVectors ? size : 1
    let count = Double(max(rows.count * size / groups, 1))
    var means = [Double](repeating: 0, count: groups)
    var variances = means
    for row in rows {
      for i in 0..<size { means[groups == 1 ? 0 : i] += value(Int(row) * size + i) }
    }
    for i in means.indices { means[i] /= count }
    for row in rows {
      for i in 0..<size {
        let group = groups == 1 ? 0 : i
        let deviation = value(Int(row) * size + i) - means[group]
        variances[group] += deviation * deviation
      }
    }
    return zip(means, variances).map { ($0, $1 / count) }
  }
}
