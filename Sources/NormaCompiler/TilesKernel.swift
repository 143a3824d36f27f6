import CKernels
public import NormaCore
import NormaGraph

/// Runs a program's plans: as native code where a session has it, else with the tile interpreter.
///
/// The graph is lowered once for both directions; statistics that forward computes and backward needs
/// are kept in double in the saved memory.
public final class TilesKernel: NormKernel {
  /// One plan a direction; without gradient forward alone.
  struct Plans {
    let forward: FrozenPlan
    let backward: FrozenPlan?

    func plan(backward isBackward: Bool) -> FrozenPlan? { isBackward ? backward : forward }
  }

  private let program: NormProgram
  private let layout: TensorLayout
  /// What tiles interpret.
  let tiles: Plans
  /// What machine code is made of: the same plans, but where rows are short, or slices are channels.
  let compiled: Plans
  let savedDoubles: Int
  private let second: SecondInputs
  private let slots: TensorSlots
  private let native: NativePlans?

  /// Plans a program for a tensor; with a session, asks for its machine code too.
  ///
  /// The code runs once the session has settled with it ready; until then, and without it, tiles are
  /// interpreted.
  ///
  /// - Throws: `usage` when the program's splits do not fit the shape; `internal` for a defect.
  public convenience init(
    program: NormProgram, layout: TensorLayout, native session: NativeSession? = nil
  ) throws(NormaError) {
    try self.init(program, layout, session, savedOffsets: [])
  }

  /// The same; a part of a larger program reads and writes saved values at offsets in doubles.
  init(
    _ program: NormProgram, _ layout: TensorLayout, _ session: NativeSession?,
    savedOffsets: [Int]
  ) throws(NormaError) {
    var extents = try program.splits.extents(
      batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
    let program = try program.suited(to: layout, extents)
    self.program = program
    self.layout = layout
    slots = TensorSlots(program)
    let forward = program.forwardResults
    let backward = program.backwardResults
    let results = forward + backward
    var lowered = program.isPart ? results : try Lowering(extents: extents).lowered(results)
    if !program.isPart, program.secondInputs.isEmpty {
      try lowered.takeApart(&extents, MatrixForm(layout), forwardCount: forward.count)
    }
    let joint = try Graph(program.fusion.surrounding(lowered))
    let updated = Set(program.updates.map(\.name))
    let saved = joint.keptForBackward(forwardCount: forward.count, updated: updated)
    var offsets = savedOffsets
    var total = 0
    for node in saved {
      offsets.append(total)
      total += extents.count(joint.nodes[node].domain)
    }
    var second = SecondInputs(program, extents, offsets: &offsets, total: &total)
    let expressions = joint.expressions
    var forwardGraph = try Graph(
      program.fusion.adding(
        to: joint.outputs.prefix(forward.count).map { ($0.name, expressions[$0.node]) }
          + saved.enumerated().map { ("saved:\($0.offset)", expressions[$0.element]) }))
    if !second.isEmpty {
      forwardGraph = try Graph(
        zip(forwardGraph.outputs, forwardGraph.substituting(second.leaves)).map { ($0.name, $1) })
    }
    var backwardGraph: Graph?
    if !backward.isEmpty {
      let numbers = Dictionary(uniqueKeysWithValues: saved.enumerated().map { ($1, $0) })
      let rewritten = joint.rewriting { index, node, _ in
        numbers[index].map { Expr.saved($0, domain: node.domain) } ?? second.leaves[node.kind]
      }
      var results: [(name: String, value: Expr)] = []
      for (output, value) in zip(joint.outputs, rewritten).dropFirst(forward.count) {
        guard output.name.hasPrefix("second:") else {
          results.append((output.name, value))
          continue
        }
        let number = second.addGradient(
          ofInput: String(output.name.dropFirst("second:".count)), along: value.domain, program,
          extents, offsets: &offsets, total: &total)
        results.append(("saved:\(number)", value))
      }
      backwardGraph = try Graph(results)
    }
    self.second = second
    savedDoubles = total
    let form = MatrixForm(layout).suited(to: forwardGraph, backwardGraph, extents)
    func plans(for use: TilePlanner.Use) throws(NormaError) -> Plans {
      func plan(_ graph: Graph) throws(NormaError) -> FrozenPlan {
        var planner = TilePlanner(
          graph: graph, program: program, extents: extents, form: form, savedOffsets: offsets,
          for: use)
        return FrozenPlan(try planner.finish())
      }
      return Plans(forward: try plan(forwardGraph), backward: try backwardGraph.map(plan))
    }
    tiles = try plans(for: .interpreter)
    let use = session == nil ? TilePlanner.Use.anyBatch : .machineCode
    // Other slices of rows, or channels where the interpreter has none.
    func isApart(_ plan: FrozenPlan?, _ graph: Graph?) -> Bool {
      guard let plan = plan?.plan, let graph else { return false }
      return switch plan.level {
      case .rows: plan.sliceRows > TilePlanner.compiledRows
      case .whole: TileNodes(graph, extents: extents).level(form, for: use) != .whole
      case .sample, .channel: false
      }
    }
    compiled =
      isApart(tiles.forward, forwardGraph) || isApart(tiles.backward, backwardGraph)
      ? try plans(for: use) : tiles
    native =
      if let session {
        NativePlans(
          forward: compiled.forward.plan, backward: compiled.backward?.plan, session: session)
      } else {
        nil
      }
  }

  /// Whether backward reads what some buffers were before the step.
  func keepsBuffers(_ updated: Set<String>) -> Bool {
    let moved = tiles.forward.plan.wholeStores
    let buffers = Set(
      tiles.forward.plan.loads.compactMap { load -> Int? in
        if case .buffer(let k) = load.source, updated.contains(program.buffers[k].name) {
          load.offset
        } else {
          nil
        }
      })
    return moved.contains { buffers.contains(Int($0.place.offset)) }
  }

  /// Whether the formula never tells batch from space.
  var treatsPositionsAsSamples: Bool {
    guard let graph = try? Graph(program.forwardResults + program.backwardResults) else {
      return false
    }
    func isEven(_ roles: RoleSet) -> Bool {
      let rows: RoleSet = [.batch, .space]
      return roles.intersection(rows) == .none || roles.isSuperset(of: rows)
    }
    return program.splits.chunkSize == nil
      && graph.nodes.allSatisfy { node in
        switch node.kind {
        case .reduce(_, let roles), .count(let roles), .position(let roles):
          isEven(node.domain) && isEven(roles)
        default: isEven(node.domain)
        }
      }
  }

  /// `native` when machine code runs it, else `tiles`.
  public var executor: String { native?.code == nil ? "tiles" : "native" }

  /// Saved statistics, and workspace for the given number of workers.
  public func memory(threads: Int) -> KernelMemory {
    let plans = [tiles.forward, tiles.backward, compiled.forward, compiled.backward]
    var workspace = plans.compactMap { $0?.plan.workspaceBytes(threads: threads) }.max() ?? 0
    if tiles.forward.plan.form.packed {
      workspace += packedTensorCount * TilePlan.aligned(layout.count * 4)
    }
    return KernelMemory(savedBytes: savedDoubles * 8, workspaceBytes: workspace)
  }

  /// The tensors of the direction that has more of them.
  private var packedTensorCount: Int {
    let inputs = program.inputs.count - program.secondInputs.count
    let fusion = program.fusion
    let forward = inputs + 1 + (fusion.addsResidual ? 1 : 0) + (fusion.keepsSum ? 1 : 0)
    return max(forward, 2 * inputs + 1 + (fusion.addsSkipGradient ? 1 : 0))
  }

  /// What runs and with which neighbours, then stages, schedule and bytes of both directions.
  public var planDescription: String? {
    let text = native.map { "\($0.text.split(separator: "\n").count) lines of C" }
    let runs =
      switch (text, native?.code) {
      case (let text?, _?): "native code, \(text)"
      case (let text?, nil): "the tile interpreter; native code would be \(text)"
      case (nil, _): "the tile interpreter"
      }
    var lines = ["runs        " + runs]
    if !program.fusion.isEmpty { lines.append("fused with  \(program.fusion)") }
    lines += ["forward", running.forward.plan.summary(keeps: savedDoubles * 8)]
    if let backward = running.backward { lines += ["backward", backward.plan.summary(keeps: nil)] }
    return lines.joined(separator: "\n")
  }

  /// The plans of what runs.
  private var running: Plans { native?.code == nil ? tiles : compiled }

  /// Passes as statistics need them: once where they belong to samples or rows, else once for each pass
  /// over the whole; bytes as what runs moves them.
  public var tensorPasses: TensorPasses? {
    let backward = tiles.backward?.plan
    var passes = TensorPasses(
      forward: tiles.forward.plan.tensorPasses, backward: backward?.tensorPasses ?? 1)
    passes.forwardBytes = running.forward.plan.bytesMoved
    passes.backwardBytes = running.backward?.plan.bytesMoved ?? 0
    passes.keepsInput = backward?.reads(tensor: 0) ?? false
    return passes
  }

  /// Writes the output, saved statistics and, in training, the buffers.
  public func forward(_ call: KernelCall) throws(NormaError) {
    guard layout.count > 0 else { return }
    try run(call, backward: false)
  }

  /// Writes the gradients of inputs and parameters.
  public func backward(_ call: KernelCall) throws(NormaError) {
    guard let backward = tiles.backward else {
      throw NormaError(.internal, "backward was called on a kernel built without gradient")
    }
    if layout.count == 0 {
      second.clearGradients(call)
      if !call.accumulate {
        for store in backward.plan.stores {
          if case .parameterGradient(let index) = store.target,
            let p = call.parameterGradients[index]
          {
            p.update(repeating: 0, count: store.count)
          }
        }
      }
      return
    }
    try run(call, backward: true)
  }

  private func run(_ call: KernelCall, backward: Bool) throws(NormaError) {
    let code = native?.code
    let units = backward ? code?.backward : code?.forward
    guard let workspace = call.workspace,
      let plan = units == nil
        ? tiles.plan(backward: backward) : compiled.plan(backward: backward)
    else {
      throw NormaError(.internal, "a kernel was called without workspace")
    }
    try requireNeighbours(call, backward: backward)
    if !backward { second.load(call) }
    withUnsafeTemporaryAllocation(
      of: UnsafeMutablePointer<Float>?.self, capacity: slots.count
    ) { slot in
      slots.fill(slot, from: call, backward: backward)
      var free = workspace
      let originals = packedTensors(plan.plan, slot, &free, readCount: slots.readCount)
      // A result that nobody wants is still computed; it goes nowhere else.
      withUnsafePointer(to: call) { call in
        call.pointee.parameters.withUnsafeBufferPointer { parameters in
          let parameters = UnsafeRawPointer(parameters.baseAddress)?
            .assumingMemoryBound(to: UnsafePointer<Float>?.self)
          let isDone = TileRun(
            plan: plan.hot, call: call, tensors: slot, parameters: parameters, native: units,
            workspace: free
          ).run()
          // Numbers that floats do not hold are for the interpreter, after all.
          if !isDone, let plan = tiles.plan(backward: backward) {
            _ = TileRun(
              plan: plan.hot, call: call, tensors: slot, parameters: parameters, native: nil,
              workspace: free
            ).run()
          }
        }
      }
      if originals {
        for i in slots.readCount..<slots.count {
          if let packed = slot[i], let target = slots.written(i, by: call, backward: backward) {
            transfer(target, packed, gather: false)
          }
        }
      }
    }
    if backward { second.storeGradients(call) }
  }

  /// A kernel that was asked to fuse reads and writes its neighbours' tensors in every call.
  private func requireNeighbours(_ call: KernelCall, backward: Bool) throws(NormaError) {
    let fusion = program.fusion
    let isWhole =
      backward
      ? !fusion.addsSkipGradient || call.sumGradient != nil
      : (!fusion.addsResidual || call.residual != nil) && (!fusion.keepsSum || call.sum != nil)
    guard isWhole else {
      throw NormaError(.internal, "a fused kernel (\(fusion)) was called without its neighbours")
    }
  }

  /// Copies tensors of a layout that has no matrix form into workspace.
  private func packedTensors(
    _ plan: TilePlan, _ slot: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>?>,
    _ free: inout UnsafeMutableRawPointer, readCount: Int
  ) -> Bool {
    guard plan.form.packed else { return false }
    for i in slot.indices {
      guard let original = slot[i] else { continue }
      let packed = free.assumingMemoryBound(to: Float.self)
      free += TilePlan.aligned(layout.count * 4)
      if i < readCount { transfer(original, packed, gather: true) }
      slot[i] = packed
    }
    return true
  }

  private func transfer(
    _ spread: UnsafeMutablePointer<Float>, _ packed: UnsafeMutablePointer<Float>, gather: Bool
  ) {
    let axes = layout.canonicalAxes
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: 2 * axes.count) { numbers in
      for (i, axis) in axes.enumerated() {
        numbers[i] = Int64(layout.shape[axis])
        numbers[axes.count + i] = Int64(layout.strides[axis])
      }
      guard let shape = numbers.baseAddress else { return }
      let strides = shape + axes.count
      if gather {
        ck_gather(packed, spread, Int32(axes.count), shape, strides)
      } else {
        ck_scatter(spread, packed, Int32(axes.count), shape, strides)
      }
    }
  }
}
