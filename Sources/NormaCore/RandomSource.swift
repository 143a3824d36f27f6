import Foundation

/// A counter-based random generator: Philox 4x32-10.
///
/// The n-th number of a stream depends only on (seed, stream, n), so results do not depend on threads
/// or on who drew before. Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
public struct RandomSource: Sendable, RandomNumberGenerator {
  /// The seed.
  public let seed: UInt64
  /// The stream within the seed; independent uses take different streams.
  public let stream: UInt64
  /// How many blocks of four 32-bit words were drawn.
  public var counter: UInt64
  private var block: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
  private var left = 0

  /// Makes a generator at the start of a stream.
  public init(seed: UInt64, stream: UInt64 = 0, counter: UInt64 = 0) {
    self.seed = seed
    self.stream = stream
    self.counter = counter
  }

  /// A generator for the named purpose, independent of every other name.
  public init(seed: UInt64, purpose: String) {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in purpose.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    self.init(seed: seed, stream: hash)
  }

  /// The four words of block `counter`.
  package static func philox(
    counter: UInt64, stream: UInt64, seed: UInt64
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var c = (
      UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32),
      UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)
    )
    var k = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    for _ in 0..<10 {
      let p0 = UInt64(c.0) &* 0xD251_1F53
      let p1 = UInt64(c.2) &* 0xCD9E_8D57
      c = (
        UInt32(truncatingIfNeeded: p1 >> 32) ^ c.1 ^ k.0, UInt32(truncatingIfNeeded: p1),
        UInt32(truncatingIfNeeded: p0 >> 32) ^ c.3 ^ k.1, UInt32(truncatingIfNeeded: p0)
      )
      k = (k.0 &+ 0x9E37_79B9, k.1 &+ 0xBB67_AE85)
    }
    return c
  }

  /// The next 32 random bits.
  public mutating func next32() -> UInt32 {
    if left == 0 {
      block = RandomSource.philox(counter: counter, stream: stream, seed: seed)
      counter &+= 1
      left = 4
    }
    left -= 1
    switch left {
    case 3: return block.0
    case 2: return block.1
    case 1: return block.2
    default: return block.3
    }
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    let high = UInt64(next32())
    return high << 32 | UInt64(next32())
  }

  /// A number in [0, 1) with 53 random bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A number in [low, high).
  public mutating func uniform(_ low: Double, _ high: Double) -> Double {
    low + (high - low) * uniform()
  }

  /// A number from the standard normal distribution (Box–Muller).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * Double.pi * uniform())
  }

  /// A number in `0..<bound`, without bias.
  public mutating func index(below bound: Int) -> Int {
    Int(truncatingIfNeeded: next(upperBound: UInt64(max(bound, 1))))
  }

  /// A permutation of `0..<count` (Fisher–Yates).
  public mutating func permutation(_ count: Int) -> [Int32] {
    var order = (0..<Int32(count)).map { $0 }
    guard count > 1 else { return order }
    for i in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(i, index(below: i + 1))
    }
    return order
  }
}
