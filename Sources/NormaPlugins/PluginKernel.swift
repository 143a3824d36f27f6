import CNormaABI
import Glibc
import NormaCore
import NormaNorms

/// A plugin's norm on a concrete tensor: fills the interface's call from the owner's memory.
///
/// Empty tensors never reach the plugin: their output is empty and all gradients are zero.
struct PluginKernel: NormKernel {
  private enum Slot { case parameter(Int), buffer(Int), absent }
  private enum Pass { case forward, backward }

  private let norm: PluginNorm
  private let speaker: Speaker
  private let instance: PluginInstance
  private let layouts: KernelLayouts
  private let layout: TensorLayout
  private let mode: Mode
  private let gradient: Bool
  private let slots: [Slot]
  private let parameterCount: Int
  private let bufferCount: Int
  private let hyperCount: Int
  private let savedBytes: Int
  private let workspaceBytes: Int
  private let scratchStride: Int

  var executor: String { norm.identity.id }
  var planDescription: String? {
    "compiled by \(norm.identity.id) \(norm.identity.version); saved \(savedBytes) B, workspace"
      + " \(workspaceBytes) B, scratch \(scratchStride) B a thread"
  }

  init(_ norm: PluginNorm, _ request: KernelRequest) throws(NormaError) {
    let descriptor = norm.descriptor
    self.norm = norm
    speaker = norm.speaker
    layout = request.layout
    mode = request.mode
    gradient = request.gradient
    let channels = request.layout.channelCount
    try norm.requireConstraints(request.hyper, channels: channels)
    instance = try PluginInstance(norm, hyper: request.hyper, channels: channels)
    layouts = KernelLayouts(
      x: request.layout, inputs: norm.schema.inputs.map(\.roles),
      states: descriptor.states.map(\.roles), groups: norm.groupCount(request.hyper) ?? 1)
    var parameters = 0
    var buffers = 0
    var slots: [Slot] = []
    for (state, learned) in zip(descriptor.states, descriptor.isParameter) {
      guard state.isPresent(request.hyper) else {
        slots.append(.absent)
        continue
      }
      slots.append(learned ? .parameter(parameters) : .buffer(buffers))
      if learned { parameters += 1 } else { buffers += 1 }
    }
    self.slots = slots
    parameterCount = parameters
    bufferCount = buffers
    hyperCount = norm.schema.hyper.count { $0.isReal }
    guard request.layout.count > 0 else {
      (savedBytes, workspaceBytes, scratchStride) = (0, 0, 0)
      return
    }
    let plan = try Self.plan(
      norm, instance, layouts, mode: request.mode, gradient: request.gradient)
    let limit = UInt64(sysconf(Int32(_SC_PHYS_PAGES))) * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    let most = max(plan.saved_bytes, plan.workspace_bytes, plan.thread_scratch_bytes)
    guard most < limit else {
      throw NormaError(
        .unavailable,
        "norm.\(norm.schema.name) asks for \(most) bytes of memory, and this machine has \(limit)",
        notes: ["plugin \(norm.identity.id) \(norm.identity.version)"])
    }
    savedBytes = Int(plan.saved_bytes)
    workspaceBytes = Int(plan.workspace_bytes)
    scratchStride = (Int(plan.thread_scratch_bytes) + 63) / 64 * 64
  }

  private static func plan(
    _ norm: PluginNorm, _ instance: PluginInstance, _ layouts: KernelLayouts, mode: Mode,
    gradient: Bool
  ) throws(NormaError) -> norma_plan {
    var plan = norma_plan.sized()
    try norm.speaker.check("plan") { error in
      layouts.views.withUnsafeBufferPointer { views in
        let inputs = views.baseAddress
        let states = inputs.map { $0 + layouts.inputCount }
        var call = norma_call.sized()
        call.mode = mode == .train ? NORMA_MODE_TRAIN : NORMA_MODE_INFER
        call.flags = gradient ? NORMA_CALL_GRADIENT : 0
        call.input_count = UInt32(layouts.inputCount)
        call.state_count = UInt32(layouts.stateCount)
        call.inputs = inputs
        call.states = states
        call.output = inputs
        call.output_gradient = inputs
        call.input_gradients = inputs
        call.state_gradients = states
        return norm.descriptor.norm.plan(instance.pointer, &call, &plan, error)
      }
    }
    return plan
  }

  func memory(threads: Int) -> KernelMemory {
    KernelMemory(
      savedBytes: savedBytes, workspaceBytes: scratchOffset + scratchStride * max(threads, 1))
  }

  private var scratchOffset: Int { (workspaceBytes + 63) / 64 * 64 }

  func forward(_ call: KernelCall) throws(NormaError) {
    try require(call, .forward)
    guard layout.count > 0 else { return }
    let function =
      mode == .train ? norm.descriptor.norm.forward_train : norm.descriptor.norm.forward_infer
    try run(call, .forward, "forward", function)
  }

  func backward(_ call: KernelCall) throws(NormaError) {
    guard let function = norm.descriptor.norm.backward else {
      throw norm.unable("give gradients", "use a norm that has a backward function")
    }
    try require(call, .backward)
    guard layout.count > 0 else { return clearGradients(call) }
    try run(call, .backward, "backward", function)
  }

  /// The gradients of an empty tensor: nothing contributed.
  private func clearGradients(_ call: KernelCall) {
    for (view, gradient) in zip(layouts.views.dropFirst(), call.inputGradients.dropFirst()) {
      gradient?.update(repeating: 0, count: Int(view.bytes) / 4)
    }
    guard !call.accumulate else { return }
    for (index, slot) in slots.enumerated() {
      guard case .parameter(let i) = slot, call.parameterGradients.indices.contains(i) else {
        continue
      }
      let view = layouts.views[layouts.inputCount + index]
      call.parameterGradients[i]?.update(repeating: 0, count: Int(view.bytes) / 4)
    }
  }

  /// Throws `internal` when the owner's memory does not match the kernel: a defect of Norma, said
  /// before the plugin would crash on it.
  private func require(_ call: KernelCall, _ pass: Pass) throws(NormaError) {
    let missing: String? =
      if call.inputs.count != layouts.inputCount {
        "\(call.inputs.count) inputs given, \(layouts.inputCount) needed"
      } else if call.parameters.count != parameterCount {
        "\(call.parameters.count) parameters given, \(parameterCount) needed"
      } else if call.buffers.count != bufferCount {
        "\(call.buffers.count) buffers given, \(bufferCount) needed"
      } else if call.hyper.count != hyperCount {
        "\(call.hyper.count) real hyper-parameters given, \(hyperCount) needed"
      } else if call.threads < 1 {
        "\(call.threads) threads given"
      } else if layout.count == 0 {
        nil
      } else if savedBytes > 0, call.saved == nil {
        "no memory for saved values"
      } else if memory(threads: 1).workspaceBytes > 0, call.workspace == nil {
        "no workspace"
      } else if pass == .forward, call.output == nil {
        "no output"
      } else if pass == .backward, call.outputGradient == nil {
        "no output gradient"
      } else if pass == .backward, call.output == nil,
        norm.descriptor.norm.capabilities & UInt64(NORMA_NEEDS_OUTPUT) != 0
      {
        "backward needs the output"
      } else {
        nil
      }
    if let missing {
      throw NormaError(.internal, "norm.\(norm.schema.name): \(missing)")
    }
  }

  private typealias Function =
    @convention(c) (
      UnsafeRawPointer?, UnsafePointer<norma_call>?, UnsafeMutablePointer<norma_error>?
    )
    -> Int32

  /// Builds the call on the stack and makes it.
  private func run(
    _ owner: KernelCall, _ pass: Pass, _ task: StaticString, _ function: Function?
  ) throws(NormaError) {
    guard let function else { return }
    let half = layouts.inputCount + layouts.stateCount
    try speaker.check(task) { error in
      withUnsafeTemporaryAllocation(of: norma_tensor.self, capacity: 2 * half + 2) { tensors in
        guard let base = tensors.baseAddress else { return NORMA_OUT_OF_MEMORY }
        fill(base, half: half, from: owner, pass)
        return owner.hyper.withUnsafeBufferPointer { hyper in
          var call = norma_call.sized()
          if owner.accumulate { call.flags |= NORMA_CALL_ACCUMULATE }
          if gradient { call.flags |= NORMA_CALL_GRADIENT }
          call.mode = mode == .train ? NORMA_MODE_TRAIN : NORMA_MODE_INFER
          call.threads = UInt32(clamping: owner.threads)
          call.hyper_count = UInt32(hyper.count)
          call.input_count = UInt32(layouts.inputCount)
          call.state_count = UInt32(layouts.stateCount)
          call.hyper = hyper.baseAddress
          call.inputs = UnsafePointer(base)
          call.states = UnsafePointer(base + layouts.inputCount)
          call.input_gradients = UnsafePointer(base + half)
          call.state_gradients = UnsafePointer(base + half + layouts.inputCount)
          call.output = UnsafePointer(base + 2 * half)
          call.output_gradient = UnsafePointer(base + 2 * half + 1)
          call.saved = savedBytes > 0 ? owner.saved : nil
          call.workspace = workspaceBytes > 0 ? owner.workspace : nil
          call.thread_scratch = scratchStride > 0 ? owner.workspace.map { $0 + scratchOffset } : nil
          call.thread_scratch_stride = UInt64(scratchStride)
          return function(instance.pointer, &call, error)
        }
      }
    }
  }

  /// Writes the views: inputs, states, their gradients, the output and its gradient.
  private func fill(
    _ base: UnsafeMutablePointer<norma_tensor>, half: Int, from owner: KernelCall, _ pass: Pass
  ) {
    let backward = pass == .backward
    for index in 0..<half {
      (base + index).initialize(to: layouts.views[index])
      (base + half + index).initialize(to: layouts.views[index])
    }
    for index in 0..<layouts.inputCount {
      base[index].data = UnsafeMutableRawPointer(mutating: owner.inputs[index])
      if backward, index < owner.inputGradients.count {
        base[half + index].data = owner.inputGradients[index].map { UnsafeMutableRawPointer($0) }
      }
    }
    for (index, slot) in slots.enumerated() {
      let at = layouts.inputCount + index
      switch slot {
      case .parameter(let i):
        base[at].data = UnsafeMutableRawPointer(mutating: owner.parameters[i])
        if backward, i < owner.parameterGradients.count {
          base[half + at].data = owner.parameterGradients[i].map { UnsafeMutableRawPointer($0) }
        }
      case .buffer(let i): base[at].data = UnsafeMutableRawPointer(owner.buffers[i])
      case .absent: break
      }
    }
    (base + 2 * half).initialize(to: layouts.views[0])
    (base + 2 * half + 1).initialize(to: layouts.views[0])
    base[2 * half].data = owner.output.map { UnsafeMutableRawPointer($0) }
    if backward {
      base[2 * half + 1].data = owner.outputGradient.map { UnsafeMutableRawPointer(mutating: $0) }
    }
  }
}
