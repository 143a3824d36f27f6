import NormaGraph
import NormaSystem
public import NormaCore
public import NormaNorms

/// A built norm with all the memory its kernel needs, set and read as plain arrays in C order.
///
/// ```swift
/// let harness = try KernelHarness(layer: layer, layout: layout, mode: .train)
/// harness.x = values
/// try harness.forward()            // harness.y, harness.buffers
/// try harness.backward(gradient)   // harness.inputGradients["x"], harness.parameterGradients["gamma"]
/// ```
/// Parameters and buffers start at their initial values. Every piece of memory stands between guard
/// zones; outputs, saved values and workspace are filled with NaN before a call. What a kernel did
/// that it must not do is listed in `violations`. Use a harness from one thread.
public final class KernelHarness {
  /// The norm.
  public let layer: NormLayer
  /// The shape and strides of `x`, `y` and their gradients.
  public let layout: TensorLayout
  /// Training or inference.
  public let mode: Mode
  /// What runs.
  public let kernel: any NormKernel
  /// How many threads a call may use.
  public let threads: Int

  /// The input tensors by name, `x` among them.
  public var inputs: [String: [Float]] = [:]
  /// The parameters by name.
  public var parameters: [String: [Float]] = [:]
  /// The buffers by name; after `forward` in training, the new values.
  public var buffers: [String: [Float]] = [:]
  /// The values of the real hyper-parameters, in the order of the schema.
  public var hyper: [Double]
  /// The inputs and parameters whose gradient `backward` is not asked for.
  public var unwantedGradients: Set<String> = []
  /// Whether a call finds zeros in its workspace rather than NaN: no result may tell.
  var findsZeros = false

  /// The output of the last `forward`.
  public internal(set) var y: [Float] = []
  /// The gradients of the inputs from the last `backward`.
  public internal(set) var inputGradients: [String: [Float]] = [:]
  /// The gradients of the parameters from the last `backward`; what it adds to when told to accumulate.
  public var parameterGradients: [String: [Float]] = [:]
  /// What the kernel did to memory that is not its own, one sentence each.
  public internal(set) var violations: [String] = []

  let inputNames: [String]
  let memory: Memory

  /// Builds the kernel and allocates.
  ///
  /// - Parameters:
  ///   - gradient: whether `backward` will be called; a norm without one is built for inference.
  ///   - shift: how many floats the tensors lie off 64-byte alignment.
  ///   - staggered: whether `y`, `dy` and the gradients of inputs as large as `x` begin further and
  ///     further in a page than `x`, as in a network. Else all begin at the same place.
  ///   - wall: where memory begins that ends the process when touched; what a call must not write is then
  ///     protected from it.
  ///   - shared: the kernel of another harness of the same layer, layout and mode.
  /// - Throws: what the norm throws when it refuses the shape; `usage` for negative strides; `failure`
  ///   when the system has no such memory.
  public init(
    layer: NormLayer, layout: TensorLayout, mode: Mode, executor: Executor = .tiles,
    threads: Int = 1, gradient: Bool = true, shift: Int = 0, staggered: Bool = false,
    wall: MemoryWall = .none, sharing shared: (any NormKernel)? = nil
  ) throws(NormaError) {
    guard layout.strides.allSatisfy({ $0 >= 0 }) else {
      throw NormaError(
        .usage, "strides \(layout.strides) run backwards", help: "give strides of 0 or more")
    }
    let gradient = gradient && layer.entry.provider.givesGradients
    if let shared {
      kernel = shared
    } else {
      kernel = try layer.kernel(for: layout, mode: mode, executor: executor, gradient: gradient)
    }
    executor.settle()
    self.layer = layer
    self.layout = layout
    self.mode = mode
    self.threads = max(threads, 1)
    hyper = layer.realHyper
    let second = layer.entry.schema.inputs.filter { $0.name != "x" }
    // How roles are split matters only to inputs that lack some; inference may split nothing.
    let splits =
      second.allSatisfy { $0.roles == .all }
      ? Splits()
      : try layer.entry.provider.splits(layer.hyper, channels: layout.channelCount)
    let extents = try splits.extents(
      batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
    inputNames = ["x"] + second.map(\.name)
    var tensors = [try GuardedTensor(layout, shift: 4 * shift, wall: wall)]
    for input in second {
      tensors.append(
        input.roles == .all
          ? try GuardedTensor(layout, shift: 4 * shift, wall: wall)
          : try GuardedTensor(count: extents.count(input.roles), shift: 4 * shift, wall: wall))
    }
    memory = try Memory(
      inputs: tensors, layer: layer, layout: layout, request: kernel.memory(threads: self.threads),
      gradient: gradient, shift: 4 * shift, staggered: staggered, wall: wall)
    for (name, tensor) in zip(inputNames, tensors) {
      inputs[name] = [Float](repeating: 0, count: tensor.count)
    }
    for state in layer.parameters {
      parameters[state.spec.name] = [Float](
        repeating: Float(state.initialValue), count: state.count)
      parameterGradients[state.spec.name] = [Float](repeating: 0, count: state.count)
    }
    for state in layer.buffers {
      buffers[state.spec.name] = [Float](repeating: Float(state.initialValue), count: state.count)
    }
  }

  /// The main input, in C order.
  public var x: [Float] {
    get { inputs["x"] ?? [] }
    set { inputs["x"] = newValue }
  }

  /// The gradient of `x` from the last `backward`.
  public var inputGradient: [Float] { inputGradients["x"] ?? [] }
}

extension KernelHarness {
  /// Everything a call points at.
  struct Memory {
    let inputs: [GuardedTensor]
    let parameters: [GuardedTensor]
    let buffers: [GuardedTensor]
    let output: GuardedTensor
    let outputGradient: GuardedTensor
    let inputGradients: [GuardedTensor]
    let parameterGradients: [GuardedTensor]
    let saved: GuardedMemory
    let workspace: GuardedMemory

    init(
      inputs: [GuardedTensor], layer: NormLayer, layout: TensorLayout, request: KernelMemory,
      gradient: Bool, shift: Int, staggered: Bool, wall: MemoryWall
    ) throws(NormaError) {
      var further = 0
      func plain(_ count: Int) throws(NormaError) -> GuardedTensor {
        try GuardedTensor(count: count, shift: shift, wall: wall)
      }
      func laid() throws(NormaError) -> GuardedTensor {
        if staggered { further += TensorMemory.apart }
        return try GuardedTensor(layout, shift: shift + further, wall: wall)
      }
      self.inputs = inputs
      func plain(_ states: [StateTensor]) throws(NormaError) -> [GuardedTensor] {
        var tensors: [GuardedTensor] = []
        for state in states { tensors.append(try plain(state.count)) }
        return tensors
      }
      parameters = try plain(layer.parameters)
      buffers = try plain(layer.buffers)
      output = try laid()
      // Without a backward pass its tensors would only cost memory.
      outputGradient = gradient ? try laid() : try GuardedTensor(count: 0)
      var gradients: [GuardedTensor] = []
      for (index, tensor) in inputs.enumerated() where gradient {
        gradients.append(
          index == 0 || tensor.count == layout.count ? try laid() : try plain(tensor.count))
      }
      inputGradients = gradients
      parameterGradients = gradient ? try plain(layer.parameters) : []
      saved = try GuardedMemory(bytes: request.savedBytes, wall: wall, alignment: 64)
      workspace = try GuardedMemory(bytes: request.workspaceBytes, wall: wall, alignment: 64)
    }

    /// Lets a call write only what it may, where there are walls.
    func protect(_ isProtected: Bool, buffers: Bool, output isOutputRead: Bool) {
      var read = inputs + parameters
      if buffers { read += self.buffers }
      if isOutputRead { read += [output, outputGradient] }
      for tensor in read { tensor.memory.protect(isProtected) }
      if isOutputRead { saved.protect(isProtected) }
    }
  }
}
