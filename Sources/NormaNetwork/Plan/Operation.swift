import NormaCore

/// What a step's operations share.
struct Run {
  /// How many threads may work.
  let threads: Int
  /// The step, counted from 0; with the seed it determines all randomness.
  let step: Int
  /// The network's seed.
  let seed: UInt64
  /// Watches the norms, where that is wanted of this step.
  var observer: NormObserver?
}

/// A layer at work: fixed memory, a forward and a backward pass.
protocol Operation: AnyObject {
  /// Computes the output.
  func forward(_ run: Run) throws(NormaError)
  /// Computes the gradients of the input and of parameters from the output's gradient.
  func backward(_ run: Run) throws(NormaError)
  /// What made its output infinite or NaN, and the script line that wrote it; nil when unknown.
  func whatIsNotFinite() -> (operation: String, place: SourcePlace?)?
}

extension Operation {
  /// Unknown.
  func whatIsNotFinite() -> (operation: String, place: SourcePlace?)? { nil }
}

/// A tensor between layers: `shape` without the batch, its data and, in training, its gradient.
///
/// Where a residual begins or ends the value is unsettled: a norm that comes next does the residual's
/// work along with its own, before any other layer `Plan.settled` adds operations for it.
struct Value {
  var shape: [Int]
  let data: Slot
  /// Nil where no gradient is wanted (the network's input).
  let gradient: Slot?
  /// Whether the next layer may write its output over the data.
  var mayOverwrite: Bool
  /// Whether the operation that made the value writes over its gradient on the way back.
  var gradientIsOverwritten = false
  /// What is still to be added to the data: a residual ended here.
  var addend: Addend?
  /// The residual that begins here and will read the value, with its addend, once more.
  var fork: ForkPoint?
  /// How many symbols there are, where the data are symbols (0, 1, ... kept as floats).
  var vocabulary: Int?

  /// The elements of one sample.
  var count: Int { shape.reduce(1, *) }

  /// The same elements under another shape.
  func reshaped(_ shape: [Int]) -> Value {
    var value = self
    value.shape = shape
    return value
  }
}

/// Where an operation finds its memory, once all is arranged.
struct Memory {
  let arena: Arena
  let state: StateMemory
  let threads: Int

  func raw(_ slot: Slot) -> UnsafeMutableRawPointer { arena.base + slot.offset }
  func floats(_ slot: Slot) -> UnsafeMutablePointer<Float> { arena.floats(at: slot.offset) }
  func floats(_ slot: Slot?) -> UnsafeMutablePointer<Float>? {
    slot.map { arena.floats(at: $0.offset) }
  }
}
