import NormaCompiler
import NormaCore
import NormaGraph
import Testing

/// What a kernel made of the same numbers, by name.
///
/// The program has an input `x`, perhaps one more, a parameter and a buffer of channels.
func kernelResults(
  _ kernel: any NormKernel, _ program: NormProgram, _ layout: TensorLayout, threads: Int
) throws -> [String: [Float]] {
  let extents = try program.splits.extents(
    batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
  var owned: [UnsafeMutableRawPointer] = []
  defer { for memory in owned { memory.deallocate() } }
  func bytes(_ count: Int) -> UnsafeMutableRawPointer {
    owned.append(.allocate(byteCount: max(count, 64), alignment: 64))
    return owned[owned.count - 1]
  }
  func floats(_ values: [Float]) -> UnsafeMutablePointer<Float> {
    let memory = bytes(4 * values.count).assumingMemoryBound(to: Float.self)
    memory.update(from: values, count: values.count)
    return memory
  }
  var random = RandomSource(seed: 11)
  func drawn(_ count: Int) -> UnsafeMutablePointer<Float> {
    floats((0..<count).map { _ in Float(random.normal() + 0.3) })
  }
  let (count, fusion) = (layout.count, program.fusion)
  let channels = layout.channelCount
  var places: [(name: String, memory: UnsafeMutablePointer<Float>, count: Int)] = []
  func result(_ name: String, _ count: Int) -> UnsafeMutablePointer<Float> {
    places.append((name, floats([Float](repeating: .nan, count: count)), count))
    return places[places.count - 1].memory
  }
  let memory = kernel.memory(threads: threads)
  var call = KernelCall()
  call.threads = threads
  call.saved = bytes(memory.savedBytes)
  call.saved?.initializeMemory(as: UInt8.self, repeating: 0xff, count: memory.savedBytes)
  call.workspace = bytes(memory.workspaceBytes)
  // What was there before makes no difference.
  call.workspace?.initializeMemory(
    as: UInt8.self, repeating: threads == 1 ? 0 : 0xff, count: memory.workspaceBytes)
  call.inputs = program.inputs.map { UnsafePointer(drawn(extents.count($0.roles))) }
  call.parameters = [UnsafePointer(drawn(channels))]
  let buffer = drawn(channels)
  call.buffers = [buffer]
  places.append(("buffer", buffer, channels))
  call.output = result("y", count)
  if fusion.addsResidual {
    call.residual = UnsafePointer(drawn(count))
    call.sum = result("sum", count)
  }
  try kernel.forward(call)
  if let sum = call.sum { call.inputs[0] = UnsafePointer(sum) }
  call.outputGradient = UnsafePointer(drawn(count))
  if fusion.addsSkipGradient { call.sumGradient = UnsafePointer(drawn(count)) }
  call.inputGradients = program.inputs.map { result("d" + $0.name, extents.count($0.roles)) }
  call.parameterGradients = [result("dp", channels)]
  try kernel.backward(call)
  // Once more, added.
  call.accumulate = true
  try kernel.backward(call)
  return Dictionary(
    uniqueKeysWithValues: places.map {
      ($0.name, Array(UnsafeBufferPointer(start: $0.memory, count: $0.count)))
    })
}

/// What a kernel made within rounding of what is exact, as a part of the largest, and every number of it.
func expectClose(
  _ found: [String: [Float]], _ exact: [String: [Float]], _ place: SourceLocation = #_sourceLocation
) {
  for (name, expected) in exact {
    let values = found[name] ?? []
    let scale = expected.map(abs).max() ?? 1
    let worst = zip(values, expected).map { abs($0 - $1) / scale }.max() ?? 0
    #expect(
      worst < 2e-6 && values.allSatisfy(\.isFinite) && values.count == expected.count,
      "\(name): \(worst)", sourceLocation: place)
  }
}
