import CKernels
import NormaCore
import NormaGraph

/// Turns a lowered graph into a `TilePlan`.
///
/// Everything between two reductions is one pass over the tiles; what is smaller than the tensor is
/// computed in double between passes.
struct TilePlanner {
  /// Floats of one register: a handful stay in the second-level cache, and a tile has rows enough
  /// that what is done once a tile costs little.
  static let tileFloats = Int(CK_LONGEST_TILE)
  /// Pieces of work handed to threads: a constant, so that results do not depend on the thread count.
  static let unitLimit = 16
  /// The most rows of a slice that machine code works on, a multiple of 8: few enough that what it
  /// keeps of each in double stays in the first-level cache beside them. The interpreter gains more
  /// from doing much at once.
  static let compiledRows = 32
  /// A unit of fewer floats than this is not worth a thread.
  static let unitFloats = 16384

  /// Who runs a plan.
  enum Use {
    case interpreter
    /// Machine code for the very shape.
    case machineCode
    /// Machine code for any batch: its slices do not depend on how many samples there are.
    case anyBatch
  }

  let nodes: TileNodes
  let program: NormProgram
  let savedOffsets: [Int]
  private let sliced: [Bool]
  var plan: TilePlan
  var memory: SmallMemory
  /// Where each small node's value is.
  var values: [Int: SmallArray] = [:]
  var accumulators: [AccumulatorKey: Accumulator] = [:]
  var constants: [Double: SmallArray] = [:]
  var floatViews: [Int: FloatView] = [:]
  var outsideShared: ck_place?
  var outsideWorker: ck_place?
  /// Merges to run after a pass at level whole.
  var merges: [Int: [TilePlan.Merge]] = [:]
  /// Row roles outside and inside a block of rows.
  var leadAtoms: [RoleSet] = []
  var trailingAtoms: [RoleSet] = []
  /// Steps after everything, for results.
  var resultSteps: [ck_step] = []
  /// Steps by stage: in a slice, and shared.
  var sliceSteps: [[ck_step]]
  var sharedSteps: [[ck_step]]

  struct AccumulatorKey: Hashable {
    let family: String
    let operand: Int
    let roles: RoleSet
  }
  struct Accumulator {
    /// Its arrays as tiles see them: worker's area, or offsets in the unit's area when `across`.
    var array: SmallArray
    var plane: Int
    var across: Bool
    /// The finished value(s): sum, or count/mean/m2.
    var result: SmallArray
    var resultPlane: Int
    var pass: Int
  }
  struct FloatView {
    var high: SmallArray
    var low: SmallArray?
  }

  init(
    graph: Graph, program: NormProgram, extents: Extents, form: MatrixForm, savedOffsets: [Int],
    for use: Use
  ) {
    nodes = TileNodes(graph, extents: extents)
    self.program = program
    self.savedOffsets = savedOffsets
    let level = nodes.level(form, for: use)
    let crossing = nodes.crossing(level, form)
    var plan = TilePlan(form: form, level: level, extents: extents)
    plan.rows = extents.count(form.rowRoles)
    plan.inner = extents.count(form.innerRoles)
    plan.tileInner = min(plan.inner, TilePlanner.tileFloats)
    plan.tileRows = max(1, TilePlanner.tileFloats / max(plan.tileInner, 1))
    var slice = extents
    switch level {
    case .rows:
      // Multiples of 8 rows: small values are vectors along them, column sums pay off.
      let most = use == .interpreter ? plan.rows : min(plan.rows, TilePlanner.compiledRows)
      plan.sliceRows = min(max(8, plan.tileRows / 8 * 8), most)
      slice = Extents(
        sample: 1, space: plan.sliceRows, group: extents.counts[3], member: extents.counts[4])
    case .sample:
      plan.sliceRows = extents.count(form.rowRoles.subtracting(.batch))
      slice.counts[0] = 1
      slice.counts[1] = 1
    case .channel:
      slice.counts[3] = 1
      slice.counts[4] = nodes.channelsAtOnce(form)
      plan.sliceRows = slice.count(form.rowRoles)
      plan.inner = slice.count(form.innerRoles)
      plan.rows = extents.count(.all) / max(plan.inner, 1)
      plan.tileInner = min(plan.tileInner, plan.inner)
    case .whole:
      plan.sliceRows = plan.rows
    }
    // An empty batch is planned, though never run.
    plan.sliceRows = max(1, plan.sliceRows)
    plan.tileRows = min(plan.tileRows, plan.sliceRows)
    let pieces = level == .whole ? (plan.rows + plan.tileRows - 1) / plan.tileRows : 0
    plan.sliceCount = level == .whole ? 1 : (plan.rows + plan.sliceRows - 1) / plan.sliceRows
    let worthwhile = max(1, plan.rows * plan.inner / TilePlanner.unitFloats)
    plan.unitCount = min(TilePlanner.unitLimit, worthwhile, max(pieces, plan.sliceCount))
    self.plan = plan
    sliced = TilePlanner.slicedNodes(nodes, crossing, plan)
    memory = SmallMemory(shared: extents, slice: slice, level: level, form: form)
    sliceSteps = Array(repeating: [], count: nodes.passCount + 1)
    sharedSteps = Array(repeating: [], count: nodes.passCount + 1)
  }

  /// Which small nodes' values live in a worker's area: those of a slice, and what is made of them.
  private static func slicedNodes(
    _ nodes: TileNodes, _ crossing: [Bool], _ plan: TilePlan
  ) -> [Bool] {
    let lead = plan.level.lead(plan.form)
    var sliced = [Bool](repeating: false, count: nodes.graph.nodes.count)
    guard plan.level != .whole else { return sliced }
    for (index, node) in nodes.graph.nodes.enumerated() where !crossing[index] {
      let isOfSlice =
        !node.domain.isDisjoint(with: lead) && nodes.widened(node.domain).isSuperset(of: lead)
      sliced[index] =
        nodes.stage[index] > 0 || isOfSlice || node.operands.contains { sliced[$0] }
    }
    return sliced
  }

  /// Whether a small node's value lives in a worker's area.
  func isSliced(_ index: Int) -> Bool { sliced[index] }

  mutating func addStep(_ step: ck_step, sliced: Bool, stage: Int) {
    if sliced { sliceSteps[stage].append(step) } else { sharedSteps[stage].append(step) }
  }

  mutating func constant(_ value: Double) -> SmallArray {
    if let known = constants[value] { return known }
    let array = memory.doubles(.none, worker: false)
    plan.loads.append(.init(source: .constant(value), offset: Int(array.place.offset), count: 1))
    constants[value] = array
    return array
  }

  /// The number that becomes 1 when a small value lies where floats are not exact.
  mutating func outside(worker: Bool) -> ck_place {
    if let known = worker ? outsideWorker : outsideShared { return known }
    let place = memory.doubles(.none, worker: worker).place
    if worker {
      outsideWorker = place
      plan.outsideWorker = Int(place.offset)
    } else {
      outsideShared = place
      plan.outsideShared = Int(place.offset)
      plan.loads.append(.init(source: .constant(0), offset: Int(place.offset), count: 1))
    }
    return place
  }

  /// A step over the elements of `domain`.
  func step(
    _ what: Int, _ operation: Int32, domain: RoleSet, sliced: Bool, z: SmallArray, a: SmallArray,
    b: SmallArray? = nil, c: SmallArray? = nil
  ) -> ck_step {
    let (extent, varying) = memory.loop(domain, worker: sliced)
    var step = ck_step()
    step.what = Int32(what)
    step.operation = operation
    step.varying = varying ? 1 : 0
    step.z = z.place
    step.a = a.place
    step.b = (b ?? a).place
    step.c = (c ?? a).place
    let longer = extent.indices.filter { extent[$0] > 1 || (varying && $0 == 2) }
    step.axis = longer.count > 1 ? -1 : Int32(longer.first ?? 4)
    step.extent = five(extent)
    step.zs = five(z.strides)
    step.as = five(a.strides)
    step.bs = five((b ?? a).strides)
    step.cs = five((c ?? a).strides)
    return step
  }

  mutating func map(
    _ name: String, domain: RoleSet, sliced: Bool, stage: Int, _ operands: [SmallArray]
  ) throws(NormaError) -> SmallArray {
    let z = memory.doubles(domain, worker: sliced)
    addStep(
      step(
        Int(CK_STEP_MAP), try KernelOperation.index(name), domain: domain, sliced: sliced,
        z: z, a: operands[0], b: operands.count > 1 ? operands[1] : nil,
        c: operands.count > 2 ? operands[2] : nil), sliced: sliced, stage: stage)
    return z
  }

  /// Plans every small node: leaves, statistics, and what is derived from them.
  mutating func planSmallValues() throws(NormaError) {
    for (index, node) in nodes.graph.nodes.enumerated() where !nodes.isFull(index) {
      let sliced = isSliced(index)
      let stage = nodes.stage[index]
      func load(_ source: TilePlan.Source) {
        let array = memory.doubles(node.domain, worker: false)
        plan.loads.append(
          .init(
            source: source, offset: Int(array.place.offset),
            count: memory.count(node.domain, worker: false)))
        values[index] = array
        // At level channel a parameter has a part for each slice.
        guard sliced else { return }
        let part = memory.doubles(node.domain, worker: true)
        plan.sharedSliceLoads.append(sharedMove(node.domain, shared: array, part: part))
        values[index] = part
      }
      switch node.kind {
      case .constant(let value): values[index] = constant(value)
      case .count(let roles): values[index] = constant(Double(nodes.extents.count(roles)))
      case .hyper(let name): load(.hyper(program.hyper.firstIndex(of: name) ?? 0))
      case .parameter(let name):
        load(.parameter(program.parameters.firstIndex { $0.name == name } ?? 0))
      case .buffer(let name):
        load(.buffer(program.buffers.firstIndex { $0.name == name } ?? 0))
      case .position(let roles): load(.table(memory.positions(roles)))
      case .saved(let number):
        if sliced {
          let array = memory.doubles(node.domain, worker: true)
          plan.sliceLoads.append(savedMove(number, node.domain, array))
          values[index] = array
        } else {
          load(.saved(number))
        }
      case .stopGradient: values[index] = values[node.operands[0]]
      case .map(let operation):
        let operands = node.operands.compactMap { values[$0] }
        values[index] = try map(
          operation.name, domain: node.domain, sliced: sliced, stage: stage, operands)
      case .reduce(let reduction, let roles):
        if nodes.isTileReduction(index) {
          values[index] = try planReduction(index, reduction, roles)
        } else {
          values[index] = try smallReduction(index, reduction, roles)
        }
      case .input, .outputGradient, .window: break
      }
    }
  }

  func savedMove(_ number: Int, _ domain: RoleSet, _ array: SmallArray) -> TilePlan.SavedMove {
    let perRow = plan.level == .rows && !domain.isDisjoint(with: plan.form.rowRoles)
    let count = memory.count(domain, worker: true)
    return .init(
      number: number,
      count: perRow ? count / max(plan.sliceRows, 1) : count, place: array.place)
  }

  /// The part of a shared array that belongs to a slice, and where a worker has it.
  func sharedMove(
    _ domain: RoleSet, shared: SmallArray, part: SmallArray
  ) -> TilePlan.SharedMove {
    .init(
      sharedOffset: Int(shared.place.offset), workerOffset: Int(part.place.offset),
      count: memory.count(domain, worker: true))
  }

  /// A reduction of a small value, in double.
  private mutating func smallReduction(
    _ index: Int, _ reduction: Reduction, _ roles: RoleSet
  ) throws(NormaError) -> SmallArray {
    let node = nodes.graph.nodes[index]
    let source = nodes.graph.nodes[node.operands[0]].domain
    let (sliced, stage) = (isSliced(index), nodes.stage[index])
    guard let x = values[node.operands[0]] else {
      throw NormaError(.internal, "a reduction's operand has no value")
    }
    let n = constant(Double(nodes.extents.count(roles)))
    func fold(_ x: SmallArray, _ kind: Int, _ start: Double) -> SmallArray {
      let z = memory.doubles(node.domain, worker: sliced)
      var step = step(
        Int(CK_STEP_FOLD), Int32(kind), domain: source, sliced: sliced, z: z, a: x)
      step.start = start
      addStep(step, sliced: sliced, stage: stage)
      return z
    }
    func sum(_ x: SmallArray) -> SmallArray { fold(x, Int(CK_FOLD_SUM), 0) }
    func mapped(_ name: String, _ domain: RoleSet, _ operands: [SmallArray])
      throws(NormaError) -> SmallArray
    { try map(name, domain: domain, sliced: sliced, stage: stage, operands) }
    switch reduction {
    case .sum: return sum(x)
    case .mean: return try mapped("div", node.domain, [sum(x), n])
    case .meanSquare:
      return try mapped("div", node.domain, [sum(try mapped("square", source, [x])), n])
    case .variance(let correction):
      let mean = try mapped("div", node.domain, [sum(x), n])
      let squares = try mapped("square", source, [try mapped("sub", source, [x, mean])])
      let denominator = constant(Double(nodes.extents.count(roles)) - correction)
      return try mapped("div", node.domain, [sum(squares), denominator])
    case .max: return fold(x, Int(CK_FOLD_MAX), -.infinity)
    case .min: return fold(x, Int(CK_FOLD_MIN), .infinity)
    case .norm:
      return try mapped("sqrt", node.domain, [sum(try mapped("square", source, [x]))])
    }
  }

  /// A reduction of a full-size value: an accumulator filled by the tiles, and what finishes it.
  private mutating func planReduction(
    _ index: Int, _ reduction: Reduction, _ roles: RoleSet
  ) throws(NormaError) -> SmallArray {
    let node = nodes.graph.nodes[index]
    let operand = node.operands[0]
    let n = Double(nodes.extents.count(roles))
    let (sliced, stage) = (isSliced(index), nodes.stage[index])
    func divided(_ a: SmallArray, _ by: Double) throws(NormaError) -> SmallArray {
      try map("div", domain: node.domain, sliced: sliced, stage: stage, [a, constant(by)])
    }
    let hasVariance = !nodes.graph.variances(of: operand, over: roles).isEmpty
    // A mean is there to be subtracted: as a difference from a shift it keeps what a sum in float
    // would lose. Gradients lie around 0.
    let isGradient = nodes.graph.nodes.contains {
      if case .outputGradient = $0.kind { true } else { false }
    }
    switch reduction {
    case .mean where hasVariance || !isGradient, .variance:
      let moments = try accumulator("moments", operand, roles, index)
      if case .variance(let correction) = reduction {
        return try divided(moments.result.advanced(by: 2 * moments.resultPlane), n - correction)
      }
      return moments.result.advanced(by: moments.resultPlane)
    case .sum: return try accumulator("sum", operand, roles, index).result
    case .mean: return try divided(try accumulator("sum", operand, roles, index).result, n)
    case .meanSquare: return try divided(try accumulator("dot", operand, roles, index).result, n)
    case .norm:
      let squares = try accumulator("dot", operand, roles, index).result
      return try map("sqrt", domain: node.domain, sliced: sliced, stage: stage, [squares])
    case .max: return try accumulator("max", operand, roles, index).result
    case .min: return try accumulator("min", operand, roles, index).result
    }
  }

  private mutating func accumulator(
    _ family: String, _ operand: Int, _ roles: RoleSet, _ index: Int
  ) throws(NormaError) -> Accumulator {
    let key = AccumulatorKey(family: family, operand: operand, roles: roles)
    if let known = accumulators[key] { return known }
    let domain = nodes.graph.nodes[index].domain
    let (sliced, stage) = (isSliced(index), nodes.stage[index])
    // Tiles reduce the inner axis as a whole or not at all; the rest is folded afterwards.
    let innerPart = domain.intersection(plan.form.innerRoles)
    let wide = innerPart.isEmpty ? domain : domain.union(plan.form.innerRoles)
    let planes = family == "moments" ? 4 : 1
    let across = !sliced
    let merged = memory.doubles(wide, worker: sliced, planes: planes)
    var array = merged
    let count = memory.count(wide, worker: sliced)
    let start = family == "max" ? -Double.infinity : family == "min" ? .infinity : 0
    if across {
      // The shared array receives what the units' arrays are merged into.
      let unitOffset = plan.unitDoubles
      plan.unitDoubles += count * planes
      let kind: TilePlan.Merge.Family =
        switch family {
        case "moments": .moments
        case "max": .max
        case "min": .min
        default: .sum
        }
      let merge = TilePlan.Merge(
        family: kind, unitOffset: unitOffset, sharedOffset: Int(array.place.offset), count: count)
      if plan.level == .whole {
        merges[stage, default: []].append(merge)
      } else {
        plan.epilogueMerges.append(merge)
      }
      array.place.offset = Int32(unitOffset)
    } else {
      plan.workerFills.append(
        .init(offset: Int(array.place.offset), count: count * planes, value: start))
    }
    let result = try finished(family, wide, domain, merged, count, sliced: sliced, stage: stage)
    let value = Accumulator(
      array: array, plane: count, across: across, result: result.0, resultPlane: result.1,
      pass: stage)
    accumulators[key] = value
    return value
  }

  /// Folds an accumulator's array to the statistic's own roles.
  private mutating func finished(
    _ family: String, _ wide: RoleSet, _ domain: RoleSet, _ array: SmallArray, _ count: Int,
    sliced: Bool, stage: Int
  ) throws(NormaError) -> (SmallArray, Int) {
    if family == "moments" {
      let z = memory.doubles(domain, worker: sliced, planes: 3)
      let plane = memory.count(domain, worker: sliced)
      var step = step(
        Int(CK_STEP_MOMENTS), 0, domain: wide, sliced: sliced, z: z, a: array)
      step.a_plane = Int64(count)
      step.z_plane = Int64(plane)
      addStep(step, sliced: sliced, stage: stage)
      return (z, plane)
    }
    if wide == domain { return (array, 0) }
    let z = memory.doubles(domain, worker: sliced)
    let kind =
      family == "max"
      ? CK_FOLD_MAX
      : family == "min" ? CK_FOLD_MIN : CK_FOLD_SUM
    var step = step(
      Int(CK_STEP_FOLD), Int32(kind), domain: wide, sliced: sliced, z: z, a: array)
    step.start = family == "max" ? -.infinity : family == "min" ? .infinity : 0
    addStep(step, sliced: sliced, stage: stage)
    return (z, 0)
  }
}
