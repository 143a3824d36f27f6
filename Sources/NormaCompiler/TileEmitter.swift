import CKernels
import NormaCore
import NormaGraph

/// Writes the instructions of each pass: full-size values in registers, small ones as float views.
extension TilePlanner {
  /// An operand before registers are assigned.
  struct Operand {
    var view: ck_view
    /// The virtual register, when it is one.
    var register: Int?
  }

  mutating func emitPasses() throws(NormaError) {
    planBlocks()
    // A slice that is one tile keeps its registers from pass to pass.
    let keeps =
      plan.level != .whole && plan.sliceRows <= plan.tileRows && plan.inner <= plan.tileInner
      && plan.sliceRows <= plan.blockRows
    let (single, singleRegisters) = assignRegisters(try emitted(keeps: false))
    let (fused, registers) = assignRegisters(try TileFusion.fused(try emitted(keeps: keeps)))
    plan.registers = registers
    plan.singleRegisters = singleRegisters
    plan.passes = single.indices.map { number in
      TilePlan.Pass(
        single: Frozen(single[number]), fused: Frozen(fused[number]),
        sliceSteps: Frozen(sliceSteps[number + 1]), merges: merges[number + 1] ?? [],
        sharedSteps: Frozen(plan.level == .whole ? sharedSteps[number + 1] : []))
    }
  }

  /// The instructions of each pass; with `keeps`, what a pass has in registers stays for the next.
  private mutating func emitted(keeps: Bool) throws(NormaError) -> [[Emitted]] {
    var all: [[Emitted]] = []
    var known: [Int: Operand] = [:]
    var nextRegister = 0
    for pass in stride(from: 1, through: nodes.passCount, by: 1) {
      if !keeps { known = [:] }
      var list: [Emitted] = []
      let results = nodes.graph.outputs.filter {
        TileNodes.isTensorResult($0.name) && nodes.stage[$0.node] + 1 == pass
      }
      // A sum is there before the statistics of it, and one reading where its addends are two.
      if let sum = nodes.graph.outputs.first(where: { $0.name == "sum" }) {
        if pass == 1 {
          try emitOutput(sum, &list, &known, &nextRegister)
        } else if plan.level == .whole {
          known[sum.node] = try tensor(slots.number(ofResult: "sum"))
        }
      }
      let due = accumulators.filter { $0.value.pass == pass }
        .sorted {
          ($0.value.across ? 1 : 0, $0.value.array.place.offset) < (
            $1.value.across ? 1 : 0, $1.value.array.place.offset
          )
        }
      for (key, accumulator) in due {
        try emit(key, accumulator, &list, &known, &nextRegister)
      }
      for output in results where output.name != "sum" {
        try emitOutput(output, &list, &known, &nextRegister)
      }
      all.append(list)
    }
    return all
  }

  /// An instruction whose registers are still virtual.
  struct Emitted {
    var instruction: ck_instruction
    var a: Int?
    var b: Int?
    var c: Int?
    var e: Int?
    var target: Int?
  }

  // MARK: blocks of rows

  /// Finds the largest run of rows within which every small value either repeats or advances.
  private mutating func planBlocks() {
    let fixed = plan.level.lead(plan.form)
    let atoms = plan.form.rowAtoms.filter { !fixed.contains($0) }
    let counts = atoms.map { memory.slice.count($0) }
    if plan.level == .rows {
      plan.blockRows = plan.sliceRows
      plan.leadCounts = [1, 1, 1]
      leadAtoms = []
      trailingAtoms = [.space]
      return
    }
    var domains: Set<RoleSet> = []
    for index in nodes.graph.nodes.indices where !nodes.isFull(index) {
      domains.insert(nodes.graph.nodes[index].domain)
    }
    var trailing = atoms.count
    // Canonical positions advance evenly along channels only.
    if plan.form.order == .channelsFirst,
      nodes.graph.nodes.contains(where: { $0.kind == .position(.all) })
    {
      trailing = min(trailing, 2)
    }
    func suits(_ q: Int) -> Bool {
      let tail = zip(atoms, counts).suffix(q).filter { $0.1 > 1 }.map(\.0)
      return domains.allSatisfy { domain in
        tail.allSatisfy(domain.contains) || !tail.contains(where: domain.contains)
      }
    }
    while trailing > 1, !suits(trailing) { trailing -= 1 }
    trailingAtoms = Array(atoms.suffix(trailing))
    leadAtoms = Array(atoms.dropLast(trailing))
    plan.blockRows = counts.suffix(trailing).reduce(1, *)
    let lead = Array(counts.dropLast(trailing))
    plan.leadCounts = Array(repeating: 1, count: 3 - lead.count) + lead
    plan.tileRows = min(plan.tileRows, max(plan.blockRows, 1))
  }

  /// Addresses an array by lead indices, row and column of a tile.
  private func view(_ array: SmallArray, kind: Int32) -> ck_view {
    func stride(_ atom: RoleSet) -> Int32 {
      Int32(RoleSet.atoms.firstIndex(of: atom).map { array.strides[$0] } ?? 0)
    }
    var view = ck_view()
    view.kind = kind
    view.index = array.place.offset
    let lead = [Int32](repeating: 0, count: 3 - leadAtoms.count) + leadAtoms.map(stride)
    view.lead = (lead[0], lead[1], lead[2])
    // Within a block the trailing roles advance together: the last one longer than 1 has the step.
    let longer = trailingAtoms.filter { memory.slice.count($0) > 1 }
    view.row_stride = longer.last.map(stride) ?? 0
    let inner = RoleSet.atoms.filter(plan.form.innerRoles.contains)
    view.inner_stride = inner.filter { memory.slice.count($0) > 1 }.last.map(stride) ?? 0
    return view
  }

  /// A small node as floats, with its remainder when wanted.
  private mutating func smallView(_ index: Int, low: Bool) -> (high: ck_view, low: ck_view?) {
    if case .constant(let value) = nodes.graph.nodes[index].kind {
      var view = ck_view()
      view.kind = Int32(CK_VIEW_CONSTANT)
      view.constant = Float(value)
      return (view, nil)
    }
    let node = nodes.graph.nodes[index]
    let sliced = isSliced(index)
    // A slice's part lies in the worker's area.
    if !sliced, let view = parameterView(node) { return (view, nil) }
    let innerPart = node.domain.intersection(plan.form.innerRoles)
    let wide = innerPart.isEmpty ? node.domain : node.domain.union(plan.form.innerRoles)
    let needsLow = low && !isExact(index)
    if floatViews[index] == nil || (needsLow && floatViews[index]?.low == nil) {
      let high = memory.floats(wide, worker: sliced)
      let lowArray = needsLow ? memory.floats(wide, worker: sliced) : nil
      if let value = values[index] {
        var step = step(
          Int(CK_STEP_FLOAT), 0, domain: wide, sliced: sliced, z: high, a: value,
          b: lowArray)
        if lowArray == nil { step.b.offset = -1 }
        // A plan asks whether a number was outside only where one may be.
        if isExact(index) { step.c.offset = -1 } else { step.c = outside(worker: sliced) }
        addStep(step, sliced: sliced, stage: nodes.stage[index])
      }
      floatViews[index] = FloatView(high: high, low: lowArray)
    }
    let kind = Int32(
      sliced ? CK_VIEW_SMALL_WORKER : CK_VIEW_SMALL_SHARED)
    let found = floatViews[index]
    return (
      found.map { view($0.high, kind: kind) } ?? ck_view(),
      needsLow ? found?.low.map { view($0, kind: kind) } : nil
    )
  }

  /// A parameter as the caller holds it, where it needs no repeating along the inner axis.
  private func parameterView(_ node: Graph.Node) -> ck_view? {
    guard case .parameter(let name) = node.kind,
      let number = program.parameters.firstIndex(where: { $0.name == name })
    else { return nil }
    let innerPart = node.domain.intersection(plan.form.innerRoles)
    guard innerPart.isEmpty || node.domain.isSuperset(of: plan.form.innerRoles) else { return nil }
    var view = view(
      SmallArray(place: ck_place(), strides: memory.sharedStrides(node.domain)),
      kind: Int32(CK_VIEW_PARAMETER))
    view.index = Int32(number)
    return view
  }

  /// Whether a small node is a float already, so that rounding loses nothing.
  private func isExact(_ index: Int) -> Bool {
    switch nodes.graph.nodes[index].kind {
    case .parameter, .buffer, .count, .position: true
    case .constant(let value): Double(Float(value)) == value
    default: false
    }
  }

  // MARK: values

  private mutating func operand(
    _ index: Int, _ list: inout [Emitted], _ known: inout [Int: Operand], _ next: inout Int
  ) throws(NormaError) -> Operand {
    if !nodes.isFull(index) { return Operand(view: smallView(index, low: false).high) }
    if let known = known[index] { return known }
    let node = nodes.graph.nodes[index]
    switch node.kind {
    case .input, .outputGradient: return try tensor(slots.number(of: node.kind))
    case .stopGradient: return try operand(node.operands[0], &list, &known, &next)
    default:
      let target = register(&next)
      try emitMap(index, target, &list, &known, &next)
      known[index] = target
      return target
    }
  }

  private func register(_ next: inout Int) -> Operand {
    var view = ck_view()
    view.kind = Int32(CK_VIEW_REGISTER)
    defer { next += 1 }
    return Operand(view: view, register: next)
  }

  private var slots: TensorSlots { TensorSlots(program) }

  private func tensor(_ number: Int?) throws(NormaError) -> Operand {
    guard let number else { throw NormaError(.internal, "a plan names a tensor it does not have") }
    var view = ck_view()
    view.kind = Int32(CK_VIEW_TENSOR)
    view.index = Int32(number)
    return Operand(view: view)
  }

  private func instruction(
    _ what: Int, _ operation: Int32, _ a: Operand, _ b: Operand? = nil, _ c: Operand? = nil,
    target: Operand
  ) -> Emitted {
    var i = ck_instruction()
    i.what = Int32(what)
    i.operation = operation
    i.a = a.view
    // Unused operands repeat the first, so that every address is valid.
    i.b = (b ?? a).view
    i.c = (c ?? a).view
    i.target = target.view
    return Emitted(
      instruction: i, a: a.register, b: (b ?? a).register, c: (c ?? a).register,
      target: target.register)
  }

  /// Computes a full-size map node into `target`, using fused forms where they apply.
  private mutating func emitMap(
    _ index: Int, _ target: Operand, _ list: inout [Emitted], _ known: inout [Int: Operand],
    _ next: inout Int
  ) throws(NormaError) {
    let node = nodes.graph.nodes[index]
    let map = Int(CK_DO_MAP)
    if case .position = node.kind {
      var weights = ck_view()
      let array = SmallArray(place: ck_place(), strides: nodes.extents.strides(.all))
      weights = view(array, kind: 0)
      weights.index = 0
      list.append(
        instruction(Int(CK_DO_POSITION), 0, Operand(view: weights), target: target))
      return
    }
    guard case .map(let operation) = node.kind else {
      throw NormaError(.internal, "a full-size node is not element-wise")
    }
    let (a, b) = (node.operands[0], node.operands.last ?? node.operands[0])
    if operation == .sub, nodes.isFull(a), !nodes.isFull(b) {
      let views = smallView(b, low: true)
      if let low = views.low {
        let x = try operand(a, &list, &known, &next)
        list.append(
          instruction(
            map, try KernelOperation.index("center"), x, Operand(view: views.high),
            Operand(view: low), target: target))
        return
      }
    }
    if operation == .add {
      for (product, other) in [(a, b), (b, a)] where product != other {
        guard case .map(.mul) = nodes.graph.nodes[product].kind, nodes.isFull(product),
          nodes.uses[product] == 1, known[product] == nil
        else { continue }
        let factors = nodes.graph.nodes[product].operands
        let x = try operand(factors[0], &list, &known, &next)
        let y = try operand(factors[1], &list, &known, &next)
        let z = try operand(other, &list, &known, &next)
        list.append(
          instruction(map, try KernelOperation.index("fma"), x, y, z, target: target))
        return
      }
    }
    var operands: [Operand] = []
    for operandIndex in node.operands {
      operands.append(try operand(operandIndex, &list, &known, &next))
    }
    list.append(
      instruction(
        map, try KernelOperation.index(operation.name), operands[0],
        operands.count > 1 ? operands[1] : nil, operands.count > 2 ? operands[2] : nil,
        target: target))
  }

  private mutating func emit(
    _ key: AccumulatorKey, _ accumulator: Accumulator, _ list: inout [Emitted],
    _ known: inout [Int: Operand], _ next: inout Int
  ) throws(NormaError) {
    let node = nodes.graph.nodes[key.operand]
    var what = Int(CK_DO_SUM)
    var a: Operand
    var b: Operand?
    switch key.family {
    case "moments": what = Int(CK_DO_MOMENTS)
    case "max": what = Int(CK_DO_MAX)
    case "min": what = Int(CK_DO_MIN)
    case "dot": what = Int(CK_DO_DOT)
    default: break
    }
    if key.family == "sum", known[key.operand] == nil, nodes.uses[key.operand] == 1 {
      if case .map(.mul) = node.kind {
        what = Int(CK_DO_DOT)
        a = try operand(node.operands[0], &list, &known, &next)
        b = try operand(node.operands[1], &list, &known, &next)
      } else if case .map(.square) = node.kind {
        what = Int(CK_DO_DOT)
        a = try operand(node.operands[0], &list, &known, &next)
        b = a
      } else {
        a = try operand(key.operand, &list, &known, &next)
      }
    } else {
      a = try operand(key.operand, &list, &known, &next)
    }
    let target = Operand(view: view(accumulator.array, kind: 0))
    var emitted = instruction(what, 0, a, b, target: target)
    emitted.instruction.accumulator = accumulator.array.place.offset
    emitted.instruction.accumulator_size = Int32(accumulator.plane)
    emitted.instruction.across = accumulator.across ? 1 : 0
    list.append(emitted)
  }

  private mutating func emitOutput(
    _ output: Graph.Output, _ list: inout [Emitted], _ known: inout [Int: Operand],
    _ next: inout Int
  ) throws(NormaError) {
    let target = try tensor(slots.number(ofResult: output.name))
    let node = nodes.graph.nodes[output.node]
    var computed = false
    if case .map = node.kind { computed = true }
    // A gradient that something else is made of is copied from a register: nobody may want itself.
    let isAlone = !output.name.hasPrefix("input:") || nodes.uses[output.node] == 1
    if nodes.isFull(output.node), known[output.node] == nil, computed, isAlone {
      try emitMap(output.node, target, &list, &known, &next)
      known[output.node] = target
    } else {
      let value = try operand(output.node, &list, &known, &next)
      list.append(
        instruction(
          Int(CK_DO_MAP), try KernelOperation.index("copy"), value, target: target))
    }
  }
}
