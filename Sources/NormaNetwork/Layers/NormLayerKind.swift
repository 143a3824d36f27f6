import NormaCompiler
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
    ], norm: .positional)
  static let takesUnsettled = true

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    guard let spec = options.spec.norm ?? plan.defaultNorm else {
      throw NormaError(
        .usage, "nn.norm: neither the layer nor the model names a norm",
        help: "write nn.norm \"layer\", or give the model norm = \"layer\"; \"none\" means no norm")
    }
    if spec.name == NormSpec.noneName { return x }
    let provider = try plan.registry.entry(spec.name).provider
    let fuses = plan.fusesNeighbours && provider.fusesNeighbours
    let x = fuses ? x : plan.settled(x)
    let fusion = Fusion(
      addsResidual: x.addend != nil, keepsSum: plan.isTraining || x.fork != nil,
      addsSkipGradient: plan.isTraining && x.fork != nil && x.gradient != nil,
      activation: fuses ? plan.takeActivation() : nil)
    let norm = try plan.norm(
      spec, on: x.shape, axis: options.ints("axis") ?? [-1], fusion: fusion)
    let (addend, fork) = (x.addend?.data, x.fork)
    addend?.use(at: plan.now)
    let sum = fusion.keepsSum ? plan.saved(bytes: 4 * plan.batch * x.count) : nil
    fork?.begin(with: sum ?? x.data, back: plan.back)
    // Backward reads the sum where there is one.
    return plan.operation(on: x, output: x.shape, keepsInput: addend == nil) { memory, x, y in
      norm.operation(
        memory, input: x.data, residual: addend, sum: sum, output: y.data,
        inputGradient: x.gradient, outputGradient: y.gradient, sumGradient: fork?.gradient)
    }
  }
}

/// A norm planned into a layer: its kernel, its state and the memory of its own.
struct PlannedNorm {
  fileprivate let layer: NormLayer
  fileprivate let kernel: any NormKernel
  fileprivate let parameters: [StateEntry]
  fileprivate let buffers: [StateEntry]
  fileprivate let saved: Slot
  fileprivate let workspace: Slot
  fileprivate let backWorkspace: Slot

  /// The norm at work from one slot to another, with those of its neighbours that it was planned for.
  func operation(
    _ memory: Memory, input: Slot, residual: Slot? = nil, sum: Slot? = nil, output: Slot,
    inputGradient: Slot?, outputGradient: Slot?, sumGradient: Slot? = nil
  ) -> any Operation {
    var call = KernelCall()
    call.inputs = [UnsafePointer(memory.floats(input))]
    call.parameters = parameters.map { UnsafePointer(memory.state.value($0)) }
    call.buffers = buffers.map { memory.state.value($0) }
    call.hyper = layer.realHyper
    call.residual = memory.floats(residual).map { UnsafePointer($0) }
    call.sum = memory.floats(sum)
    call.sumGradient = memory.floats(sumGradient).map { UnsafePointer($0) }
    call.output = memory.floats(output)
    call.outputGradient = memory.floats(outputGradient).map { UnsafePointer($0) }
    call.inputGradients = [memory.floats(inputGradient)]
    if outputGradient != nil {
      call.parameterGradients = parameters.map { memory.state.gradient($0) }
    }
    call.saved = memory.raw(saved)
    call.workspace = memory.raw(workspace)
    call.threads = memory.threads
    var back = call
    back.workspace = memory.raw(backWorkspace)
    if let sum { back.inputs = [UnsafePointer(memory.floats(sum))] }
    return NormOperation(kernel, forward: call, backward: back)
  }
}

extension Plan {
  /// Plans a norm of values of the given shape; `prefix` tells several norms of one layer apart.
  func norm(
    _ spec: NormSpec, on shape: [Int], axis: [Int], prefix: String = "", fusion: Fusion = Fusion()
  ) throws(NormaError) -> PlannedNorm {
    let layout = try TensorLayout(shape: [batch] + shape, axis: axis)
    let layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
    let kernel: any NormKernel
    do throws(NormaError) {
      kernel = try layer.kernel(
        for: layout, mode: mode, executor: executor, gradient: isTraining, fusion: fusion)
    } catch {
      throw error.at(spec.place)
    }
    var parameters: [StateEntry] = []
    for tensor in layer.parameters {
      parameters.append(
        try parameter(
          prefix + tensor.spec.name, shape: tensor.shape, role: tensor.spec.role,
          .constant(tensor.initialValue)))
    }
    var buffers: [StateEntry] = []
    for tensor in layer.buffers {
      buffers.append(
        try buffer(
          prefix + tensor.spec.name, shape: tensor.shape, role: tensor.spec.role,
          initial: tensor.initialValue))
    }
    let path = ([self.layer.path] + prefix.split(separator: ".").map(String.init))
      .joined(separator: ".")
    // The executor is known only when all kernels are built.
    norms.append {
      NormUse(
        layer: path, name: layer.entry.schema.name, hyper: layer.hyper,
        source: layer.entry.source, fusion: fusion, executor: kernel.executor)
    }
    let need = kernel.memory(threads: threads)
    let workspace = slot(bytes: need.workspaceBytes, at: now)
    return PlannedNorm(
      layer: layer, kernel: kernel, parameters: parameters, buffers: buffers,
      saved: saved(bytes: need.savedBytes), workspace: workspace,
      backWorkspace: isTraining ? slot(bytes: need.workspaceBytes, at: back) : workspace)
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
