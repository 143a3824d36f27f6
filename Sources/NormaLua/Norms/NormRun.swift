import NormaCore
import NormaNorms
import NormaSystem

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
    let saved = try TensorMemory(bytes: need.savedBytes)
    let workspace = try TensorMemory(bytes: need.workspaceBytes)
    let inputs = try TensorMemory.copies(of: inputs)
    let output = try TensorMemory(bytes: 4 * layout.count)
    let parameters = try TensorMemory.copies(of: parameters)
    let buffers = try TensorMemory.copies(of: buffers)
    var call = KernelCall()
    call.inputs = inputs.map { UnsafePointer($0.floats) }
    call.parameters = parameters.map { UnsafePointer($0.floats) }
    call.buffers = buffers.map(\.floats)
    call.hyper = layer.realHyper
    call.output = output.floats
    call.saved = saved.start
    call.workspace = workspace.start
    // The arrays own the memory that the call points to.
    defer { withExtendedLifetime((saved, workspace, inputs, output, parameters, buffers)) {} }
    try kernel.forward(call)
    var result = Result(output: output.values, buffers: buffers.map(\.values))
    guard let outputGradient else { return result }
    let arriving = try TensorMemory(outputGradient)
    let leaving = try TensorMemory.zeros(like: inputs)
    let gradients = try TensorMemory.zeros(like: parameters)
    call.outputGradient = UnsafePointer(arriving.floats)
    call.inputGradients = leaving.map(\.floats)
    call.parameterGradients = gradients.map(\.floats)
    defer { withExtendedLifetime((arriving, leaving, gradients)) {} }
    try kernel.backward(call)
    result.inputGradients = leaving.map(\.values)
    result.parameterGradients = gradients.map(\.values)
    return result
  }
}
