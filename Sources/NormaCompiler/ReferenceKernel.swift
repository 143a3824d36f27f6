public import NormaCore
import NormaGraph

/// Runs a program through `Reference`: slow, in Double, for comparison.
public struct ReferenceKernel: NormKernel {
  private let reference: Reference
  private let layout: TensorLayout
  private let program: NormProgram

  /// Prepares a program for a tensor.
  public init(program: NormProgram, layout: TensorLayout) throws(NormaError) {
    reference = try Reference(program: program, layout: layout)
    self.layout = layout
    self.program = program
  }

  /// `reference`.
  public var executor: String { "reference" }
  /// The buffers' values before the step are kept; no workspace is needed.
  public func memory(threads: Int) -> KernelMemory {
    let floats = program.buffers.reduce(0) { $0 + count($1.roles) }
    return KernelMemory(savedBytes: 4 * floats, workspaceBytes: 0)
  }
  /// One line.
  public var planDescription: String? { "reference: each node of the graph in Double, in turn" }

  private func offsets() -> [Int] {
    var offsets = [0]
    for axis in layout.shape.indices {
      let stride = layout.strides[axis]
      offsets = offsets.flatMap { base in (0..<layout.shape[axis]).map { base + $0 * stride } }
    }
    return offsets
  }

  private func values(_ call: KernelCall, _ offsets: [Int]) -> Reference.Values {
    func tensor(_ p: UnsafePointer<Float>) -> [Double] { offsets.map { Double(p[$0]) } }
    func small(_ p: UnsafePointer<Float>, _ roles: RoleSet) -> [Double] {
      (0..<count(roles)).map { Double(p[$0]) }
    }
    return Reference.Values(
      inputs: zip(call.inputs, program.inputs).map {
        $1.roles == .all ? tensor($0) : small($0, $1.roles)
      },
      parameters: zip(call.parameters, program.parameters).map { small($0, $1.roles) },
      buffers: zip(call.buffers, program.buffers).map { small(UnsafePointer($0), $1.roles) },
      hyper: call.hyper, outputGradient: call.outputGradient.map(tensor) ?? [],
      residual: call.residual.map(tensor) ?? [], sumGradient: call.sumGradient.map(tensor) ?? [])
  }

  private func count(_ roles: RoleSet) -> Int { (try? sizes.count(roles)) ?? 0 }

  /// Copies the buffers to the saved memory.
  private func keepBuffers(_ call: KernelCall) {
    guard var saved = call.saved?.assumingMemoryBound(to: Float.self) else { return }
    for (leaf, pointer) in zip(program.buffers, call.buffers) {
      saved.update(from: pointer, count: count(leaf.roles))
      saved += count(leaf.roles)
    }
  }

  /// The call with the buffers as they were before the step.
  private func beforeStep(_ call: KernelCall) -> KernelCall {
    guard var saved = call.saved?.assumingMemoryBound(to: Float.self) else { return call }
    var call = call
    for (index, leaf) in program.buffers.enumerated() {
      call.buffers[index] = saved
      saved += count(leaf.roles)
    }
    return call
  }

  private var sizes: Extents {
    get throws(NormaError) {
      try program.splits.extents(
        batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
    }
  }

  private func storeBuffers(_ results: [String: [Double]], _ call: KernelCall) {
    for (leaf, pointer) in zip(program.buffers, call.buffers) {
      guard let values = results["buffer:" + leaf.name] else { continue }
      for (i, value) in values.enumerated() { pointer[i] = Float(saturating: value) }
    }
  }

  /// The first operation of a forward call whose result is not finite though its operands are, and the
  /// script line that wrote it; nil when there is none.
  public func firstNotFinite(_ call: KernelCall) -> (operation: String, place: SourcePlace?)? {
    reference.firstNotFinite(values(call, offsets()))
  }

  /// Writes the output and the buffers.
  public func forward(_ call: KernelCall) throws(NormaError) {
    let offsets = offsets()
    keepBuffers(call)
    let results = reference.forward(values(call, offsets))
    for (name, pointer) in [("y", call.output), ("sum", call.sum)] {
      guard let pointer, let values = results[name] else { continue }
      for (offset, value) in zip(offsets, values) { pointer[offset] = Float(value) }
    }
    storeBuffers(results, call)
  }

  /// Writes the gradients.
  public func backward(_ call: KernelCall) throws(NormaError) {
    let offsets = offsets()
    let results = reference.backward(values(beforeStep(call), offsets))
    for (leaf, pointer) in zip(program.inputs, call.inputGradients) {
      guard let pointer else { continue }
      for (offset, value) in zip(offsets, results["input:" + leaf.name] ?? []) {
        pointer[offset] = Float(value)
      }
      for (i, value) in (results["second:" + leaf.name] ?? []).enumerated() {
        pointer[i] = Float(value)
      }
    }
    for (leaf, pointer) in zip(program.parameters, call.parameterGradients) {
      guard let pointer, let values = results["parameter:" + leaf.name] else { continue }
      for (i, value) in values.enumerated() {
        pointer[i] = Float(value + (call.accumulate ? Double(pointer[i]) : 0))
      }
    }
    storeBuffers(results, call)
  }
}

extension Float {
  /// The value held to the finite range, as running buffers are; NaN stays NaN.
  public init(saturating value: Double) {
    let limit = Double(Float.greatestFiniteMagnitude)
    self = Float(value.isNaN ? value : Swift.min(Swift.max(value, -limit), limit))
  }
}
