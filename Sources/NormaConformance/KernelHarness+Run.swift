public import NormaCore
import NormaNorms

extension KernelHarness {
  /// Runs the forward pass on the present inputs, parameters and buffers.
  ///
  /// - Throws: `usage` when an array has the wrong number of values; what the kernel throws.
  public func forward() throws(NormaError) {
    for (name, tensor) in zip(inputNames, memory.inputs) {
      try place(inputs[name], in: tensor, as: "input '\(name)'")
    }
    for (state, tensor) in zip(layer.parameters, memory.parameters) {
      try place(parameters[state.spec.name], in: tensor, as: "parameter '\(state.spec.name)'")
    }
    for (state, tensor) in zip(layer.buffers, memory.buffers) {
      try place(buffers[state.spec.name], in: tensor, as: "buffer '\(state.spec.name)'")
    }
    memory.output.memory.spoil()
    memory.saved.spoil()
    memory.workspace.spoil(withZeros: findsZeros)
    memory.protect(true, buffers: mode == .infer, output: false)
    defer { memory.protect(false, buffers: mode == .infer, output: false) }
    try kernel.forward(call())
    inspect("forward", buffersMayChange: mode == .train)
    y = memory.output.values
    for (state, tensor) in zip(layer.buffers, memory.buffers) {
      buffers[state.spec.name] = tensor.values
    }
  }

  /// Runs the backward pass of the last `forward` from the gradient of `y`.
  ///
  /// - Parameter accumulate: whether parameter gradients are added to `parameterGradients`.
  /// - Throws: `usage` when an array has the wrong number of values; what the kernel throws.
  public func backward(_ gradient: [Float], accumulate: Bool = false) throws(NormaError) {
    guard !memory.inputGradients.isEmpty else {
      throw NormaError(
        .usage, "this harness was built without gradients", help: "build it with gradient: true")
    }
    try place(gradient, in: memory.outputGradient, as: "the gradient of 'y'")
    for tensor in memory.inputGradients { tensor.memory.spoil() }
    for (state, tensor) in zip(layer.parameters, memory.parameterGradients) {
      tensor.memory.spoil()
      guard accumulate else { continue }
      let name = state.spec.name
      try place(parameterGradients[name], in: tensor, as: "the gradient of '\(name)'")
    }
    memory.workspace.spoil(withZeros: findsZeros)
    var call = call()
    call.accumulate = accumulate
    let tracks = mode == .train && layer.entry.provider.definition?.hasBackward == true
    memory.protect(true, buffers: !tracks, output: true)
    defer { memory.protect(false, buffers: !tracks, output: true) }
    try kernel.backward(call)
    inspect("backward", buffersMayChange: tracks)
    if tracks {
      for (state, tensor) in zip(layer.buffers, memory.buffers) {
        buffers[state.spec.name] = tensor.values
      }
    }
    if !memory.outputGradient.holds(gradient) {
      violations.append("backward: the gradient of 'y' was written")
    }
    if !memory.output.holds(y) { violations.append("backward: 'y' was written") }
    for (name, tensor) in zip(inputNames, memory.inputGradients) {
      inputGradients[name] = unwantedGradients.contains(name) ? nil : tensor.values
    }
    for (state, tensor) in zip(layer.parameters, memory.parameterGradients)
    where !unwantedGradients.contains(state.spec.name) {
      parameterGradients[state.spec.name] = tensor.values
    }
  }

  /// The call as the kernel gets it; its pointers live as long as the harness.
  ///
  /// For timing: after one `forward` and `backward` with values, `kernel.forward(harness.call())` runs
  /// again on the same memory without copies or checks.
  public func call() -> KernelCall {
    var call = KernelCall()
    call.inputs = memory.inputs.map { UnsafePointer($0.pointer) }
    call.parameters = memory.parameters.map { UnsafePointer($0.pointer) }
    call.buffers = memory.buffers.map(\.pointer)
    call.hyper = hyper
    call.output = memory.output.pointer
    call.outputGradient = UnsafePointer(memory.outputGradient.pointer)
    call.inputGradients = zip(inputNames, memory.inputGradients).map {
      unwantedGradients.contains($0) ? nil : $1.pointer
    }
    call.parameterGradients = zip(layer.parameters, memory.parameterGradients).map {
      unwantedGradients.contains($0.spec.name) ? nil : $1.pointer
    }
    call.saved = memory.saved.start
    call.workspace = memory.workspace.start
    call.threads = threads
    return call
  }

  private func place(
    _ values: [Float]?, in tensor: GuardedTensor, as name: String
  ) throws(NormaError) {
    guard let values, values.count == tensor.count else {
      throw NormaError(
        .usage, "\(name) needs \(tensor.count) values, got \(values?.count ?? 0)",
        notes: ["the input has shape \(layout.shape), channel axes \(layout.channelAxes)"])
    }
    tensor.set(values)
  }

  /// Lists every write outside the tensors the call may write.
  private func inspect(_ pass: String, buffersMayChange: Bool) {
    func guards(_ name: String, _ memory: GuardedMemory) {
      let damage = memory.damage
      if damage.before { violations.append("\(pass): wrote before the start of \(name)") }
      if damage.after { violations.append("\(pass): wrote past the end of \(name)") }
    }
    func tensor(_ name: String, _ tensor: GuardedTensor, unchanged values: [Float]? = nil) {
      guards(name, tensor.memory)
      if tensor.gapsAreDamaged { violations.append("\(pass): wrote between elements of \(name)") }
      if let values, !tensor.holds(values) { violations.append("\(pass): \(name) was written") }
    }
    for (name, t) in zip(inputNames, memory.inputs) {
      tensor("input '\(name)'", t, unchanged: inputs[name])
    }
    for (name, t) in zip(inputNames, memory.inputGradients) {
      tensor("the gradient of '\(name)'", t)
    }
    for (state, t) in zip(layer.parameters, memory.parameters) {
      tensor("parameter '\(state.spec.name)'", t, unchanged: parameters[state.spec.name])
    }
    for (state, t) in zip(layer.parameters, memory.parameterGradients) {
      tensor("the gradient of '\(state.spec.name)'", t)
    }
    for (state, t) in zip(layer.buffers, memory.buffers) {
      tensor(
        "buffer '\(state.spec.name)'", t,
        unchanged: buffersMayChange ? nil : buffers[state.spec.name])
    }
    tensor("'y'", memory.output)
    tensor("the gradient of 'y'", memory.outputGradient)
    guards("the saved values", memory.saved)
    guards("the workspace", memory.workspace)
  }
}
