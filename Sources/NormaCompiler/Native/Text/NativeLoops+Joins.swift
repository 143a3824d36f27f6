/// How sums of columns in float join those in double.
extension NativeLoops {
  /// Adds the sums in float of a few rows to those in double.
  func join(
    _ loop: Sum, _ part: String, _ from: String, _ column: String, _ tail: Int?
  ) -> [String] {
    if loop.terms.isTotal {
      let kept = tail.map { "keep(\(from), \($0))" } ?? from
      return ["{ const vf x = \(kept); T\(loop.number) += lo(x) + hi(x); }"]
    }
    if isGathered(loop) {
      let at = "S\(loop.number) + \(column)"
      let (l, h) = ("lo(x)", "hi(x)")
      let add = tail.map { "widenn(\(at), \(l), \(h), \($0));" } ?? "widen(\(at), \(l), \(h));"
      return ["{ const vf x = \(from); \(add) }"]
    }
    let lines = loop.stored.map { number, sum, factor in
      let at = "A\(number) + \(column)"
      switch sum.family {
      case .max, .min:
        return "extremes(\(at), 1, x, \(tail.map(String.init) ?? "W"),"
          + " \(sum.family == .max ? 1 : 0));"
      default:
        let plane = sum.family != .moments ? 0 : part == "p" ? 2 * sum.plane : 3 * sum.plane
        let to = "\(at) + \(plane)"
        let (l, h) = factor == nil ? ("lo(x)", "hi(x)") : ("lo(x) * lo(f)", "hi(x) * hi(f)")
        let times = factor.map { "const vf f = \(self.factor($0, column, tail)); " } ?? ""
        return "{ \(times)"
          + (tail.map { "widenn(\(to), \(l), \(h), \($0)); }" } ?? "widen(\(to), \(l), \(h)); }")
      }
    }
    return ["{ const vf x = \(from);"] + lines + ["}"]
  }

  /// A sum's vector without what is taken off it at the end.
  func corrected(
    _ number: Int, _ corrections: [Correction], _ column: String, _ tail: Int?,
    _ vector: (_ number: Int) -> String
  ) -> String {
    guard let correction = corrections.first(where: { $0.sum == number })
    else { return vector(number) }
    return
      "\(vector(number)) - \(vector(correction.other)) * \(factor(correction.low, column, tail))"
  }

  /// Lines that add to the totals `T` of sums over everything, with their beginning and end.
  func totalled(_ sums: [Sum], _ lines: [String]) -> [String] {
    let totals = sums.filter(\.terms.isTotal)
    return totals.map { "vd T\($0.number) = {};" } + lines
      + totals.flatMap { sum in
        sum.stored.map { number, _, factor in
          let times = factor.map { " * (double)\(self.factor($0, "0", nil))[0]" } ?? ""
          return "A\(number)[0] += hs(T\(sum.number))\(times);"
        }
      }
  }

  /// Whether a sum of columns waits in an array `S` of its own until all rows have passed, as more than
  /// one sum is made of it and rows are many.
  func isGathered(_ sum: Sum) -> Bool {
    sum.stored.count > 1 && !sum.terms.isTotal && plan.level == .sample
      && min(program.rowsAtOnce, plan.blockRows) >= 64
      && inner <= 1024 && [.sum, .dot].contains(sum.terms.family)
      && sum.stored.allSatisfy { $0.sum.address.row == 0 }
  }

  /// Adds an array `S` to what is made of it.
  func spread(_ loop: Sum) -> [String] {
    loop.stored.map { number, sum, factor in
      let times = factor.map { " * (double)\(columnFactor($0))" } ?? ""
      return "{ double *A = \(place(sum, row: "q0"));"
        + " for (i64 i = 0; i < \(inner); i++) A[i] += S\(loop.number)[i]\(times); }"
    }
  }

  /// A factor of sums of columns at column `i`.
  private func columnFactor(_ factor: NativeProgram.Factor) -> String {
    switch factor {
    case .constant(let bits): NativeBody.number(Float(bitPattern: bits))
    case .small(let small):
      "(\(NativeBody.place(small, row: "0")))[\(small.address.inner == 0 ? "0" : "i")]"
    }
  }

  /// A factor of sums of columns, as a vector.
  func factor(_ factor: NativeProgram.Factor, _ column: String, _ tail: Int?) -> String {
    guard case .small(let small) = factor, small.address.inner != 0 else {
      return "bc(\(columnFactor(factor)))"
    }
    let place = "\(NativeBody.place(small, row: "0")) + \(column)"
    return tail.map { "ldn(\(place), \($0))" } ?? "ld(\(place))"
  }
}
