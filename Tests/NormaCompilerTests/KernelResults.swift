import Foundation
import NormaCompiler
import NormaCore
import NormaGraph
import Testing

/// What a kernel made of the same numbers, by name.
///
/// Inputs are drawn first, so that a tensor of fewer rows is the beginning of one with more. Saved values and
/// workspace hold garbage; with gradients, backward runs twice, the second time adding to the first.
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
  func drawn(_ leaves: [NormProgram.Leaf]) -> [UnsafeMutablePointer<Float>] {
    leaves.map { drawn(extents.count($0.roles)) }
  }
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
  call.inputs = drawn(program.inputs).map { UnsafePointer($0) }
  call.parameters = drawn(program.parameters).map { UnsafePointer($0) }
  call.buffers = drawn(program.buffers)
  for (leaf, buffer) in zip(program.buffers, call.buffers) {
    places.append((leaf.name, buffer, extents.count(leaf.roles)))
  }
  call.output = result("y", count)
  if fusion.addsResidual {
    call.residual = UnsafePointer(drawn(count))
    call.sum = result("sum", count)
  }
  try kernel.forward(call)
  func results() -> [String: [Float]] {
    Dictionary(
      uniqueKeysWithValues: places.map {
        ($0.name, Array(UnsafeBufferPointer(start: $0.memory, count: $0.count)))
      })
  }
  guard !program.inputGradients.isEmpty else { return results() }
  if let sum = call.sum { call.inputs[0] = UnsafePointer(sum) }
  call.outputGradient = UnsafePointer(drawn(count))
  if fusion.addsSkipGradient { call.sumGradient = UnsafePointer(drawn(count)) }
  func gradients(_ leaves: [NormProgram.Leaf]) -> [UnsafeMutablePointer<Float>] {
    leaves.map { result("d" + $0.name, extents.count($0.roles)) }
  }
  call.inputGradients = gradients(program.inputs)
  call.parameterGradients = gradients(program.parameters)
  try kernel.backward(call)
  call.accumulate = true
  try kernel.backward(call)
  return results()
}

/// What a kernel made within rounding of what is exact, as a part of the largest, and every number of it.
func expectClose(
  _ found: [String: [Float]], _ exact: [String: [Float]], _ place: SourceLocation = #_sourceLocation
) {
  for (name, expected) in exact {
    let values = found[name] ?? []
    let scale = expected.map(abs).max() ?? 1
    let worst = zip(values, expected).map { abs($0 - $1) }.max() ?? 0
    #expect(
      worst <= 2e-6 * scale && values.allSatisfy(\.isFinite) && values.count == expected.count,
      "\(name): \(worst) of \(scale)", sourceLocation: place)
  }
}

private let session = NativeSession(
  environment: ProcessInfo.processInfo.environment, cores: 2, wait: .seconds(60))

/// A kernel that runs as asked, on two threads as `ReferenceKernel` within rounding.
@discardableResult
func expectAgreement(
  _ program: NormProgram, _ layout: TensorLayout, executor: String = "native",
  _ place: SourceLocation = #_sourceLocation
) throws -> TilesKernel {
  let kernel = try TilesKernel(
    program: program, layout: layout, native: executor == "native" ? session : nil)
  session.settle()
  #expect(kernel.executor == executor, "\(session.notes)", sourceLocation: place)
  let exact = try kernelResults(
    try ReferenceKernel(program: program, layout: layout), program, layout, threads: 1)
  expectClose(try kernelResults(kernel, program, layout, threads: 2), exact, place)
  return kernel
}
