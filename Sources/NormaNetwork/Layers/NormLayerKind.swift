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
    guard !provider.schema.isForWeights else {
      throw NormaError(
        .usage, "nn.norm: norm.\(spec.name) is for weights, not for values",
        help: "nn.linear { 10, weight_norm = \"\(spec.name)\" }, or nn.conv")
    }
    let fuses = plan.fusesNeighbours && provider.fusesNeighbours
    let x = fuses ? x : plan.settled(x)
    let fusion = Fusion(
      addsResidual: x.addend != nil, keepsSum: plan.isTraining || x.fork != nil,
      addsSkipGradient: plan.isTraining && x.fork != nil && x.gradient != nil,
      activation: fuses ? plan.takeActivation() : nil)
    let axis = options.ints("axis") ?? [-1]
    let second = try plan.connections(options.spec, to: spec, on: x.shape, axis: axis)
    let norm = try plan.norm(
      spec, on: x.shape, axis: axis, fusion: fusion,
      isBeforeRelu: fusion.activation == .relu || plan.isBeforeRelu)
    let (addend, fork) = (x.addend?.data, x.fork)
    addend?.use(at: plan.now)
    let sum = fusion.keepsSum ? plan.saved(bytes: 4 * plan.batch * x.count) : nil
    fork?.begin(with: sum ?? x.data, back: plan.back)
    // Backward reads the sum where there is one.
    return plan.operation(on: x, output: x.shape, keepsInput: addend == nil) { memory, x, y in
      norm.operation(
        memory, input: x.data, second: second, residual: addend, sum: sum, output: y.data,
        inputGradient: x.gradient, outputGradient: y.gradient, sumGradient: fork?.gradient)
    }
  }
}

/// A norm planned into a layer: its kernel, its state and the memory of its own.
struct PlannedNorm {
  fileprivate let layer: NormLayer
  fileprivate let site: NormObserver.Site
  fileprivate let kernel: any NormKernel
  /// The same norm in double, built only when something went wrong.
  fileprivate let reference: () -> ReferenceKernel?
  fileprivate let parameters: [StateEntry]
  fileprivate let buffers: [StateEntry]
  fileprivate let saved: Slot
  fileprivate let workspace: Slot
  fileprivate let backWorkspace: Slot

  /// The norm at work from one slot to another, with those of its neighbours that it was planned for.
  func operation(
    _ memory: Memory, input: Slot, second: [Connection] = [], residual: Slot? = nil,
    sum: Slot? = nil, output: Slot, inputGradient: Slot?, outputGradient: Slot?,
    sumGradient: Slot? = nil
  ) -> any Operation {
    var call = KernelCall()
    call.inputs = ([input] + second.map(\.data)).map { UnsafePointer(memory.floats($0)) }
    call.residual = memory.floats(residual).map { UnsafePointer($0) }
    call.sum = memory.floats(sum)
    call.sumGradient = memory.floats(sumGradient).map { UnsafePointer($0) }
    call.output = memory.floats(output)
    call.outputGradient = memory.floats(outputGradient).map { UnsafePointer($0) }
    call.inputGradients = ([inputGradient] + second.map(\.gradient)).map { memory.floats($0) }
    return operation(memory, call)
  }

  /// The norm at work on memory that is no slot, such as a weight.
  func operation(
    _ memory: Memory, input: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>,
    inputGradient: UnsafeMutablePointer<Float>?, outputGradient: UnsafeMutablePointer<Float>?
  ) -> any Operation {
    var call = KernelCall()
    call.inputs = [UnsafePointer(input)]
    call.output = output
    call.outputGradient = outputGradient.map { UnsafePointer($0) }
    call.inputGradients = [inputGradient]
    return operation(memory, call)
  }

  private func operation(_ memory: Memory, _ tensors: KernelCall) -> any Operation {
    var call = tensors
    call.parameters = parameters.map { UnsafePointer(memory.state.value($0)) }
    call.buffers = buffers.map { memory.state.value($0) }
    call.hyper = layer.realHyper
    if call.outputGradient != nil {
      call.parameterGradients = parameters.map { memory.state.gradient($0) }
    }
    call.saved = memory.raw(saved)
    call.workspace = memory.raw(workspace)
    call.threads = memory.threads
    var back = call
    back.workspace = memory.raw(backWorkspace)
    if let sum = call.sum { back.inputs[0] = UnsafePointer(sum) }
    return NormOperation(
      kernel, site, forward: call, backward: back, ramps: layer.ramps, reference: reference)
  }
}

extension Plan {
  /// The branches that a norm's second inputs are taken from, in the order of its schema.
  fileprivate func connections(
    _ layer: LayerSpec, to spec: NormSpec, on shape: [Int], axis: [Int]
  ) throws(NormaError) -> [Connection] {
    let inputs = try registry.entry(spec.name).schema.inputs
    // A norm that fills a slot of the model may take less than the one the slot was made for.
    if layer.norm != nil || !inputs.isEmpty {
      for name in layer.connections.keys.sorted() where !inputs.contains(where: { $0.name == name })
      {
        throw NormaError(
          .usage,
          "nn.norm: norm.\(spec.name) has no input '\(name)'"
            + Suggestion.phrase(for: name, among: inputs.map(\.name)))
      }
    }
    var found: [Connection] = []
    for input in inputs {
      let (name, roles) = (input.name, input.roles)
      guard let source = layer.connections[name] else {
        throw NormaError(
          .usage, "nn.norm: norm.\(spec.name) needs an input '\(name)'",
          help: "nn.branch { name = \"a\", ... } before it, then nn.norm {"
            + " \"\(spec.name)\", \(name) = \"a\" }")
      }
      guard let branch = branches[source] else {
        throw NormaError(
          .usage,
          "nn.norm: no branch '\(source)' before it"
            + Suggestion.phrase(for: source, among: branches.keys)
            + (branches.isEmpty
              ? "" : "   (there are: \(branches.keys.sorted().joined(separator: ", ")))"))
      }
      let layout = try TensorLayout(shape: [batch] + shape, axis: axis)
      guard roles.isSuperset(of: .batch) else {
        throw NormaError(
          .usage,
          "nn.norm: the input '\(name)' varies along (\(roles)), but every branch along the"
            + " batch", help: "such inputs are for norma apply")
      }
      let needed = Array(layout.shape(along: roles).dropFirst())
      guard branch.value.shape == needed else {
        throw NormaError(
          .usage,
          "nn.norm: the input '\(name)' of norm.\(spec.name) needs shape \(needed), but the branch"
            + " '\(source)' has \(branch.value.shape)",
          help: "it varies along \(roles == .all ? "everything that x does" : "\(roles)")")
      }
      found.append(branch.connect(in: self))
    }
    return found
  }

  /// Plans a norm of values of the given shape; `prefix` tells several norms of one layer apart.
  func norm(
    _ spec: NormSpec, on shape: [Int], axis: [Int], prefix: String = "", fusion: Fusion = Fusion(),
    isBeforeRelu: Bool = false
  ) throws(NormaError) -> PlannedNorm {
    let layout = try TensorLayout(shape: [batch] + shape, axis: axis)
    return try norm(
      spec, on: layout, prefix: prefix, fusion: fusion, isBeforeRelu: isBeforeRelu)
  }

  /// Plans a norm of a tensor, be it values or a weight.
  func norm(
    _ spec: NormSpec, on layout: TensorLayout, prefix: String, fusion: Fusion = Fusion(),
    isBeforeRelu: Bool = false
  ) throws(NormaError) -> PlannedNorm {
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
        layer: path, name: layer.entry.schema.name, channels: layout.channelCount,
        positions: layout.spaceCount,
        hyper: layer.hyper,
        source: layer.entry.source, schemaVersion: layer.entry.schema.version, fusion: fusion,
        executor: kernel.executor)
    }
    let need = kernel.memory(threads: threads)
    let workspace = slot(bytes: need.workspaceBytes, at: now)
    let extent = layout.channelExtent
    let site = NormObserver.Site(
      layer: path, norm: layer.entry.schema.name, outer: extent.outer, channels: extent.channels,
      inner: extent.inner, activation: fusion.activation,
      isBeforeRelu: isBeforeRelu,
      parameters: parameters, buffers: buffers)
    return PlannedNorm(
      layer: layer, site: site, kernel: kernel,
      reference: { [mode] in
        guard fusion.isEmpty, let definition = layer.entry.provider.definition,
          let program = try? definition.program(
            hyper: layer.hyper, channels: layout.channelCount, mode: mode, gradient: false)
        else { return nil }
        return try? ReferenceKernel(program: program, layout: layout)
      }, parameters: parameters, buffers: buffers,
      saved: saved(bytes: need.savedBytes), workspace: workspace,
      backWorkspace: isTraining ? slot(bytes: need.workspaceBytes, at: back) : workspace)
  }
}

private final class NormOperation: Operation {
  private let kernel: any NormKernel
  private let site: NormObserver.Site
  private var forwardCall: KernelCall
  private var backwardCall: KernelCall
  private let ramps: [(index: Int, ramp: Ramp)]
  private let reference: () -> ReferenceKernel?

  init(
    _ kernel: any NormKernel, _ site: NormObserver.Site, forward: KernelCall, backward: KernelCall,
    ramps: [(index: Int, ramp: Ramp)], reference: @escaping () -> ReferenceKernel?
  ) {
    self.kernel = kernel
    self.site = site
    self.reference = reference
    forwardCall = forward
    backwardCall = backward
    self.ramps = ramps
  }

  func forward(_ run: Run) throws(NormaError) {
    for (index, ramp) in ramps { forwardCall.hyper[index] = ramp.value(at: run.step) }
    guard let observer = run.observer else { return try kernel.forward(forwardCall) }
    let start = ContinuousClock.now
    try kernel.forward(forwardCall)
    observer.forward(
      site, input: forwardCall.sum.map { UnsafePointer($0) } ?? forwardCall.inputs[0],
      output: forwardCall.output, took: .now - start)
  }

  func backward(_ run: Run) throws(NormaError) {
    for (index, ramp) in ramps { backwardCall.hyper[index] = ramp.value(at: run.step) }
    guard let observer = run.observer else { return try kernel.backward(backwardCall) }
    observer.outputGradient(site, backwardCall.outputGradient)
    let start = ContinuousClock.now
    try kernel.backward(backwardCall)
    observer.inputGradient(site, backwardCall.inputGradients[0], took: .now - start)
  }

  func whatIsNotFinite() -> (operation: String, place: SourcePlace?)? {
    reference()?.firstNotFinite(forwardCall)
  }
}
