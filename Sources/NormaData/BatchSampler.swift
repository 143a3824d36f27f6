public import NormaCore

/// Draws batches epoch after epoch, in an order that depends only on the seed and the epoch.
public struct BatchSampler: Sendable {
  /// Where a run stands: the next batch to be drawn.
  public struct Position: Hashable, Sendable, Codable {
    /// The epoch, from 0.
    public var epoch: Int
    /// The batch within the epoch, from 0.
    public var step: Int

    /// Makes a position; the default is the start.
    public init(epoch: Int = 0, step: Int = 0) {
      self.epoch = epoch
      self.step = step
    }
  }

  /// The number of samples drawn from.
  public let count: Int
  /// How many are drawn in an epoch; fewer than `count` where samples overlap, as windows of a text.
  public let drawn: Int
  /// The number of samples in a batch.
  public let batchSize: Int
  /// The seed of the order.
  public let seed: UInt64
  /// Whether a last, smaller batch is left out.
  public let dropLast: Bool
  /// The next batch to be drawn; save it, and pass it to `init` to go on from there.
  public private(set) var position: Position
  private var order: [Int32]
  private var orderedEpoch = -1

  /// Makes a sampler over all of `data`.
  ///
  /// - Throws: `usage` when the batch size is not positive or no whole batch fits.
  public init(
    over data: DataSet, batchSize: Int, seed: UInt64, at position: Position = Position()
  ) throws(NormaError) {
    try self.init(
      count: data.count, drawn: data.samplesPerEpoch, batchSize: batchSize, seed: seed,
      at: position)
  }

  /// Makes a sampler over `count` samples that goes on at `position`; where fewer are `drawn` in an
  /// epoch, each is any of them, independently.
  ///
  /// - Throws: `usage` when the batch size is not positive, no whole batch fits, or the position lies
  ///   outside the epoch.
  public init(
    count: Int, drawn: Int? = nil, batchSize: Int, seed: UInt64, dropLast: Bool = true,
    at position: Position = Position()
  ) throws(NormaError) {
    guard batchSize >= 1 else {
      throw NormaError(
        .usage, "a batch of \(batchSize) samples cannot be drawn", help: "use 1 or more")
    }
    let drawn = min(drawn ?? count, count)
    guard drawn >= (dropLast ? batchSize : 1) else {
      throw NormaError(
        .usage, "a batch of \(batchSize) does not fit in \(drawn) samples",
        help: "use a smaller batch or more samples")
    }
    self.count = count
    self.drawn = drawn
    self.batchSize = batchSize
    self.seed = seed
    self.dropLast = dropLast
    self.position = position
    order = [Int32](repeating: 0, count: drawn)
    guard position.epoch >= 0, (0...batchesPerEpoch).contains(position.step) else {
      throw NormaError(
        .usage,
        "epoch \(position.epoch), step \(position.step) lies outside the data: "
          + "an epoch has \(batchesPerEpoch) batches")
    }
  }

  /// The number of batches in an epoch.
  public var batchesPerEpoch: Int {
    dropLast ? drawn / batchSize : (drawn + batchSize - 1) / batchSize
  }

  /// Writes the next batch of `data` into the caller's memory and returns its number of samples.
  ///
  /// Allocates nothing. `batch` has room for `batchSize * data.sampleSize` values, channels-last;
  /// `data` has `count` samples.
  public mutating func fill(
    from data: DataSet, into batch: UnsafeMutablePointer<Float>,
    labels: UnsafeMutablePointer<Int32>
  ) -> Int {
    if position.step >= batchesPerEpoch {
      position = Position(epoch: position.epoch + 1)
    }
    if orderedEpoch != position.epoch { shuffle() }
    let start = position.step * batchSize
    let end = min(start + batchSize, drawn)
    order.withUnsafeBufferPointer { order in
      data.fill(UnsafeBufferPointer(rebasing: order[start..<end]), into: batch, labels: labels)
    }
    position.step += 1
    return end - start
  }

  /// Puts the order of the position's epoch in place, from the identity, so that it depends on no other.
  private mutating func shuffle() {
    var random = RandomSource(seed: seed, purpose: "data.shuffle")
    random.counter = UInt64(position.epoch) << 32
    orderedEpoch = position.epoch
    guard drawn == count else {
      for i in 0..<drawn { order[i] = Int32(truncatingIfNeeded: random.index(below: count)) }
      return
    }
    for i in 0..<count { order[i] = Int32(truncatingIfNeeded: i) }
    for i in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(i, random.index(below: i + 1))
    }
  }
}
