public import NormaCore

/// One part of a data set: chosen samples, and how they are standardised on the way into a batch.
public struct DataSet: Sendable {
  /// The samples, shared by all parts of one set.
  public let samples: Samples
  /// Which samples belong to this part, in this part's order.
  public let rows: [Int32]
  /// The statistics batches are standardised by, or nil when they are not.
  public let standardization: Standardization?
  /// The stretch of text and its windows; nil for other samples.
  let text: TextPart?
  private let offset: [Float]
  private let factor: [Float]

  /// Makes a part of `samples`; nil rows mean all.
  ///
  /// - Throws: `data` when a row does not exist or the statistics are for other features.
  public init(
    _ samples: Samples, rows: [Int32]? = nil, standardization: Standardization? = nil
  ) throws(NormaError) {
    let rows = rows ?? (0..<Int32(samples.count)).map { $0 }
    if let row = rows.first(where: { $0 < 0 || Int($0) >= samples.count }) {
      throw NormaError(.data, "sample \(row) does not exist among \(samples.count)")
    }
    let mean = standardization?.mean ?? [0]
    let deviation = standardization?.deviation ?? [1]
    guard mean.count == deviation.count, mean.count == 1 || mean.count == samples.size else {
      throw NormaError(
        .data,
        "statistics of \(mean.count) features do not fit samples of the shape \(samples.shape)",
        help: "evaluate on data of the shape that the model was trained on")
    }
    self.samples = samples
    self.rows = rows
    self.standardization = standardization
    switch samples.storage {
    case .bytes:
      factor = deviation.map { 1 / ($0 * 255) }
      offset = zip(mean, deviation).map { -$0 / $1 }
    case .floats:
      factor = deviation.map { 1 / $0 }
      offset = mean
    }
    text = nil
  }

  /// A stretch of a text.
  init(_ samples: Samples, text: TextPart) {
    self.samples = samples
    self.text = text
    rows = []
    standardization = nil
    (factor, offset) = ([], [])
  }

  /// The number of samples in this part.
  public var count: Int { text?.count ?? rows.count }
  /// Whether this part holds no sample.
  public var isEmpty: Bool { count == 0 }
  /// The shape of one sample: `[height, width, channels]`, `[features]`, or `[tokens]`.
  public var sampleShape: [Int] { text.map { [$0.tokens] } ?? samples.shape }
  /// The number of values in one sample.
  public var sampleSize: Int { text?.tokens ?? samples.size }
  /// The number of labels of one sample: one, or one a token.
  public var labelCount: Int { text?.tokens ?? 1 }
  /// The number of classes.
  public var classCount: Int { samples.classCount }
  /// The names of the classes, where they are known.
  public var classNames: [String]? { samples.classNames }

  /// The class of the sample at `index` of this part, which is no text.
  public func label(at index: Int) -> Int32 { samples.labels[Int(rows[index])] }

  /// Writes the samples at `indices` of this part as a batch, channels-last, and their classes.
  ///
  /// Allocates nothing. `batch` has room for `indices.count * sampleSize` values, `labels` for
  /// `indices.count * labelCount`.
  public func fill(
    _ indices: UnsafeBufferPointer<Int32>, into batch: UnsafeMutablePointer<Float>,
    labels: UnsafeMutablePointer<Int32>
  ) {
    fill(indices.count, into: batch, labels: labels) { Int(indices[$0]) }
  }

  /// Writes the samples at `range` of this part in order, as evaluation needs them.
  public func fill(
    _ range: Range<Int>, into batch: UnsafeMutablePointer<Float>,
    labels: UnsafeMutablePointer<Int32>
  ) {
    fill(range.count, into: batch, labels: labels) { range.lowerBound + $0 }
  }

  private func fill(
    _ count: Int, into batch: UnsafeMutablePointer<Float>, labels: UnsafeMutablePointer<Int32>,
    index: (Int) -> Int
  ) {
    if let text, case .bytes(let codes) = samples.storage {
      for i in 0..<count {
        text.fill(
          codes, window: index(i), into: batch + i * text.tokens, labels: labels + i * text.tokens)
      }
      return
    }
    for i in 0..<count { labels[i] = label(at: index(i)) }
    switch samples.storage {
    case .bytes(let bytes):
      convert(bytes, count, to: batch, index: index, DataSet.convertBytes)
    case .floats(let floats):
      convert(floats, count, to: batch, index: index, DataSet.convertFloats)
    }
  }

  private typealias Row<Element> = (
    _ source: UnsafeBufferPointer<Element>, _ factor: UnsafeBufferPointer<Float>,
    _ offset: UnsafeBufferPointer<Float>, _ target: UnsafeMutablePointer<Float>
  ) -> Void

  @inline(__always)
  private func convert<Element>(
    _ values: [Element], _ count: Int, to batch: UnsafeMutablePointer<Float>, index: (Int) -> Int,
    _ convertRow: Row<Element>
  ) {
    let size = sampleSize
    factor.withUnsafeBufferPointer { factor in
      offset.withUnsafeBufferPointer { offset in
        values.withUnsafeBufferPointer { all in
          for i in 0..<count {
            let start = Int(rows[index(i)]) * size
            let source = UnsafeBufferPointer(rebasing: all[start..<(start + size)])
            convertRow(source, factor, offset, batch + i * size)
          }
        }
      }
    }
  }

  private static func convertBytes(
    _ source: UnsafeBufferPointer<UInt8>, _ factor: UnsafeBufferPointer<Float>,
    _ offset: UnsafeBufferPointer<Float>, _ target: UnsafeMutablePointer<Float>
  ) {
    if factor.count == 1 {
      let (a, b) = (factor[0], offset[0])
      for i in 0..<source.count { target[i] = Float(source[i]) * a + b }
    } else {
      for i in 0..<source.count { target[i] = Float(source[i]) * factor[i] + offset[i] }
    }
  }

  // Subtracts first: features of mean 1e6 would cancel in `x * factor + offset`.
  private static func convertFloats(
    _ source: UnsafeBufferPointer<Float>, _ factor: UnsafeBufferPointer<Float>,
    _ offset: UnsafeBufferPointer<Float>, _ target: UnsafeMutablePointer<Float>
  ) {
    if factor.count == 1 {
      let (a, b) = (factor[0], offset[0])
      for i in 0..<source.count { target[i] = (source[i] - b) * a }
    } else {
      for i in 0..<source.count { target[i] = (source[i] - offset[i]) * factor[i] }
    }
  }
}
