/// Rows that do not end with a vector, written across their ends: the vector at the end of a row has the
/// first values of the next. Every store is aligned then, and may go past the cache; within it, too, rows
/// of 196 values were measured to take a twentieth less.
extension NativeLoops {
  /// Whether nothing is summed, rows lie side by side, and values do not count columns. Not where statistics
  /// are of the whole: its passes go to and fro, and were measured to take up to a fifth longer. Nor in
  /// short rows with arrays along them, which are read in parts where rows meet: a tenth to half longer.
  var goesAcross: Bool {
    guard pass.accumulations.isEmpty, tail > 0, inner >= lanes, plan.rowPitch == inner,
      plan.level != .whole
    else { return false }
    let isLong = inner >= (plan.streams ? 3 : 16) * lanes
    return program.made(for: pass.outputs.map(\.source), finding: pass.finds).allSatisfy {
      switch $0 {
      case .small(let small): isLong || small.address.inner == 0
      case .value(let index): program.values[index].address == nil
      case .constant, .tensor: true
      }
    }
  }

  /// Rows `row0 ..< row0 + n` from the first element on; `e` is the next that is written. Where they begin or
  /// end within a vector, another overlaps the one beside it.
  func acrossRows() -> [String] {
    let leaves = leaves(of: pass.outputs.map(\.source))
    func vectors(
      _ count: Int, _ names: [NativeProgram.Source: String], isAligned: Bool = true
    ) -> [String] {
      var (lines, stores): ([String], [String]) = ([], [])
      for u in 0..<count {
        let body = NativeBody(
          self, tail: nil, column: column("0", vector: u), row: "q", start: "e", suffix: "_\(u)",
          names: names, inRow: column("(e - o)", vector: u))
        let (statements, written) = filled(body, pass.outputs, isAligned: isAligned)
        if u * lanes % 16 == 0 { lines += ahead(leaves, "e + \(body.column)") }
        lines += statements
        stores += written
      }
      return lines + stores
    }
    let (numbers, names) = numbersOfRow(leaves, "q", "")
    let several = vectorsAtOnce
    var lines = [
      "i64 e = row0 * \(inner);", "for (i64 r = 0; r < n; r++) {",
      "const i64 q = q0 + r, o = (row0 + r) * \(inner), end = o + \(inner);",
    ]
    lines += numbers
    lines += ["if (e & (W - 1)) {"] + vectors(1, names, isAligned: false)
    lines += ["e = (e + W) & -W;", "}"]
    if several > 1 {
      lines += ["for (; e + \(several) * W <= end; e += \(several) * W) {"]
      lines += vectors(several, names) + ["}"]
    }
    lines += ["for (; e + W <= end; e += W) {"] + vectors(1, names) + ["}"]
    lines += ["if (e < end && r + 1 < n) {"]
    let ofBoth = ofBothRows(leaves, names)
    lines += ofBoth.lines + vectors(1, ofBoth.names) + ["e += W;"]
    lines += ["} else if (e < end) {", "e = end - W;"] + vectors(1, names, isAligned: false)
    return lines + ["}", "}"]
  }

  /// What the vector at the end of a row, and the beginning of the next, has of small arrays.
  private func ofBothRows(
    _ leaves: [NativeProgram.Source], _ names: [NativeProgram.Source: String]
  ) -> (lines: [String], names: [NativeProgram.Source: String]) {
    var lines = ["const int k = end - e;", "const vi own = lanes() < bi(k);"]
    var ofBoth = names
    for (number, leaf) in leaves.enumerated() {
      let (place, next): (String, String)
      var isOneARow = false
      switch leaf {
      case .small(let small):
        (place, next) = (
          NativeBody.place(small, row: "q"), NativeBody.place(small, row: "q + 1")
        )
        isOneARow = small.address.inner == 0
      case .value(let index): (place, next) = (NativeBody.array(index), NativeBody.array(index))
      case .constant, .tensor: continue
      }
      let name = "b\(number)"
      if isOneARow {
        lines.append("const vf \(name) = nk_if(own, \(names[leaf] ?? ""), bc(*(\(next))));")
      } else {
        lines.append(
          "const vf \(name) = nk_if(own, ldn(\(place) + (e - o), k), ldbehind(\(next), k));")
      }
      ofBoth[leaf] = name
    }
    return (lines, ofBoth)
  }
}
