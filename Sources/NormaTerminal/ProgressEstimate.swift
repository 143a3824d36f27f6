import Foundation

/// How fast something moves, from when its steps ended; a pure function of the times it is told.
public struct ProgressEstimate: Sendable {
  private let memory: Double
  private var last: (step: Int, time: Double)?
  private var steps = 0.0
  private var seconds = 0.0

  /// Makes an estimate whose memory fades over about `memory` seconds.
  public init(memory: Double = 10) {
    self.memory = memory
  }

  /// Notes that `step` steps are done at `time` seconds on any steady clock. The first call only
  /// starts the clock: a first step also pays for warming up.
  public mutating func record(step: Int, at time: Double) {
    defer { last = (step, time) }
    guard let last, step > last.step, time > last.time else { return }
    let elapsed = time - last.time
    // Steps and seconds fade alike, so their ratio is the recent mean however long steps take.
    let kept = exp(-elapsed / memory)
    steps = steps * kept + Double(step - last.step)
    seconds = seconds * kept + elapsed
  }

  /// Starts the clock anew at the next step, as after a pause for validation.
  public mutating func pause() {
    last = nil
  }

  /// Steps a second, or nil before the second step.
  public var rate: Double? {
    seconds > 0 ? steps / seconds : nil
  }

  /// Seconds that `steps` further steps will take, or nil before the second step.
  public func remaining(steps count: Int) -> Double? {
    rate.map { Double(max(count, 0)) / $0 }
  }
}
