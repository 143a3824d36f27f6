import CKernels
public import NormaCore
import NormaGraph

/// Runs a program with windows: parts that are compiled like any program, and between them sums over
/// neighbours in temporary tensors.
///
/// Each operand of a window is a part of its own; what windows give is an input of later parts. Backward
/// computes forward's windows again, so that nothing but the inputs is kept.
public final class WindowKernel: NormKernel {
  /// A tensor of a call, or a temporary one.
  private enum Tensor: Hashable {
    case input(Int), outputGradient, residual, sumGradient
    case output, sum, inputGradient(Int)
    case temporary(Int)
  }

  private enum Step {
    /// A kernel, what it reads, and where its tensor goes; nil where its results are small ones alone.
    case part(TilesKernel, [Tensor], Tensor?)
    /// Boxes go axis by axis and need a place between.
    case window(Window, from: Tensor, to: Tensor, between: Tensor)
  }

  private let program: NormProgram
  private let layout: TensorLayout
  private let forwardSteps: [Step]
  private let backwardSteps: [Step]
  private let temporaries: Int

  /// Whether a program sums over neighbours, which then suits the tensor.
  ///
  /// - Throws: `usage` for windows over several channel axes, second inputs along some roles only, or
  ///   running buffers: these do not go with windows.
  public static func isNeeded(
    _ program: NormProgram, _ layout: TensorLayout
  ) throws(NormaError) -> Bool {
    let results = program.forwardResults + program.backwardResults
    guard results.contains(where: \.value.hasWindows) else { return false }
    let windows = try Graph(results).nodes.compactMap { node -> Window? in
      if case .window(let window) = node.kind { window } else { nil }
    }
    guard program.updates.isEmpty, program.backwardUpdates.isEmpty, program.secondInputs.isEmpty
    else {
      throw NormaError(
        .usage, "windows do not go with running buffers or with inputs along some roles only",
        help: "use statistics without windows, or inputs of x's shape")
    }
    guard layout.channelAxes.count == 1 || windows.allSatisfy({ $0.role != .channel }) else {
      throw NormaError(
        .usage, "a window over channels needs one channel axis, not \(layout.channelAxes)",
        help: "which neighbours would a channel of several axes have?")
    }
    return true
  }

  /// Plans a program for a tensor that it suits.
  public init(
    program: NormProgram, layout: TensorLayout, native session: NativeSession? = nil
  ) throws(NormaError) {
    self.program = program
    self.layout = layout
    let dense = try TensorLayout(shape: layout.shape, axis: layout.channelAxes)
    let count = program.forwardResults.count
    let results = try program.fusion.surrounding(program.forwardResults + program.backwardResults)
    var builder = Builder(program, dense, session)
    forwardSteps = try builder.steps(program.fusion.adding(to: Array(results.prefix(count))))
    backwardSteps = try builder.steps(Array(results.dropFirst(count)))
    temporaries = builder.temporaries
  }

  /// Collects the steps of both directions.
  private struct Builder {
    let program: NormProgram
    let layout: TensorLayout
    let session: NativeSession?
    private(set) var temporaries = 0

    init(_ program: NormProgram, _ layout: TensorLayout, _ session: NativeSession?) {
      self.program = program
      self.layout = layout
      self.session = session
    }

    private func tensor(of kind: Expr.Kind) -> Tensor? {
      switch kind {
      case Fusion.residual.kind: .residual
      case Fusion.sumGradient.kind: .sumGradient
      case .outputGradient: .outputGradient
      case .input(let name): program.inputs.firstIndex { $0.name == name }.map(Tensor.input)
      default: nil
      }
    }

    /// Where a result goes; nil for a small one.
    private func target(of result: String) -> Tensor? {
      switch result {
      case "y": .output
      case "sum": .sum
      default:
        program.inputs.firstIndex { "input:" + $0.name == result }.map(Tensor.inputGradient)
      }
    }

    private mutating func newTemporary() -> Tensor {
      temporaries += 1
      return .temporary(temporaries - 1)
    }

    mutating func steps(
      _ results: [(name: String, value: Expr)]
    ) throws(NormaError) -> [Step] {
      guard !results.isEmpty else { return [] }
      let graph = try Graph(results)
      var steps: [Step] = []
      // What each node is made of, with leaves and windows as inputs of a part.
      var rebuilt: [Expr] = []
      var names: [Tensor: String] = [:]
      var tensors: [String: Tensor] = [:]
      func leaf(_ tensor: Tensor) -> Expr {
        let name = names[tensor] ?? "t\(names.count)"
        names[tensor] = name
        tensors[name] = tensor
        let whole = Expr.input(name)
        let grouped = graph.splits.groups.map { whole.group($0) } ?? whole
        return graph.splits.chunkSize.map { grouped.chunk($0) } ?? grouped
      }
      for (index, node) in graph.nodes.enumerated() {
        let operands = node.operands.map { rebuilt[$0] }
        if let tensor = tensor(of: node.kind) {
          rebuilt.append(leaf(tensor))
        } else if case .window(let window) = node.kind {
          let source: Tensor
          if case .input(let name) = operands[0].kind, let known = tensors[name] {
            source = known
          } else {
            source = newTemporary()
            steps.append(try part([("y", operands[0])], tensors, source))
          }
          let (target, between) = (newTemporary(), newTemporary())
          steps.append(.window(window, from: source, to: target, between: between))
          rebuilt.append(leaf(target))
        } else {
          rebuilt.append(graph.rewritten(index, operands))
        }
      }
      var small: [(name: String, value: Expr)] = []
      for output in graph.outputs {
        if let target = target(of: output.name) {
          steps.append(try part([("y", rebuilt[output.node])], tensors, target))
        } else {
          small.append((output.name, rebuilt[output.node]))
        }
      }
      if !small.isEmpty { steps.append(try part(small, tensors, nil)) }
      return steps
    }

    private func part(
      _ results: [(name: String, value: Expr)], _ tensors: [String: Tensor], _ target: Tensor?
    ) throws(NormaError) -> Step {
      let used = Set(
        try Graph(results).nodes.compactMap { node -> String? in
          if case .input(let name) = node.kind { name } else { nil }
        })
      // A part that reads no tensor has the shape of one all the same.
      let inputs = used.isEmpty ? tensors.keys.sorted().prefix(1).map { $0 } : used.sorted()
      let part = NormProgram(partOf: program, inputs: inputs, results: results)
      let kernel = try TilesKernel(program: part, layout: layout, native: session)
      return .part(kernel, inputs.compactMap { tensors[$0] }, target)
    }
  }

  private var kernels: [TilesKernel] {
    (forwardSteps + backwardSteps).compactMap {
      if case .part(let kernel, _, _) = $0 { kernel } else { nil }
    }
  }

  /// `native` when machine code runs every part, else `tiles`.
  public var executor: String {
    kernels.allSatisfy { $0.executor == "native" } ? "native" : "tiles"
  }

  private var tensorBytes: Int { TilePlan.aligned(4 * layout.count) }

  /// Temporaries, dense copies of tensors that are not, and what the parts need.
  public func memory(threads: Int) -> KernelMemory {
    let needs = kernels.map { $0.memory(threads: threads) }
    return KernelMemory(
      savedBytes: 0,
      workspaceBytes: (temporaries + copyCount) * tensorBytes
        + (needs.map(\.workspaceBytes).max() ?? 0))
  }

  /// How many parts and windows each direction has.
  public var planDescription: String? {
    func line(_ steps: [Step]) -> String {
      let windows = steps.count { if case .window = $0 { true } else { false } }
      return "\(steps.count - windows) parts and \(windows) windows between them"
    }
    return """
      runs        \(executor)
      forward     \(line(forwardSteps))
      backward    \(line(backwardSteps)); forward's windows are computed again
      """
  }

  /// Writes the output.
  public func forward(_ call: KernelCall) throws(NormaError) {
    guard layout.count > 0 else { return }
    try run(forwardSteps, call)
  }

  /// Writes the gradients of inputs and parameters.
  public func backward(_ call: KernelCall) throws(NormaError) {
    if layout.count == 0 {
      guard !call.accumulate else { return }
      for (leaf, gradient) in zip(program.parameters, call.parameterGradients) {
        let extents = try program.splits.extents(
          batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
        gradient?.update(repeating: 0, count: extents.count(leaf.roles))
      }
      return
    }
    try run(backwardSteps, call)
  }

  /// Dense copies of what a call may read, and of one result.
  private var copyCount: Int { layout.isContiguous ? 0 : program.inputs.count + 5 }

  private func run(_ steps: [Step], _ call: KernelCall) throws(NormaError) {
    guard let workspace = call.workspace else {
      throw NormaError(.internal, "a kernel was called without workspace")
    }
    func place(_ number: Int) -> UnsafeMutablePointer<Float> {
      (workspace + number * tensorBytes).assumingMemoryBound(to: Float.self)
    }
    func original(_ tensor: Tensor) -> UnsafeMutablePointer<Float>? {
      switch tensor {
      case .input(let i): UnsafeMutablePointer(mutating: call.inputs[i])
      case .outputGradient: call.outputGradient.map { UnsafeMutablePointer(mutating: $0) }
      case .residual: call.residual.map { UnsafeMutablePointer(mutating: $0) }
      case .sumGradient: call.sumGradient.map { UnsafeMutablePointer(mutating: $0) }
      case .output: call.output
      case .sum: call.sum
      case .inputGradient(let i): call.inputGradients[i]
      case .temporary(let i): place(i)
      }
    }
    func isApart(_ tensor: Tensor) -> Bool {
      if case .temporary = tensor { false } else { !layout.isContiguous }
    }
    // The first copy is the result's; tensors that are not dense are copied once, when first read.
    var copies: [Tensor: UnsafeMutablePointer<Float>] = [:]
    func read(_ tensor: Tensor) -> UnsafePointer<Float>? {
      guard let whole = original(tensor) else { return nil }
      guard isApart(tensor) else { return UnsafePointer(whole) }
      if let copy = copies[tensor] { return UnsafePointer(copy) }
      let copy = place(temporaries + 1 + copies.count)
      transfer(whole, copy, gather: true)
      copies[tensor] = copy
      return UnsafePointer(copy)
    }
    for step in steps {
      switch step {
      case .window(let window, let from, let to, let between):
        guard let source = read(from), let target = original(to), let other = original(between)
        else { continue }
        sum(window, source, target, other)
      case .part(let kernel, let inputs, let target):
        let wanted = target.flatMap(original)
        // A result that nobody wants is not made.
        if target != nil, wanted == nil { continue }
        let goesApart = target.map(isApart) ?? false
        var part = KernelCall()
        part.inputs = inputs.compactMap(read)
        part.parameters = call.parameters
        part.buffers = call.buffers
        part.hyper = call.hyper
        part.parameterGradients = call.parameterGradients
        part.accumulate = call.accumulate
        part.output = goesApart ? place(temporaries) : wanted
        part.workspace = workspace + (temporaries + copyCount) * tensorBytes
        part.threads = call.threads
        try kernel.forward(part)
        if goesApart, let wanted { transfer(wanted, place(temporaries), gather: false) }
      }
    }
  }

  /// Sums along the channel axis, or along each axis of space in turn.
  private func sum(
    _ window: Window, _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>,
    _ between: UnsafeMutablePointer<Float>
  ) {
    let axes = window.role == .channel ? layout.channelAxes : layout.spaceAxes
    guard !axes.isEmpty else {
      target.update(from: source, count: layout.count)
      return
    }
    var from = source
    // The last goes to the target.
    var to = axes.count % 2 == 1 ? target : between
    for axis in axes {
      let outer = layout.shape[..<axis].reduce(1, *)
      let inner = layout.shape[(axis + 1)...].reduce(1, *)
      ck_window(
        to, from, Int64(outer), Int64(layout.shape[axis]), Int64(inner), Int64(window.before),
        Int64(window.after))
      from = UnsafePointer(to)
      to = to == target ? between : target
    }
  }

  private func transfer(
    _ spread: UnsafeMutablePointer<Float>, _ packed: UnsafeMutablePointer<Float>, gather: Bool
  ) {
    let shape = layout.shape.map(Int64.init)
    let strides = layout.strides.map(Int64.init)
    if gather {
      ck_gather(packed, spread, Int32(shape.count), shape, strides)
    } else {
      ck_scatter(spread, packed, Int32(shape.count), shape, strides)
    }
  }
}
