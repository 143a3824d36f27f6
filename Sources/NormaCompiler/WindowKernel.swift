import CKernels
public import NormaCore
import NormaGraph

/// Runs a program with windows, step by step.
///
/// Where nothing is reduced over the batch but gradients of parameters, a few samples go through all steps
/// of a direction while the caches hold them. Backward computes full-size windows of forward again. What is
/// kept are small values: windows, what they are of, and those of backward have their place there too.
public final class WindowKernel: NormKernel {
  private let program: NormProgram
  private let layout: TensorLayout
  /// Samples are taken in this many equal parts.
  private let blocks: Int
  private let plan: WindowPlan

  /// Whether a program sums over neighbours, which then suits the tensor.
  ///
  /// - Throws: `usage` for windows over several channel axes.
  public static func isNeeded(
    _ program: NormProgram, _ layout: TensorLayout
  ) throws(NormaError) -> Bool {
    let results = program.forwardResults + program.backwardResults
    guard results.contains(where: \.value.hasWindows) else { return false }
    let isAlongChannels = try Graph(results).nodes.contains { node in
      if case .window(let window) = node.kind { window.role == .channel } else { false }
    }
    guard layout.channelAxes.count == 1 || !isAlongChannels else {
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
    let extents = try program.splits.extents(
      batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
    let program = try program.suited(to: layout, extents)
    self.program = program
    self.layout = layout
    blocks = try WindowPlan.blocks(program, layout)
    var shape = layout.shape
    if blocks > 1 { shape[0] /= blocks }
    plan = try WindowPlan(
      program, try TensorLayout(shape: shape, axis: layout.channelAxes), session)
  }

  private var kernels: [TilesKernel] {
    (plan.forward + plan.backward).compactMap {
      if case .part(let part) = $0 { part.kernel } else { nil }
    }
  }

  /// `native` when machine code runs every part, else `tiles`.
  public var executor: String {
    kernels.allSatisfy { $0.executor == "native" } ? "native" : "tiles"
  }

  /// Elements of the part of a tensor that goes through the steps together.
  private var blockCount: Int { layout.count / blocks }
  private var blockBytes: Int { TilePlan.aligned(4 * blockCount) }
  private var tensorBytes: Int { TilePlan.aligned(4 * layout.count) }
  private var savedBytes: Int { TilePlan.aligned(8 * plan.savedDoubles) }

  /// Dense copies of what a direction reads and writes, where tensors are not dense: beside the inputs a
  /// residual and two results; or two gradients that arrive, and one of each input.
  private var copyCount: Int {
    let inputs = program.inputs.count
    return layout.isContiguous ? 0 : max(inputs + 3, 2 * inputs + 2)
  }

  /// Small windows and what they are of, of both directions; temporaries, one of them for results that
  /// nobody wants, dense copies, and what the parts need.
  public func memory(threads: Int) -> KernelMemory {
    let needs = kernels.map { $0.memory(threads: threads) }
    return KernelMemory(
      savedBytes: blocks * savedBytes,
      workspaceBytes: (plan.temporaries + 1) * blockBytes + copyCount * tensorBytes
        + (needs.map(\.workspaceBytes).max() ?? 0))
  }

  /// How many parts and windows each direction has.
  public var planDescription: String? {
    func line(_ steps: [WindowPlan.Step]) -> String {
      let parts = steps.count { if case .part = $0 { true } else { false } }
      let windows = steps.count { if case .window = $0 { true } else { false } }
      let small = steps.count { if case .savedWindow = $0 { true } else { false } }
      return
        "\(parts) parts, and between them \(windows) windows over tensors and \(small) over small"
        + " arrays"
    }
    var lines = ["runs        \(executor)"]
    if !program.fusion.isEmpty { lines.append("fused with  \(program.fusion)") }
    if blocks > 1 { lines.append("samples     \(blocks) times \(layout.batchCount / blocks)") }
    lines.append("forward     \(line(plan.forward))")
    if !plan.backward.isEmpty { lines.append("backward    \(line(plan.backward))") }
    return lines.joined(separator: "\n")
  }

  /// Writes the output, saved values and, in training, the buffers.
  public func forward(_ call: KernelCall) throws(NormaError) {
    guard layout.count > 0 else { return }
    plan.second.load(call)
    try run(plan.forward, call)
  }

  /// Writes the gradients of inputs and parameters.
  public func backward(_ call: KernelCall) throws(NormaError) {
    if layout.count == 0 {
      plan.second.clearGradients(call)
      guard !call.accumulate else { return }
      for (leaf, gradient) in zip(program.parameters, call.parameterGradients) {
        let extents = try program.splits.extents(
          batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
        gradient?.update(repeating: 0, count: extents.count(leaf.roles))
      }
      return
    }
    try run(plan.backward, call)
    plan.second.storeGradients(call)
  }

  private func run(_ steps: [WindowPlan.Step], _ call: KernelCall) throws(NormaError) {
    guard let workspace = call.workspace else {
      throw NormaError(.internal, "a kernel was called without workspace")
    }
    let copies = workspace + (plan.temporaries + 1) * blockBytes
    // Tensors that are not dense are copied once, when first read; a result after the last block.
    var dense: [WindowPlan.Tensor: UnsafeMutablePointer<Float>] = [:]
    func copy(_ tensor: WindowPlan.Tensor, _ whole: UnsafeMutablePointer<Float>, isRead: Bool)
      -> UnsafeMutablePointer<Float>
    {
      if let known = dense[tensor] { return known }
      let place = (copies + dense.count * tensorBytes).assumingMemoryBound(to: Float.self)
      if isRead { transfer(whole, place, gather: true) }
      dense[tensor] = place
      return place
    }
    /// Where a block of a tensor is; nil where the caller has none.
    func place(_ tensor: WindowPlan.Tensor, block: Int, isRead: Bool)
      -> UnsafeMutablePointer<Float>?
    {
      if case .temporary(let number) = tensor {
        return (workspace + number * blockBytes).assumingMemoryBound(to: Float.self)
      }
      guard let whole = original(tensor, call) else { return nil }
      let start = layout.isContiguous ? whole : copy(tensor, whole, isRead: isRead)
      return start + block * blockCount
    }
    let unwanted = WindowPlan.Tensor.temporary(plan.temporaries)
    for block in 0..<blocks {
      let saved = call.saved.map { $0 + block * savedBytes }
      for step in steps {
        switch step {
        case .ones(let start, let count):
          saved?.assumingMemoryBound(to: Double.self).advanced(by: start)
            .update(repeating: 1, count: count)
        case .savedWindow(let axes, let from, let to, let between):
          guard let all = saved?.assumingMemoryBound(to: Double.self) else { continue }
          sum(axes, all + from, all + to, all + between) {
            ck_window_doubles($0, $1, &$2, Int32(call.threads))
          }
        case .window(let axes, let from, let to, let between):
          guard let source = place(from, block: block, isRead: true),
            let target = place(to, block: block, isRead: false),
            let other = place(between, block: block, isRead: false)
          else { continue }
          sum(axes, source, target, other) { ck_window_floats($0, $1, &$2, Int32(call.threads)) }
        case .part(let part):
          let wanted = part.target.flatMap { place($0, block: block, isRead: false) }
          // A tensor that nobody wants is made only beside small results.
          if part.target != nil, wanted == nil, !part.hasSmallResults { continue }
          var inner = KernelCall()
          inner.inputs = part.inputs.compactMap { place($0, block: block, isRead: true) }
            .map { UnsafePointer($0) }
          guard inner.inputs.count == part.inputs.count else {
            throw NormaError(.internal, "a fused kernel was called without its neighbours")
          }
          inner.parameters = call.parameters
          inner.buffers = call.buffers
          inner.hyper = call.hyper
          inner.parameterGradients = call.parameterGradients
          inner.accumulate = call.accumulate || block > 0
          inner.output = wanted ?? place(unwanted, block: block, isRead: false)
          inner.saved = saved
          inner.workspace = copies + copyCount * tensorBytes
          inner.threads = call.threads
          try part.kernel.forward(inner)
        }
      }
    }
    for (tensor, place) in dense where tensor.isResult {
      if let whole = original(tensor, call) { transfer(whole, place, gather: false) }
    }
  }

  private func original(
    _ tensor: WindowPlan.Tensor, _ call: KernelCall
  ) -> UnsafeMutablePointer<Float>? {
    switch tensor {
    case .input(let i): UnsafeMutablePointer(mutating: call.inputs[i])
    case .outputGradient: call.outputGradient.map { UnsafeMutablePointer(mutating: $0) }
    case .residual: call.residual.map { UnsafeMutablePointer(mutating: $0) }
    case .sumGradient: call.sumGradient.map { UnsafeMutablePointer(mutating: $0) }
    case .output: call.output
    case .sum: call.sum
    case .inputGradient(let i): call.inputGradients[i]
    case .temporary: nil
    }
  }

  /// Sums along each axis in turn; the last goes to the target.
  private func sum<Number>(
    _ axes: [WindowAxis], _ source: UnsafeMutablePointer<Number>,
    _ target: UnsafeMutablePointer<Number>, _ between: UnsafeMutablePointer<Number>,
    _ run: (UnsafeMutablePointer<Number>, UnsafeMutablePointer<Number>, inout ck_window) -> Void
  ) {
    var from = source
    var to = axes.count % 2 == 1 ? target : between
    for axis in axes {
      var window = ck_window(
        outer: Int64(axis.outer), n: Int64(axis.count), inner: Int64(axis.inner),
        before: Int64(axis.window.before), after: Int64(axis.window.after))
      run(to, from, &window)
      from = to
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
