import NormaCore
import NormaNorms

/// Where a parameter starts.
enum Initialiser {
  /// Every element the same.
  case constant(Double)
  /// Uniform in ±bound, drawn from the stream named like the parameter; equal parts of it, one after the
  /// other, are multiplied by the gains.
  case uniform(bound: Double, gains: [Double] = [1])
  /// Normal around 0, drawn likewise.
  case normal(deviation: Double)
}

/// A parameter or buffer of a network: name, shape, role and place in the network's memory.
final class StateEntry {
  let name: String
  let shape: [Int]
  let role: StateRole
  let initialiser: Initialiser
  let isParameter: Bool
  /// Offset among the parameters, or among the buffers, in elements.
  let offset: Int

  init(
    name: String, shape: [Int], role: StateRole, initialiser: Initialiser, isParameter: Bool,
    offset: Int
  ) {
    self.name = name
    self.shape = shape
    self.role = role
    self.initialiser = initialiser
    self.isParameter = isParameter
    self.offset = offset
  }

  var count: Int { shape.reduce(1, *) }
}

/// The parameters and buffers of a network, shared by its training and inference plans.
///
/// Parameters lie in one array, as do gradients and each optimizer state, so that an optimizer is a
/// loop over memory.
final class State {
  private(set) var entries: [StateEntry] = []
  private var byName: [String: StateEntry] = [:]
  private(set) var parameterCount = 0
  private(set) var bufferCount = 0

  var parameters: [StateEntry] { entries.filter(\.isParameter) }
  var buffers: [StateEntry] { entries.filter { !$0.isParameter } }

  /// The entry of that name, declared if it is new.
  func declare(
    _ name: String, shape: [Int], role: StateRole, initialiser: Initialiser, isParameter: Bool
  ) throws(NormaError) -> StateEntry {
    if let entry = byName[name] {
      guard entry.shape == shape else {
        throw NormaError(
          .internal, "'\(name)' has shape \(entry.shape) in one plan and \(shape) in another")
      }
      return entry
    }
    guard Plan.elements(shape) != nil, Plan.elements([parameterCount, 1]) != nil else {
      throw NormaError(
        .usage, "'\(name)' of shape \(shape) is larger than any memory", help: "use smaller sizes")
    }
    let entry = StateEntry(
      name: name, shape: shape, role: role, initialiser: initialiser, isParameter: isParameter,
      offset: isParameter ? parameterCount : bufferCount)
    // Each begins on a cache line; the padding stays zero.
    let room = aligned(entry.count * 4) / 4
    if isParameter { parameterCount += room } else { bufferCount += room }
    entries.append(entry)
    byName[name] = entry
    return entry
  }
}

/// The memory of a network's state: parameters, gradients, optimizer states, buffers.
final class StateMemory {
  let state: State
  let arena: Arena
  let optimizerStates: Int

  init(_ state: State, training: Bool, optimizerStates: Int) throws(NormaError) {
    self.state = state
    self.optimizerStates = optimizerStates
    let arrays = training ? 2 + optimizerStates : 1
    arena = try Arena(bytes: 4 * (arrays * state.parameterCount + state.bufferCount))
  }

  private func block(_ index: Int) -> UnsafeMutablePointer<Float> {
    arena.floats(at: 4 * (state.bufferCount + index * state.parameterCount))
  }

  var values: UnsafeMutablePointer<Float> { block(0) }
  var gradients: UnsafeMutablePointer<Float> { block(1) }

  /// The optimizer's array of that number, or nil when it has fewer.
  func optimizerState(_ index: Int) -> UnsafeMutablePointer<Float>? {
    index < optimizerStates ? block(2 + index) : nil
  }

  func value(_ entry: StateEntry) -> UnsafeMutablePointer<Float> {
    (entry.isParameter ? values : arena.floats(at: 0)) + entry.offset
  }

  func gradient(_ entry: StateEntry) -> UnsafeMutablePointer<Float> { gradients + entry.offset }

  /// Writes every parameter's and buffer's initial value.
  ///
  /// Each draws from a stream of its own name, so that a layer more or less leaves the others as they are.
  func initialise(seed: UInt64) {
    for entry in state.entries {
      let target = value(entry)
      switch entry.initialiser {
      case .constant(let number):
        for i in 0..<entry.count { target[i] = Float(number) }
      case .uniform(let bound, let gains):
        var random = RandomSource(seed: seed, purpose: entry.name)
        for i in 0..<entry.count {
          let gain = gains[i * gains.count / entry.count]
          target[i] = Float(gain * bound * (Double(random.next32()) * 0x1p-31 - 1))
        }
      case .normal(let deviation):
        var random = RandomSource(seed: seed, purpose: entry.name)
        for i in 0..<entry.count { target[i] = Float(deviation * random.normal()) }
      }
    }
  }
}
