/// Short rows, of which as many as a vector has floats are summed at once: to join the vectors of each row
/// alone would be most of the work.
extension NativeLoops {
  /// The most values of a row. Of a vector's floats all but the last two sums are added in float, so that
  /// a value goes through as many additions in float as in longer rows.
  private static let longestOfMany = 64

  /// Whether rows are short, each with sums of its own that lie side by side, and nothing is written.
  func joinsManyRows(
    _ sums: [Sum], _ all: [NativeProgram.Accumulation],
    _ outputs: [(tensor: Int32, source: NativeProgram.Source)], _ corrections: [Correction]
  ) -> Bool {
    let factors = sums.flatMap { $0.stored.compactMap { $0.factor?.source } }
    // With one sum a row the gain was measured to be lost where results go past the cache.
    let isWorthwhile =
      sums.count > 1 || all.contains { $0.family == .moments } || inner <= lanes || !plan.streams
    return inner <= NativeLoops.longestOfMany && !sums.isEmpty && outputs.isEmpty && !isCostly
      && isWorthwhile
      && all.allSatisfy {
        [.sum, .dot, .moments].contains($0.family) && $0.isAlone(in: plan) && $0.address.row == 1
      }
      && (corrections.map(\.low.source) + factors).allSatisfy { doubles(of: $0) != nil }
  }

  /// A loop over groups of rows, which begin at `r0`; of a last one that is not whole, rows of the one
  /// before come again. Behind it `r0` is where rows begin that no group has: all, or none.
  private func groups(_ condition: String, _ lines: [String]) -> [String] {
    [
      "r0 = 0;", "if (MANY && \(condition)n >= W) {", "for (i64 r1 = 0; r1 < n; r1 += W) {",
      "r0 = r1 + W <= n ? r1 : n - W;",
    ] + lines + ["}", "r0 = n;", "}"]
  }

  /// The shifts of rows, where the values that are summed lie in tensors.
  func shiftsOfMany(_ sums: [NativeProgram.Accumulation]) -> [String] {
    let tensors = sums.compactMap { if case .tensor(let tensor) = $0.a { tensor } else { nil } }
    guard inner >= 4, tensors.count == sums.count else { return [] }
    return groups(
      "",
      zip(sums, tensors).map { sum, tensor in
        "middles(\(place(sum, row: "q0 + r0")) + \(sum.plane),"
          + " t\(tensor) + (row0 + r0) * \(plan.rowPitch), \(plan.rowPitch));"
      })
  }

  /// Sums of many rows: each row's vectors first, then all of them joined.
  func manyRows(
    _ sums: [Sum], _ near: [Sum], _ corrections: [Correction], _ row: [String],
    _ leaves: [NativeProgram.Source],
    _ body: (_ tail: Int?, _ column: String, _ suffix: String) -> NativeBody
  ) -> [String] {
    // Of moments two sums.
    let parts = sums.flatMap { sum -> [(sum: String, part: String)] in
      let k = sum.number
      return [("d\(k)", "p\(k)")] + (sum.terms.family == .moments ? [("e\(k)", "z\(k)")] : [])
    }
    func at(_ sum: NativeProgram.Accumulation, _ plane: Int32 = 0) -> String {
      "\(place(sum, row: "q0 + r0")) + \(plane * sum.plane) + h"
    }
    var lines = parts.map { "vf g\($0.sum)[W]; double s\($0.sum)[W];" }
    lines += ["for (i64 r = r0; r < r0 + W; r++) {"] + row
    for (k, sum) in sums.map(\.numbered) where sum.family == .moments {
      lines.append("const vf k\(k) = bc((float)(\(place(sum, row: "q")))[\(sum.plane)]);")
    }
    lines += partialSums(near, [], leaves, body) { count in
      parts.map { sum, part in
        "g\(sum)[r - r0] = \(NativeLoops.joined((0..<count).map { "\(part)_\($0)" }));"
      }
    }
    lines += ["}"] + parts.map { "sums(s\($0.sum), g\($0.sum));" }
    lines += ["for (int h = 0; h < W; h += W / 2) {"]
    lines += parts.map { "vd \($0.sum) = ldd(s\($0.sum) + h);" }
    lines += corrections.map { "d\($0.sum) -= d\($0.other) * \(doubles(of: $0.low.source) ?? "");" }
    for sum in sums {
      for (_, stored, factor) in sum.stored {
        let times = factor.flatMap { doubles(of: $0.source) }.map { " * \($0)" } ?? ""
        if stored.family == .moments {
          lines.append(
            "std(\(at(stored)), (vd){} + \(inner)); std(\(at(stored, 2)), d\(sum.number));")
          lines.append("std(\(at(stored, 3)), e\(sum.number));")
        } else {
          lines.append("std(\(at(stored)), d\(sum.number)\(times));")
        }
      }
    }
    return groups("!wide && ", lines + ["}"])
  }

  /// What half of the rows have of a small value, in double.
  private func doubles(of source: NativeProgram.Source) -> String? {
    switch source {
    case .constant(let bits):
      return "((vd){} + \(NativeBody.number(Float(bitPattern: bits))))"
    case .small(let small) where small.address.inner == 0:
      let place = NativeBody.place(small, row: "q0 + r0")
      switch small.address.row {
      case 0: return "((vd){} + *(\(place)))"
      case 1: return "ldw(\(place) + h)"
      default: return nil
      }
    default: return nil
    }
  }
}
