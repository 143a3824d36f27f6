import NormaCore
import NormaNorms

/// Runs one kernel on memory that is hostile where the contract allows it: scratch memory full of
/// garbage, outputs full of NaN, sentinels behind every tensor.
struct Bench {
  let layout: TensorLayout
  let layer: NormLayer
  var mode = Mode.train
  var threads = 1
  /// One array an input, parameter and buffer, in the order of the schema.
  var x: [Float]
  var secondInputs: [[Float]] = []
  var parameters: [[Float]]
  var buffers: [[Float]]
  var hyper: [Double]

  struct Result: Equatable {
    var y: [Float] = []
    var inputGradients: [[Float]] = []
    var parameterGradients: [[Float]] = []
    var buffers: [[Float]] = []
    var sentinelsHold = true
  }

  /// A bench with x drawn from a normal distribution and all state at its initial values.
  init(
    _ spec: NormSpec, _ layout: TensorLayout, in registry: NormRegistry, mean: Double = 0,
    scale: Double = 1, seed: UInt64 = 1
  ) throws {
    self.layout = layout
    layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
    var random = RandomSource(seed: seed)
    x = (0..<Bench.span(layout)).map { _ in Float((random.normal() + mean) * scale) }
    parameters = layer.parameters.map { Array(repeating: Float($0.initialValue), count: $0.count) }
    buffers = layer.buffers.map { Array(repeating: Float($0.initialValue), count: $0.count) }
    hyper = layer.realHyper
  }

  /// Elements from the first to the last, gaps of strides included.
  static func span(_ layout: TensorLayout) -> Int {
    layout.count == 0
      ? 0 : 1 + zip(layout.shape, layout.strides).map { ($0 - 1) * $1 }.reduce(0, +)
  }

  /// Forward, and backward when a gradient is given; gradients start at `start` and are added to it.
  func run(_ dy: [Float]? = nil, accumulateFrom start: Float? = nil) throws -> Result {
    let kernel = try layer.kernel(for: layout, mode: mode, gradient: dy != nil)
    let memory = kernel.memory(threads: threads)
    var blocks: [Block] = []
    func block(_ values: [Float]) -> UnsafeMutablePointer<Float> {
      let block = Block(values)
      blocks.append(block)
      return block.start
    }
    let nan = Float.nan
    let saved = Block([Float](repeating: nan, count: (memory.savedBytes + 3) / 4))
    let work = Block([Float](repeating: nan, count: (memory.workspaceBytes + 3) / 4))
    var call = KernelCall()
    call.inputs = ([x] + secondInputs).map { UnsafePointer(block($0)) }
    call.parameters = parameters.map { UnsafePointer(block($0)) }
    let state = buffers.map(block)
    call.buffers = state
    call.hyper = hyper
    call.saved = UnsafeMutableRawPointer(saved.start)
    call.workspace = UnsafeMutableRawPointer(work.start)
    call.threads = threads
    let y = block([Float](repeating: nan, count: x.count))
    call.output = y
    try kernel.forward(call)
    var result = Result()
    if let dy {
      call.outputGradient = UnsafePointer(block(dy))
      let inputs = ([x] + secondInputs).map { block([Float](repeating: nan, count: $0.count)) }
      call.inputGradients = inputs
      let gradients = parameters.map { block([Float](repeating: start ?? nan, count: $0.count)) }
      call.parameterGradients = gradients
      call.accumulate = start != nil
      try kernel.backward(call)
      result.inputGradients = zip(inputs, [x] + secondInputs).map { Bench.copy($0, $1.count) }
      result.parameterGradients = zip(gradients, parameters).map { Bench.copy($0, $1.count) }
    }
    result.y = Bench.copy(y, x.count)
    result.buffers = zip(state, buffers).map { Bench.copy($0, $1.count) }
    result.sentinelsHold = (blocks + [saved, work]).allSatisfy(\.sentinelsHold)
    return result
  }

  private static func copy(_ start: UnsafeMutablePointer<Float>, _ count: Int) -> [Float] {
    Array(UnsafeBufferPointer(start: start, count: count))
  }

  /// Memory aligned to 64 bytes with known values before and behind it.
  private final class Block {
    static let margin = 16
    static let sentinel = Float(bitPattern: 0x7f12_3456)
    let memory: UnsafeMutableRawBufferPointer
    let count: Int
    let start: UnsafeMutablePointer<Float>

    init(_ values: [Float]) {
      count = values.count
      let total = count + 2 * Self.margin
      memory = .allocate(byteCount: total * 4, alignment: 64)
      let floats = memory.bindMemory(to: Float.self)
      floats.initialize(repeating: Self.sentinel)
      start = floats.baseAddress.map { $0 + Self.margin } ?? .allocate(capacity: 0)
      for (index, value) in values.enumerated() { start[index] = value }
    }

    deinit { memory.deallocate() }

    var sentinelsHold: Bool {
      let floats = memory.bindMemory(to: Float.self)
      return (Array(0..<Self.margin) + Array((Self.margin + count)..<floats.count)).allSatisfy {
        floats[$0].bitPattern == Self.sentinel.bitPattern
      }
    }
  }
}

extension TensorLayout {
  /// The offsets of the elements of every vector of channels.
  var vectors: [[Int]] {
    var byPlace: [[Int]: [Int]] = [:]
    var index = [Int](repeating: 0, count: shape.count)
    for _ in 0..<count {
      let place = index.enumerated().filter { !channelAxes.contains($0.offset) }.map(\.element)
      byPlace[place, default: []].append(zip(index, strides).map(*).reduce(0, +))
      for axis in shape.indices.reversed() {
        index[axis] += 1
        if index[axis] < shape[axis] { break }
        index[axis] = 0
      }
    }
    return Array(byPlace.values)
  }
}

/// The largest difference as a part of the reference's largest magnitude.
func error(_ values: [Float], _ reference: [Double], at offsets: [Int]) -> Double {
  let scale = offsets.map { abs(reference[$0]) }.max() ?? 0
  let worst = offsets.map { abs(Double(values[$0]) - reference[$0]) }
  if worst.contains(where: \.isNaN) { return .nan }
  return (worst.max() ?? 0) / (scale > 0 ? scale : 1)
}
