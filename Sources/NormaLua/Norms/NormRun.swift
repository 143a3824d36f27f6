import NormaCore
import NormaNorms

/// One norm on one tensor, with memory of its own: what `spec:apply` and `spec:gradient` run.
struct NormRun {
  let layer: NormLayer
  let layout: TensorLayout
  private let kernel: any NormKernel

  init(
    _ spec: NormSpec, in registry: NormRegistry, layout: TensorLayout, mode: Mode,
    executor: Executor, gradient: Bool
  ) throws(NormaError) {
    self.layout = layout
    layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
    do throws(NormaError) {
      kernel = try layer.kernel(
        for: layout, mode: mode, executor: executor, gradient: gradient)
    } catch {
      throw error.at(spec.place)
    }
  }

  /// Values in the layout's shape, parameters and buffers in the order of the layer.
  struct Result {
    var output: [Float]
    var buffers: [[Float]]
    /// Gradients of `x` and of the norm's other inputs, in the order of the schema.
    var inputGradients: [[Float]] = []
    var parameterGradients: [[Float]] = []
  }

  /// Runs forward and, when a gradient arrives, backward.
  func run(
    inputs: [[Float]], parameters: [[Float]], buffers: [[Float]], outputGradient: [Float]? = nil
  ) throws(NormaError) -> Result {
    let need = kernel.memory(threads: 1)
    let saved = AlignedFloats(bytes: need.savedBytes)
    let workspace = AlignedFloats(bytes: need.workspaceBytes)
    let inputs = inputs.map { AlignedFloats($0) }
    let output = AlignedFloats(bytes: 4 * layout.count)
    let parameters = parameters.map { AlignedFloats($0) }
    let buffers = buffers.map { AlignedFloats($0) }
    var call = KernelCall()
    call.inputs = inputs.map { UnsafePointer($0.pointer) }
    call.parameters = parameters.map { UnsafePointer($0.pointer) }
    call.buffers = buffers.map(\.pointer)
    call.hyper = layer.realHyper
    call.output = output.pointer
    call.saved = UnsafeMutableRawPointer(saved.pointer)
    call.workspace = UnsafeMutableRawPointer(workspace.pointer)
    // The arrays own the memory that the call points to.
    defer { withExtendedLifetime((saved, workspace, inputs, output, parameters, buffers)) {} }
    try kernel.forward(call)
    var result = Result(output: output.values(layout.count), buffers: [])
    result.buffers = zip(buffers, layer.buffers).map { $0.values($1.count) }
    guard let outputGradient else { return result }
    let arriving = AlignedFloats(outputGradient)
    let leaving = inputs.map { AlignedFloats(bytes: 4 * $0.count) }
    let gradients = layer.parameters.map { AlignedFloats(bytes: 4 * $0.count) }
    call.outputGradient = UnsafePointer(arriving.pointer)
    call.inputGradients = leaving.map(\.pointer)
    call.parameterGradients = gradients.map(\.pointer)
    defer { withExtendedLifetime((arriving, leaving, gradients)) {} }
    try kernel.backward(call)
    result.inputGradients = leaving.map { $0.values($0.count) }
    result.parameterGradients = zip(gradients, layer.parameters).map { $0.values($1.count) }
    return result
  }
}

/// Memory for a kernel, aligned to 64 bytes and zeroed.
private final class AlignedFloats {
  let pointer: UnsafeMutablePointer<Float>
  let count: Int

  init(bytes: Int) {
    count = bytes / 4
    let size = max(64, bytes)
    let raw = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    raw.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    pointer = raw.assumingMemoryBound(to: Float.self)
  }

  convenience init(_ values: [Float]) {
    self.init(bytes: 4 * values.count)
    pointer.update(from: values, count: values.count)
  }

  deinit {
    UnsafeMutableRawPointer(pointer).deallocate()
  }

  func values(_ count: Int) -> [Float] {
    Array(UnsafeBufferPointer(start: pointer, count: count))
  }
}
