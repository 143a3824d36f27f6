import NormaCore

/// Times several pieces of work in turn, so that all see the same moments of a shared machine.
///
/// In its turn each runs once untimed, so that it finds the caches as its own last run left them,
/// and then as often as makes a time well above the clock's step.
struct TurnTimer {
  typealias Work = () throws(NormaError) -> Void

  /// A median in microseconds, and the distance of the quartiles divided by it.
  struct Timing {
    let median: Double
    let spread: Double

    init(_ times: [Double]) {
      let sorted = times.sorted()
      median = sorted[sorted.count / 2]
      spread = (sorted[sorted.count * 3 / 4] - sorted[sorted.count / 4]) / median
    }
  }

  /// How many calls are timed together.
  let calls: Int
  /// Rounds go on until this many seconds are over.
  let seconds: Double
  /// The rounds there are at least.
  var leastRounds = 7

  /// A timer for work on so many elements.
  init(elements: Int, seconds: Double) {
    calls = max(1, min(64, (1 << 21) / max(elements, 1)))
    self.seconds = seconds
  }

  /// One timing a piece of work.
  func measure(_ works: [Work]) throws(NormaError) -> [Timing] {
    var times = [[Double]](repeating: [], count: works.count)
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    var rounds = 0
    while rounds < leastRounds || clock.now < end {
      for (index, work) in works.enumerated() {
        try work()
        let start = clock.now
        for _ in 0..<calls { try work() }
        times[index].append((clock.now - start) / .microseconds(1) / Double(calls))
      }
      rounds += 1
    }
    return times.map(Timing.init)
  }
}
