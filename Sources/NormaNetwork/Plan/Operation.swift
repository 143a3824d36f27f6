import NormaCore

/// What a step's operations share.
struct Run {
  /// How many threads may work.
  let threads: Int
  /// The step, counted from 0; with the seed it determines all randomness.
  let step: Int
  /// The network's seed.
  let seed: UInt64
}

/// A layer at work: fixed memory, a forward and a backward pass.
protocol Operation: AnyObject {
  /// Computes the output.
  func forward(_ run: Run) throws(NormaError)
  /// Computes the gradients of the input and of parameters from the output's gradient.
  func backward(_ run: Run) throws(NormaError)
}

/// A tensor between layers: `shape` without the batch, its data and, in training, its gradient.
struct Value {
  let shape: [Int]
  let data: Slot
  /// Nil where no gradient is wanted (the network's input).
  let gradient: Slot?
  /// Whether the next layer may write its output over the data.
  var mayOverwrite: Bool
  /// How many symbols there are, where the data are symbols (0, 1, ... kept as floats).
  var vocabulary: Int?

  /// The elements of one sample.
  var count: Int { shape.reduce(1, *) }

  /// The same elements under another shape.
  func reshaped(_ shape: [Int]) -> Value {
    var value = Value(shape: shape, data: data, gradient: gradient, mayOverwrite: mayOverwrite)
    value.vocabulary = vocabulary
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
