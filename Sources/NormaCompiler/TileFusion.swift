import CKernels
import NormaCore

/// Joins the instructions of tile programs into superinstructions, which read each tile once for what
/// would take several instructions a pass each: centre, scale and shift; the gradient of that; sums of
/// products. The program in single instructions remains what native text and double are made from.
struct TileFusion {
  typealias Emitted = TilePlanner.Emitted
  typealias Operand = TilePlanner.Operand

  /// What defines each virtual register.
  private let definitions: [Int: Emitted]
  /// Sums of products, of which one factor may be small.
  private let dots: [Emitted]
  private let center: Int32
  private let sub: Int32
  private let mul: Int32
  private let fma: Int32
  private let add: Int32

  /// The passes with superinstructions, and without what nothing reads any more.
  static func fused(_ passes: [[Emitted]]) throws(NormaError) -> [[Emitted]] {
    var definitions: [Int: Emitted] = [:]
    for emitted in passes.joined() {
      if let target = emitted.target { definitions[target] = emitted }
    }
    let dots = passes.joined().filter { Int($0.instruction.what) == CK_DO_DOT }
    let fusion = try TileFusion(definitions, dots: dots)
    return withoutUnread(passes.map { fusion.paired(merged($0.map(fusion.replacement))) })
  }

  private init(_ definitions: [Int: Emitted], dots: [Emitted]) throws(NormaError) {
    self.definitions = definitions
    self.dots = dots
    center = try KernelOperation.index("center")
    sub = try KernelOperation.index("sub")
    mul = try KernelOperation.index("mul")
    fma = try KernelOperation.index("fma")
    add = try KernelOperation.index("add")
  }

  // MARK: forms

  /// ((a - b) - c) d of a full operand a.
  private struct Centered {
    var a: Operand
    var b = TileFusion.constant(0)
    var c = TileFusion.constant(0)
    var d = TileFusion.constant(1)
    var length = 0
  }
  /// e f of a full operand e.
  private struct Scaled {
    var e: Operand
    var f = TileFusion.constant(1)
    var length = 0
  }

  private static func constant(_ value: Float) -> ck_view {
    var view = ck_view()
    view.kind = Int32(CK_VIEW_CONSTANT)
    view.constant = value
    return view
  }

  private func isFull(_ operand: Operand) -> Bool {
    operand.register != nil || Int(operand.view.kind) == CK_VIEW_TENSOR
  }

  private func operands(_ emitted: Emitted) -> (a: Operand, b: Operand, c: Operand) {
    let i = emitted.instruction
    return (
      Operand(view: i.a, register: emitted.a), Operand(view: i.b, register: emitted.b),
      Operand(view: i.c, register: emitted.c)
    )
  }

  /// What computes an operand, when it is a register of this kind.
  private func definition(_ operand: Operand, _ operation: Int32) -> Emitted? {
    guard let found = operand.register.flatMap({ definitions[$0] }),
      Int(found.instruction.what) == CK_DO_MAP, found.instruction.operation == operation
    else { return nil }
    return found
  }

  /// The full and the small factor of a product.
  private func split(_ a: Operand, _ b: Operand) -> (full: Operand, small: ck_view)? {
    switch (isFull(a), isFull(b)) {
    case (true, false): (a, b.view)
    case (false, true): (b, a.view)
    default: nil
    }
  }

  private func centered(_ operand: Operand) -> Centered {
    if let found = definition(operand, center) {
      let (a, b, c) = operands(found)
      if isFull(a), !isFull(b), !isFull(c) {
        return Centered(a: a, b: b.view, c: c.view, length: 1)
      }
    }
    if let found = definition(operand, sub) {
      let (a, b, _) = operands(found)
      if isFull(a), !isFull(b) { return Centered(a: a, b: b.view, length: 1) }
    }
    if let found = definition(operand, mul) {
      let (a, b, _) = operands(found)
      if let (full, small) = split(a, b) {
        var inner = centered(full)
        if definition(full, mul) == nil {
          inner.d = small
          inner.length += 1
          return inner
        }
      }
    }
    return Centered(a: operand)
  }

  private func scaled(_ operand: Operand) -> Scaled {
    if let found = definition(operand, mul) {
      let (a, b, _) = operands(found)
      if let (full, small) = split(a, b) { return Scaled(e: full, f: small, length: 1) }
    }
    return Scaled(e: operand)
  }

  // MARK: kinds

  /// How operands that are declared together vary along rows; nil when no loop has them so.
  private func varies(_ views: [ck_view]) -> Bool? {
    let columns = views.contains { $0.inner_stride != 0 }
    let fits = views.allSatisfy { view in
      if Int(view.kind) == CK_VIEW_CONSTANT {
        return !columns || view.constant == 0 || view.constant == 1
      }
      return !columns || view.inner_stride != 0
    }
    return fits ? columns : nil
  }

  /// Declares how the operands vary, if there is a loop for it.
  private func declare(
    _ emitted: inout Emitted, stats: [ck_view], factors: [ck_view]
  ) -> Bool {
    guard let s = varies(stats), let f = varies(factors) else { return false }
    if s && !f {
      // Loops with statistics along rows have factors along rows too.
      guard varies(factors + [stats.first { $0.inner_stride != 0 } ?? ck_view()]) != nil else {
        return false
      }
    }
    emitted.instruction.stats_vary = s ? 1 : 0
    emitted.instruction.factors_vary = s || f ? 1 : 0
    return true
  }

  // MARK: replacement

  private func replacement(_ emitted: Emitted) -> Emitted {
    switch Int(emitted.instruction.what) {
    case CK_DO_MAP: gradient(emitted) ?? normalized(emitted) ?? emitted
    case CK_DO_SUM, CK_DO_DOT: sums(emitted)
    default: emitted
    }
  }

  private func started(_ emitted: Emitted, _ what: Int) -> Emitted {
    var new = Emitted(instruction: emitted.instruction, target: emitted.target)
    new.instruction.what = Int32(what)
    new.instruction.second_accumulator = -1
    let (zero, one) = (TileFusion.constant(0), TileFusion.constant(1))
    new.instruction.b = zero
    new.instruction.c = zero
    new.instruction.d = one
    new.instruction.f = one
    new.instruction.g = one
    new.instruction.h = zero
    return new
  }

  private func set(_ emitted: inout Emitted, _ t: Centered) {
    emitted.instruction.a = t.a.view
    emitted.a = t.a.register
    emitted.instruction.b = t.b
    emitted.instruction.c = t.c
    emitted.instruction.d = t.d
  }

  private func set(_ emitted: inout Emitted, _ e: Scaled) {
    emitted.instruction.e = e.e.view
    emitted.e = e.e.register
    emitted.instruction.f = e.f
  }

  /// ((a - b) - c) d f + h.
  private func normalized(_ emitted: Emitted) -> Emitted? {
    let (a, b, c) = operands(emitted)
    var new = started(emitted, Int(CK_DO_NORMALIZE))
    let full: Operand
    switch emitted.instruction.operation {
    case fma:
      guard let (x, f) = split(a, b), !isFull(c) else { return nil }
      (full, new.instruction.f, new.instruction.h) = (x, f, c.view)
    case mul:
      guard let (x, f) = split(a, b) else { return nil }
      (full, new.instruction.f) = (x, f)
    case add:
      guard let (x, h) = split(a, b) else { return nil }
      (full, new.instruction.h) = (x, h)
    default: return nil
    }
    let t = centered(full)
    // One instruction replaced by one is gained only where it writes a tensor, past the cache.
    guard t.length > 0 || Int(emitted.instruction.target.kind) == CK_VIEW_TENSOR else { return nil }
    set(&new, t)
    new.instruction.e = t.a.view
    let i = new.instruction
    return declare(&new, stats: [i.b, i.c, i.d], factors: [i.f, i.h]) ? new : nil
  }

  /// ((a - b) - c) d + (e f g + h).
  private func gradient(_ emitted: Emitted) -> Emitted? {
    let (a, b, c) = operands(emitted)
    switch emitted.instruction.operation {
    case fma:
      guard let (x, d) = split(a, b), isFull(c) else { return nil }
      var t = centered(x)
      if definition(x, mul) == nil {
        t.d = d
        return completed(emitted, t, c)
      }
      // A product of three: then it is the gradient's, and what is added is the input's.
      t = centered(c)
      return t.length > 0 ? completed(emitted, t, scaled(x), g: d) : nil
    case add:
      guard isFull(a), isFull(b) else { return nil }
      let (first, second) = (centered(a), centered(b))
      if first.length > 0 { return completed(emitted, first, b) }
      return second.length > 0 ? completed(emitted, second, a) : nil
    default: return nil
    }
  }

  private func completed(_ emitted: Emitted, _ t: Centered, _ rest: Operand) -> Emitted? {
    if let found = definition(rest, fma) {
      let (a, b, c) = operands(found)
      if let (x, g) = split(a, b), !isFull(c) {
        return completed(emitted, t, scaled(x), g: g, h: c.view)
      }
    } else if let found = definition(rest, mul) {
      let (a, b, _) = operands(found)
      if let (x, g) = split(a, b) { return completed(emitted, t, scaled(x), g: g) }
    } else if let found = definition(rest, add) {
      let (a, b, _) = operands(found)
      if let (x, h) = split(a, b) { return completed(emitted, t, scaled(x), h: h) }
    }
    return completed(emitted, t, Scaled(e: rest))
  }

  private func completed(
    _ emitted: Emitted, _ t: Centered, _ e: Scaled, g: ck_view = TileFusion.constant(1),
    h: ck_view = TileFusion.constant(0)
  ) -> Emitted? {
    var new = started(emitted, Int(CK_DO_GRADIENT))
    set(&new, t)
    (new.instruction.g, new.instruction.h) = (g, h)
    set(&new, e)
    for _ in 0..<2 {
      let i = new.instruction
      if declare(&new, stats: [i.b, i.c, i.d, i.g, i.h], factors: [i.f]) { return new }
      (new.instruction.f, new.instruction.g) = (i.g, i.f)
    }
    return nil
  }

  /// Sums of e f ((a - b) - c) d, or of e f alone.
  private func sums(_ emitted: Emitted) -> Emitted {
    let (a, b, _) = operands(emitted)
    if Int(emitted.instruction.what) == CK_DO_SUM {
      return firsts(emitted, [scaled(a), Scaled(e: a)])
    }
    if let (full, small) = split(a, b) {
      return products(emitted, full, small) ?? firsts(emitted, [Scaled(e: full, f: small)])
    }
    var new = started(emitted, Int(CK_DO_SUMS))
    new.instruction.is_square = isSame(a, b) ? 1 : 0
    let orders = [(scaled(a), centered(b)), (scaled(b), centered(a))]
      .sorted { $0.0.length + $0.1.length > $1.0.length + $1.1.length }
    let plain = (Scaled(e: a), Centered(a: b))
    for (e, t) in orders + [plain] {
      set(&new, e)
      set(&new, t)
      let i = new.instruction
      guard declare(&new, stats: [i.b, i.c, i.d], factors: [i.f]) else { continue }
      new.instruction.is_bare = e.length + t.length == 0 ? 1 : 0
      break
    }
    return new
  }

  /// The sum of a small factor times a product of two full ones: the factor joins the one that another
  /// sum has it with, else the other.
  private func products(_ emitted: Emitted, _ product: Operand, _ small: ck_view) -> Emitted? {
    guard let found = definition(product, mul) else { return nil }
    let (a, b, _) = operands(found)
    guard isFull(a), isFull(b) else { return nil }
    let (e, t) = centered(a).length > 0 ? (b, a) : (a, b)
    let isShared = dots.contains { other in
      let (x, y, _) = operands(other)
      guard let (full, factor) = split(x, y) else { return false }
      return isSame(full, e) && TileFusion.isSame(factor, small)
    }
    var new = started(emitted, Int(CK_DO_SUMS))
    var second = centered(t)
    if isShared {
      set(&new, Scaled(e: e, f: small))
    } else {
      guard definition(t, mul) == nil else { return nil }
      second.d = small
      set(&new, Scaled(e: e))
    }
    set(&new, second)
    let i = new.instruction
    return declare(&new, stats: [i.b, i.c, i.d], factors: [i.f]) ? new : nil
  }

  private func firsts(_ emitted: Emitted, _ forms: [Scaled]) -> Emitted {
    var new = started(emitted, Int(CK_DO_SUMS))
    new.instruction.second_accumulator = new.instruction.accumulator
    new.instruction.accumulator = -1
    for form in forms {
      set(&new, form)
      new.instruction.a = form.e.view
      new.a = form.e.register
      guard declare(&new, stats: [], factors: [new.instruction.f]) else { continue }
      new.instruction.is_bare = form.length == 0 && isNeutral(form.f) ? 1 : 0
      break
    }
    return new
  }

  private func isNeutral(_ view: ck_view) -> Bool {
    Int(view.kind) == CK_VIEW_CONSTANT && view.constant == 1
  }

  private func isSame(_ a: Operand, _ b: Operand) -> Bool {
    a.register == b.register && (a.register != nil || TileFusion.isSame(a.view, b.view))
  }

  private static func isSame(_ a: ck_view, _ b: ck_view) -> Bool {
    a.kind == b.kind && a.index == b.index && a.lead == b.lead && a.row_stride == b.row_stride
      && a.inner_stride == b.inner_stride && a.constant == b.constant
  }

  // MARK: lists

  /// Sums of the first factor join the products that have it.
  private static func merged(_ list: [Emitted]) -> [Emitted] {
    var list = list
    for index in list.indices.reversed() {
      let lone = list[index]
      guard Int(lone.instruction.what) == CK_DO_SUMS, lone.instruction.accumulator < 0 else {
        continue
      }
      let host = list.indices.first { other in
        let i = list[other].instruction
        return Int(i.what) == CK_DO_SUMS && i.accumulator >= 0 && i.second_accumulator < 0
          && i.across == lone.instruction.across && list[other].e == lone.e
          && (lone.e != nil || isSame(i.e, lone.instruction.e)) && isSame(i.f, lone.instruction.f)
          && i.target.lead == lone.instruction.target.lead
          && i.target.row_stride == lone.instruction.target.row_stride
          && i.target.inner_stride == lone.instruction.target.inner_stride
      }
      guard let host else { continue }
      list[host].instruction.second_accumulator = lone.instruction.second_accumulator
      list.remove(at: index)
    }
    return list
  }

  /// Products of the same two full operands, centred alike, are added up by one loop: what factors the
  /// terms of a sum have in common comes last. One of the two has no factor of what is centred: without it
  /// small terms may vanish in float, and so they do there.
  private func paired(_ list: [Emitted]) -> [Emitted] {
    func suits(_ i: ck_instruction) -> Bool {
      guard Int(i.what) == CK_DO_SUMS, i.accumulator >= 0, i.is_square == 0 else { return false }
      return i.target.inner_stride == 0
        ? i.d.inner_stride == 0 && i.f.inner_stride == 0
        : i.target.row_stride == 0 && i.d.row_stride == 0 && i.f.row_stride == 0
    }
    func isTwin(_ a: Emitted, _ b: Emitted) -> Bool {
      let (i, j) = (a.instruction, b.instruction)
      func operands(_ x: Emitted) -> [Operand] {
        [
          Operand(view: x.instruction.a, register: x.a),
          Operand(view: x.instruction.e, register: x.e),
        ]
      }
      return suits(j) && zip(operands(a), operands(b)).allSatisfy(isSame)
        && TileFusion.isSame(i.b, j.b) && TileFusion.isSame(i.c, j.c)
        && (isNeutral(i.d) || isNeutral(j.d)) && i.target.inner_stride == j.target.inner_stride
    }
    var list = list
    var index = 0
    while index < list.count {
      defer { index += 1 }
      let first = list[index]
      guard suits(first.instruction),
        let centered = varies([first.instruction.b, first.instruction.c]),
        let other = list.indices.dropFirst(index + 1).first(where: { isTwin(first, list[$0]) })
      else { continue }
      let centers = [first.instruction.b, first.instruction.c]
      list[index].instruction.is_shared = 1
      list[index].instruction.stats_vary = centered ? 1 : 0
      list[index].instruction.is_bare =
        centers.allSatisfy { Int($0.kind) == CK_VIEW_CONSTANT && $0.constant == 0 } ? 1 : 0
      list.insert(list.remove(at: other), at: index + 1)
      index += 1
    }
    return list
  }

  /// Without instructions whose registers nothing reads.
  private static func withoutUnread(_ passes: [[Emitted]]) -> [[Emitted]] {
    var read: Set<Int> = []
    return Array(
      passes.reversed().map { list in
        Array(
          list.reversed().filter { emitted in
            if let target = emitted.target, !read.contains(target) { return false }
            read.formUnion([emitted.a, emitted.b, emitted.c, emitted.e].compactMap { $0 })
            return true
          }.reversed())
      }.reversed())
  }
}
