/// Short rows, as many at once as a vector has floats: to join the sums of each alone would be most of the
/// work.
extension NativeLoops {
  /// The most values of a row: a vector's floats are added in float up to the last two, so that sums of
  /// rows as long are as good as those of longer ones.
  private static let longestOfMany = 64

  /// Whether rows are short, each with sums of its own that lie side by side, and nothing is written.
  func joinsManyRows(
    _ sums: [Sum], _ all: [NativeProgram.Accumulation],
    _ outputs: [(tensor: Int32, source: NativeProgram.Source)], _ corrections: [Correction]
  ) -> Bool {
    let factors = sums.flatMap { $0.stored.compactMap { $0.factor?.source } }
    // Of one sum that would be less work, but memory, where a cache of usual size does not hold all
    // tensors, was measured to be slower by as much and more.
    let isWorthwhile =
      sums.count > 1 || all.contains { $0.family == .moments } || inner <= lanes
      || plan.rows * inner <= 1 << 20
    return inner <= NativeLoops.longestOfMany && lanes >= 8 && !sums.isEmpty && outputs.isEmpty
      && !isCostly && isWorthwhile
      && all.allSatisfy {
        [.sum, .dot, .moments].contains($0.family) && $0.isAlone(in: plan) && $0.address.row == 1
      }
      && (corrections.map(\.low) + factors).allSatisfy { doubles(of: $0) != nil }
  }

  /// The shifts of rows, where the values that are summed lie in tensors.
  func shiftsOfMany(_ sums: [NativeProgram.Accumulation]) -> [String] {
    let tensors = sums.compactMap { if case .tensor(let tensor) = $0.a { tensor } else { nil } }
    guard inner >= 4, tensors.count == sums.count else { return [] }
    return ["for (; r0 + W <= n; r0 += W) {"]
      + zip(sums, tensors).map { sum, tensor in
        "middles(\(place(sum, row: "q0 + r0")) + \(sum.plane),"
          + " t\(tensor) + (row0 + r0) * \(plan.rowPitch), \(plan.rowPitch));"
      } + ["}"]
  }

  /// The loop over whole groups of rows; those that are left begin at `r0`.
  ///
  /// - Parameter partialSums: a row's sums in float, in several parts, and what is done with as many.
  func manyRows(
    _ sums: [Sum], _ near: [Sum], _ corrections: [Correction], _ row: [String],
    _ partialSums: (_ joining: @escaping (_ count: Int) -> [String]) -> [String]
  ) -> [String] {
    // Of moments two sums.
    let parts = sums.flatMap { sum -> [(sum: String, part: String)] in
      let k = sum.number
      return [("d\(k)", "p\(k)")] + (sum.terms.family == .moments ? [("e\(k)", "z\(k)")] : [])
    }
    func at(_ sum: NativeProgram.Accumulation, _ plane: Int32 = 0) -> String {
      "\(place(sum, row: "q0 + r0")) + \(plane * sum.plane) + h"
    }
    var lines = ["for (r0 = 0; !wide && r0 + W <= n; r0 += W) {"]
    lines += parts.map { "vf g\($0.sum)[W]; double s\($0.sum)[W];" }
    lines += ["for (i64 r = r0; r < r0 + W; r++) {"] + row
    for (k, sum) in sums.map(\.numbered) where sum.family == .moments {
      lines.append("const vf k\(k) = bc((float)(\(place(sum, row: "q")))[\(sum.plane)]);")
    }
    lines += partialSums { count in
      parts.map { sum, part in
        "g\(sum)[r - r0] = \(NativeLoops.joined((0..<count).map { "\(part)_\($0)" }));"
      }
    }
    lines += ["}"] + parts.map { "sums(s\($0.sum), g\($0.sum));" }
    lines += ["for (int h = 0; h < W; h += W / 2) {"]
    lines += parts.map { "vd \($0.sum) = ldd(s\($0.sum) + h);" }
    lines += corrections.map { "d\($0.sum) -= d\($0.other) * \(doubles(of: $0.low) ?? "");" }
    for sum in sums {
      for (_, stored, factor) in sum.stored {
        let times = factor.flatMap { doubles(of: $0.source) }.map { " * \($0)" } ?? ""
        if stored.family == .moments {
          lines.append("std(\(at(stored)), (vd){} + \(inner));")
          lines.append(
            "std(\(at(stored, 2)), d\(sum.number)); std(\(at(stored, 3)), e\(sum.number));")
        } else {
          lines.append("std(\(at(stored)), d\(sum.number)\(times));")
        }
      }
    }
    return lines + ["}", "}"]
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
