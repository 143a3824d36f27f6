import CKernels
import NormaCore
import NormaGraph

extension TilePlanner {
  /// Plans everything and hands out the result.
  mutating func finish() throws(NormaError) -> TilePlan {
    try planSmallValues()
    try emitPasses()
    try planResults()
    limitUnits()
    plan.prologue = Frozen(sharedSteps[0])
    plan.sliceBegin = Frozen(sliceSteps[0])
    if plan.level != .whole {
      plan.epilogue = Frozen(sharedSteps.dropFirst().flatMap { $0 } + resultSteps)
    } else {
      plan.epilogue = Frozen(resultSteps)
    }
    dropUnreadLoads()
    plan.savedOffsets = Frozen(savedOffsets.map(Int64.init))
    plan.sharedDoubles = memory.sharedDoubles
    plan.workerDoubles = memory.workerDoubles
    plan.sharedFloats = memory.sharedFloats
    plan.workerFloats = memory.workerFloats
    return plan
  }

  /// Fewer units where each has large sums of its own: clearing, filling and merging them would cost
  /// more than they save. Two remain for threads.
  private mutating func limitUnits() {
    guard plan.unitDoubles > 0 else { return }
    let affordable = plan.rows * plan.inner / (32 * plan.unitDoubles)
    plan.unitCount = min(plan.unitCount, max(2, affordable))
  }

  /// Tiles read most parameters where they lie; in double they are wanted only by steps and results.
  private mutating func dropUnreadLoads() {
    let steps = (sliceSteps + sharedSteps + [resultSteps]).joined()
    var read = Set(plan.stores.map(\.offset))
    read.formUnion(plan.wholeStores.map { Int($0.place.offset) })
    read.formUnion(plan.sharedSliceLoads.map(\.sharedOffset))
    for place in steps.flatMap({ [$0.a, $0.b, $0.c] }) where place.worker == 0 {
      read.insert(Int(place.offset))
    }
    plan.loads.removeAll { load in
      !read.contains { (load.offset..<load.offset + load.count).contains($0) }
    }
  }

  /// Small results: saved statistics, buffers, gradients of parameters.
  private mutating func planResults() throws(NormaError) {
    for output in nodes.graph.outputs where !TileNodes.isTensorResult(output.name) {
      let domain = nodes.graph.nodes[output.node].domain
      guard var array = values[output.node] else {
        throw NormaError(
          .usage, "'\(output.name)' is as large as the tensor",
          help: "reduce it over the roles that its buffer or parameter lacks")
      }
      if plan.level == .channel, isSliced(output.node), !output.name.hasPrefix("saved:") {
        let whole = memory.doubles(domain, worker: false)
        plan.sharedSliceStores.append(sharedMove(domain, shared: whole, part: array))
        array = whole
      }
      let parts = output.name.split(separator: ":", maxSplits: 1).map(String.init)
      switch parts[0] {
      case "saved":
        let number = Int(parts[1]) ?? 0
        if isSliced(output.node) {
          plan.sliceStores.append(savedMove(number, domain, array))
        } else {
          plan.wholeStores.append(
            .init(
              number: number, count: memory.count(domain, worker: false),
              place: array.place))
        }
      case "buffer":
        let index = program.buffers.firstIndex { $0.name == parts[1] } ?? 0
        try store(.buffer(index), array, domain, as: program.buffers[index].roles, output.name)
      default:
        let index = program.parameters.firstIndex { $0.name == parts[1] } ?? 0
        try store(
          .parameterGradient(index), array, domain, as: program.parameters[index].roles, output.name
        )
      }
    }
  }

  /// Repeats a value along the roles its target has besides.
  private mutating func store(
    _ target: TilePlan.Store.Target, _ array: SmallArray, _ domain: RoleSet, as roles: RoleSet,
    _ name: String
  ) throws(NormaError) {
    guard roles.isSuperset(of: domain) else {
      throw NormaError(.internal, "'\(name)' varies along (\(domain)), its target along (\(roles))")
    }
    var source = array
    // A value of the only slice lies in the first worker's area.
    if roles != domain || array.place.worker != 0 {
      source = memory.doubles(roles, worker: false)
      resultSteps.append(
        step(
          Int(CK_STEP_MAP), try KernelOperation.index("copy"), domain: roles, sliced: false,
          z: source, a: array))
    }
    plan.stores.append(
      .init(
        target: target, offset: Int(source.place.offset),
        count: memory.count(roles, worker: false)))
  }
}
