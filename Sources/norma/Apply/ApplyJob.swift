import NormaCompiler
import NormaCore
import NormaData
import NormaNorms
import NormaSystem

/// A norm and checked arrays to run it on.
struct ApplyJob {
  /// What a run produced.
  struct Results {
    let executor: String
    let arrays: [ResultArray]
  }

  let layer: NormLayer
  let layout: TensorLayout
  let mode: Mode
  private let inputPath: String
  private let x: NPYArray
  private let second: [(name: String, shape: [Int], array: NPYArray)]
  private let outputGradient: NPYArray?
  private let parameters: [Numbers]
  private let buffers: [Numbers]

  /// Reads the files and checks them against the norm.
  ///
  /// - Throws: `input_missing`, `data` or `usage`, naming the file or option, the value and the
  ///   remedy.
  init(
    spec: NormSpec, registry: NormRegistry, input: String, grad: String?,
    second: [(name: String, value: String)], parameters: [(name: String, value: String)],
    buffers: [(name: String, value: String)],
    axis: [Int], mode: Mode
  ) throws(NormaError) {
    // The norm's name and settings are checked before files that may be large are read.
    let schema = try registry.entry(spec.name).schema
    _ = try schema.resolve(spec.hyper, preset: spec.preset)
    let names = schema.inputs.map(\.name)
    for (name, _) in second where !names.contains(name) {
      throw NormaError(
        .usage,
        "norm.\(schema.name): no second input '\(name)'"
          + Suggestion.phrase(for: name, among: names)
          + (names.isEmpty
            ? "   (it has none)" : "   (it has: \(names.joined(separator: ", ")))"))
    }
    let x = try Self.read(input)
    guard (1...8).contains(x.shape.count) else {
      throw NormaError(
        .data, "'\(input)' has rank \(x.shape.count), expected 1 to 8",
        help: "reshape it in Python: array.reshape(1, -1)")
    }
    guard Settings.isAddressable(x.shape) else {
      throw NormaError(
        .data, "'\(input)' has shape \(x.shape), whose axes are larger than any memory",
        help: "give an array with smaller axes")
    }
    let layout: TensorLayout
    do throws(NormaError) {
      layout = try TensorLayout(shape: x.shape, axis: axis)
    } catch {
      throw error.prefixed("'\(input)'")
    }
    let layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
    if let grad {
      let array = try Self.read(grad)
      guard array.shape == x.shape else {
        throw NormaError(
          .data, "'\(grad)' has shape \(array.shape), but '\(input)' has shape \(x.shape)",
          help: "the gradient has the shape of the input")
      }
      outputGradient = array
    } else {
      outputGradient = nil
    }
    var others: [(name: String, shape: [Int], array: NPYArray)] = []
    for input in schema.inputs {
      let (name, roles) = (input.name, input.roles)
      let shape = layout.shape(along: roles)
      guard let file = second.first(where: { $0.name == name })?.value else {
        throw NormaError(
          .usage, "norm.\(schema.name) needs a second input '\(name)' of shape \(shape)",
          help: "give it: --second \(name)=FILE.npy")
      }
      let array = try Self.read(file)
      guard array.shape == shape else {
        throw NormaError(
          .data, "'\(file)' has shape \(array.shape), but the input '\(name)' needs \(shape)",
          help: "it varies along \(roles == .all ? "everything that x does" : "\(roles)")")
      }
      try input.check(array.doubles, "'\(file)'")
      others.append((name, shape, array))
    }
    self.second = others
    self.parameters = try Self.values(
      of: layer.parameters, declared: schema.parameters, from: parameters, kind: "parameter",
      norm: schema.name)
    self.buffers = try Self.values(
      of: layer.buffers, declared: schema.buffers, from: buffers, kind: "buffer",
      norm: schema.name)
    self.layer = layer
    self.layout = layout
    self.mode = mode
    self.inputPath = input
    self.x = x
  }

  private static func read(_ path: String) throws(NormaError) -> NPYArray {
    do throws(NormaError) {
      return try NPY.readFloating(path)
    } catch {
      var error = error
      error.help = error.help ?? "give the path of a file that numpy.save wrote"
      throw error
    }
  }

  /// The values of each tensor: its file's, else its initial value.
  private static func values(
    of tensors: [StateTensor], declared: [StateSpec],
    from files: [(name: String, value: String)], kind: String, norm: String
  ) throws(NormaError) -> [Numbers] {
    let names = tensors.map(\.spec.name)
    for (name, _) in files where !names.contains(name) {
      if let spec = declared.first(where: { $0.name == name }), let condition = spec.when {
        throw NormaError(
          .usage, "norm.\(norm): \(kind) '\(name)' is absent because '\(condition)' is false",
          help: "leave it out, or give --hyper \(condition)=true")
      }
      throw NormaError(
        .usage,
        "norm.\(norm): no \(kind) '\(name)'\(Suggestion.phrase(for: name, among: names))"
          + (names.isEmpty
            ? "   (it has none)" : "   (it has: \(names.joined(separator: ", ")))"))
    }
    var values: [Numbers] = []
    for tensor in tensors {
      guard let file = files.first(where: { $0.name == tensor.spec.name })?.value else {
        values.append(.repeated(tensor.initialValue, count: tensor.count))
        continue
      }
      let array = try Self.read(file)
      guard array.shape == tensor.shape || array.shape == [tensor.count] else {
        throw NormaError(
          .data,
          "'\(file)' has shape \(array.shape), but \(kind) '\(tensor.spec.name)' of norm.\(norm)"
            + " has shape \(tensor.shape)",
          help: "--axis says which axes are channels; their sizes are the shape"
            + (tensor.shape.count > 1 ? ", or flattened [\(tensor.count)]" : ""))
      }
      values.append(.file(array))
    }
    return values
  }

  /// The norm on the input's shape.
  func kernel(executor: Executor) throws(NormaError) -> any NormKernel {
    try layer.kernel(
      for: layout, mode: mode, executor: executor, gradient: outputGradient != nil)
  }

  /// Computes everything that is written.
  func run(
    _ kernel: any NormKernel, executor: Executor, threads: Int
  ) throws(NormaError) -> Results {
    let wantsGradient = outputGradient != nil
    // What was read, what goes in and comes out, a copy of that, and the file that is written.
    let copies = wantsGradient ? 9 : 5
    try MachineMemory.require(
      4 * copies * layout.count, for: "the norm", help: "apply it to a part of the array at a time")
    if executor.isReference, let definition = layer.entry.provider.definition {
      // The kernel takes float32; its evaluator takes the files' numbers as they are.
      let program = try definition.program(
        hyper: layer.hyper, channels: layout.channelCount, mode: mode, gradient: wantsGradient)
      let reference = try Reference(program: program, layout: layout)
      warnOfSquares()
      return Results(executor: kernel.executor, arrays: evaluate(reference))
    }
    return Results(executor: kernel.executor, arrays: try evaluate(kernel, threads: threads))
  }

  private func evaluate(_ reference: Reference) -> [ResultArray] {
    let values = Reference.Values(
      inputs: [x.doubles] + second.map(\.array.doubles), parameters: parameters.map(\.doubles),
      buffers: buffers.map(\.doubles),
      hyper: layer.realHyper, outputGradient: outputGradient?.doubles ?? [])
    var results = reference.forward(values)
    if outputGradient != nil {
      results.merge(reference.backward(values)) { first, _ in first }
    }
    return arrays { name in
      switch name {
      case .output: results["y"]?.map { Float($0) }
      case .inputGradient(0): results["input:x"]?.map { Float($0) }
      case .inputGradient(let i):
        (results["second:" + second[i - 1].name] ?? results["input:" + second[i - 1].name])?
          .map { Float($0) }
      case .parameterGradient(let i):
        results["parameter:" + layer.parameters[i].spec.name]?.map { Float($0) }
      case .buffer(let i):
        results["buffer:" + layer.buffers[i].spec.name]?.map { Float(saturating: $0) }
          ?? buffers[i].floats
      }
    }
  }

  private func evaluate(
    _ kernel: any NormKernel, threads: Int
  ) throws(NormaError) -> [ResultArray] {
    let input = try TensorMemory(x.floats)
    warnOfOverflow(input)
    let output = try TensorMemory(bytes: 4 * layout.count)
    let state = try TensorMemory.copies(of: parameters.map(\.floats))
    let running = try TensorMemory.copies(of: buffers.map(\.floats))
    let others = try TensorMemory.copies(of: second.map(\.array.floats))
    let request = kernel.memory(threads: threads)
    let saved = try TensorMemory(bytes: request.savedBytes)
    let workspace = try TensorMemory(bytes: request.workspaceBytes)
    var call = KernelCall()
    call.inputs = ([input] + others).map { UnsafePointer($0.floats) }
    call.parameters = state.map { UnsafePointer($0.floats) }
    call.buffers = running.map(\.floats)
    call.hyper = layer.realHyper
    call.output = output.floats
    call.saved = saved.start
    call.workspace = workspace.start
    call.threads = threads
    try kernel.forward(call)
    var (leaving, stateGradients): ([TensorMemory], [TensorMemory]) = ([], [])
    if let outputGradient {
      let arriving = try TensorMemory(outputGradient.floats)
      leaving = try TensorMemory.zeros(like: [input] + others)
      stateGradients = try TensorMemory.zeros(like: state)
      call.outputGradient = UnsafePointer(arriving.floats)
      call.inputGradients = leaving.map(\.floats)
      call.parameterGradients = stateGradients.map(\.floats)
      try withExtendedLifetime(arriving) { () throws(NormaError) in try kernel.backward(call) }
    }
    // The call holds bare pointers; their owners must outlive it.
    return withExtendedLifetime((input, others, state, saved, workspace)) {
      arrays { name in
        switch name {
        case .output: output.values
        case .inputGradient(let i): leaving[i].values
        case .parameterGradient(let i): stateGradients[i].values
        case .buffer(let i): running[i].values
        }
      }
    }
  }

  private enum ResultName {
    case output
    /// That of `x`, then of the second inputs.
    case inputGradient(Int)
    case parameterGradient(Int)
    case buffer(Int)
  }

  /// Names and shapes of the results, which all executors share.
  private func arrays(_ values: (ResultName) -> [Float]?) -> [ResultArray] {
    var arrays: [ResultArray] = []
    func add(_ name: String, _ shape: [Int], _ result: ResultName) {
      guard let values = values(result) else { return }
      arrays.append(ResultArray(name: name, shape: shape, values: values))
    }
    add("y", layout.shape, .output)
    if outputGradient != nil {
      add("grad_input", layout.shape, .inputGradient(0))
      for (i, input) in second.enumerated() {
        add("grad_" + input.name, input.shape, .inputGradient(i + 1))
      }
      for (i, tensor) in layer.parameters.enumerated() {
        add("grad_" + tensor.spec.name, tensor.shape, .parameterGradient(i))
      }
    }
    if mode == .train {
      for (i, tensor) in layer.buffers.enumerated() {
        add("buffer_" + tensor.spec.name, tensor.shape, .buffer(i))
      }
    }
    return arrays
  }

  /// Warns where numbers came out that are none, though all that went in are, and where a float32 cannot
  /// hold a buffer.
  func warnOfLosses(in results: Results) {
    let asFloats = results.executor != Executor.reference.name
    let given = [x] + second.map(\.array) + [outputGradient].compactMap { $0 }
    guard given.allSatisfy({ $0.isFinite(asFloats: asFloats) }),
      (parameters + buffers).allSatisfy({ $0.isFinite(asFloats: asFloats) })
    else { return }
    for array in results.arrays {
      func warn(of count: Int, _ what: String, _ help: String) {
        guard count > 0 else { return }
        Failure.warn(
          NormaError(
            .data, "\(count) of the \(array.values.count) values of \(array.name).npy \(what)",
            help: help))
      }
      warn(
        of: array.values.count { !$0.isFinite },
        "are no finite numbers, though all that went in is finite",
        "see whether a buffer, parameter or setting fits the formula: norma norms show"
          + " \(layer.entry.schema.name)")
      warn(
        of: array.values.count { abs($0) == .greatestFiniteMagnitude },
        "are beyond float32, whose largest number stands for them", "scale the input down")
    }
  }

  /// Squares of such numbers are beyond float64.
  private func warnOfSquares() {
    guard case .float64(let doubles) = x.values else { return }
    let large = doubles.count { $0.isFinite && abs($0) > 1e150 }
    guard large > 0 else { return }
    Failure.warn(
      NormaError(
        .data,
        "\(large) of the \(doubles.count) values in '\(inputPath)' are so large that sums of"
          + " their squares are beyond float64", help: "scale them down"))
  }

  private func warnOfOverflow(_ input: TensorMemory) {
    guard case .float64(let doubles) = x.values else { return }
    let lost = doubles.indices.count { doubles[$0].isFinite && !input.floats[$0].isFinite }
    guard lost > 0 else { return }
    Failure.warn(
      NormaError(
        .data, "\(lost) of the \(doubles.count) values in '\(inputPath)' are beyond float32",
        help: "scale them down, or compute in float64: --executor reference"))
  }
}
