/// Rows that do not end with a vector, written across their ends: the vector at the end of a row has the
/// first values of the next. Every store is aligned then, and may go past the cache; within it, too, rows
/// of 196 values were measured to take a twentieth less.
extension NativeLoops {
  /// Whether nothing is summed, rows lie side by side, and all that their values need beside tensors is one
  /// number a row. Not where statistics are of the whole: its passes go to and fro, and were measured to
  /// take up to a fifth longer.
  var goesAcross: Bool {
    guard pass.accumulations.isEmpty, tail > 0, inner >= lanes, plan.rowPitch == inner,
      plan.level != .whole
    else { return false }
    return program.made(for: pass.outputs.map(\.source), finding: pass.finds).allSatisfy {
      switch $0 {
      case .small(let small): small.address.inner == 0
      case .value(let index): program.values[index].address == nil
      case .constant, .tensor: true
      }
    }
  }

  /// Rows `row0 ..< row0 + n` from the first element on; `e` is the next that is written. Where they begin or
  /// end within a vector, another overlaps the one beside it.
  func acrossRows() -> [String] {
    let leaves = NativeBody.leaves(
      of: pass.outputs.map(\.source), in: program, finding: pass.finds)
    func vectors(
      _ count: Int, _ names: [NativeProgram.Source: String], isAligned: Bool = true
    ) -> [String] {
      var (lines, stores): ([String], [String]) = ([], [])
      for u in 0..<count {
        let body = NativeBody(
          self, tail: nil, column: column("0", vector: u), row: "q", start: "e", suffix: "_\(u)",
          names: names)
        let (statements, written) = filled(body, pass.outputs, isAligned: isAligned)
        if u * lanes % 16 == 0 { lines += ahead(leaves, "e + \(body.column)") }
        lines += statements
        stores += written
      }
      return lines + stores
    }
    let (numbers, names) = numbersOfRow(leaves, "q", "")
    let small = leaves.filter { if case .small = $0 { true } else { false } }
    let (nextNumbers, nextNames) = numbersOfRow(small, "q + 1", "n")
    let ofBoth = names.merging(nextNames) { own, next in "nk_if(own, \(own), \(next))" }
    let several = vectorsAtOnce
    var lines = [
      "i64 e = row0 * \(inner);", "for (i64 r = 0; r < n; r++) {",
      "const i64 q = q0 + r, end = (row0 + r + 1) * \(inner);",
    ]
    lines += numbers
    lines += ["if (e & (W - 1)) {"] + vectors(1, names, isAligned: false)
    lines += ["e = (e + W) & -W;", "}"]
    if several > 1 {
      lines += ["for (; e + \(several) * W <= end; e += \(several) * W) {"]
      lines += vectors(several, names) + ["}"]
    }
    lines += ["for (; e + W <= end; e += W) {"] + vectors(1, names) + ["}"]
    lines += ["if (e < end && r + 1 < n) {", "const vi own = lanes() < bi((int)(end - e));"]
    lines += nextNumbers + vectors(1, ofBoth) + ["e += W;"]
    lines += ["} else if (e < end) {", "e = end - W;"] + vectors(1, names, isAligned: false)
    return lines + ["}", "}"]
  }
}
