import NormaCore
import NormaNorms

/// A norm of the registry; `none` is the identity, so that models differ in nothing but the norm.
enum NormLayerKind: LayerKind {
  static let schema = LayerSchema(
    "norm", "a norm of the registry",
    options: [
      LayerOption(
        "axis", .ints, default: .number(-1),
        "the axes that form the channels, the batch being axis 0")
    ], takesNorm: true)

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    guard let spec = options.spec.norm ?? plan.defaultNorm else {
      throw NormaError(
        .usage, "nn.norm: neither the layer nor the model names a norm",
        help: "write nn.norm \"layer\", or give the model norm = \"layer\"; \"none\" means no norm")
    }
    if spec.name == NormSpec.noneName { return x }
    let axes = options.ints("axis") ?? [-1]
    let layout = try TensorLayout(shape: [plan.batch] + x.shape, axis: axes)
    let layer = try NormLayer(spec, in: plan.registry, channelShape: layout.channelShape)
    let kernel: any NormKernel
    do throws(NormaError) {
      kernel = try layer.kernel(
        for: layout, mode: plan.mode, executor: plan.executor, gradient: plan.isTraining)
    } catch {
      throw error.at(spec.place)
    }
    var parameters: [StateEntry] = []
    for tensor in layer.parameters {
      parameters.append(
        try plan.parameter(
          tensor.spec.name, shape: tensor.shape, role: tensor.spec.role,
          .constant(tensor.initialValue)))
    }
    var buffers: [StateEntry] = []
    for tensor in layer.buffers {
      buffers.append(
        try plan.buffer(
          tensor.spec.name, shape: tensor.shape, role: tensor.spec.role,
          initial: tensor.initialValue))
    }
    let path = plan.layer.path
    // The executor is known only when all kernels are built.
    plan.norms.append {
      NormUse(
        layer: path, name: layer.entry.schema.name, hyper: layer.hyper,
        source: layer.entry.source, executor: kernel.executor)
    }
    let need = kernel.memory(threads: plan.threads)
    let saved = plan.saved(bytes: need.savedBytes)
    let workspace = plan.slot(bytes: need.workspaceBytes, at: plan.now)
    let backWorkspace =
      plan.isTraining ? plan.slot(bytes: need.workspaceBytes, at: plan.back) : workspace
    return plan.operation(on: x, output: x.shape, keepsInput: true) { memory, x, y in
      var call = KernelCall()
      call.inputs = [UnsafePointer(memory.floats(x.data))]
      call.parameters = parameters.map { UnsafePointer(memory.state.value($0)) }
      call.buffers = buffers.map { memory.state.value($0) }
      call.hyper = layer.realHyper
      call.output = memory.floats(y.data)
      call.outputGradient = memory.floats(y.gradient).map { UnsafePointer($0) }
      call.inputGradients = [memory.floats(x.gradient)]
      if y.gradient != nil {
        call.parameterGradients = parameters.map { memory.state.gradient($0) }
      }
      call.saved = memory.raw(saved)
      call.workspace = memory.raw(workspace)
      call.threads = memory.threads
      var back = call
      back.workspace = memory.raw(backWorkspace)
      return NormOperation(kernel, forward: call, backward: back)
    }
  }
}

private final class NormOperation: Operation {
  private let kernel: any NormKernel
  private let forwardCall: KernelCall
  private let backwardCall: KernelCall

  init(_ kernel: any NormKernel, forward: KernelCall, backward: KernelCall) {
    self.kernel = kernel
    forwardCall = forward
    backwardCall = backward
  }

  func forward(_ run: Run) throws(NormaError) { try kernel.forward(forwardCall) }
  func backward(_ run: Run) throws(NormaError) { try kernel.backward(backwardCall) }
}
