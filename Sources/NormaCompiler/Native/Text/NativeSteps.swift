import CKernels

/// Steps over small arrays as loops in double; what `ck_run_small` does, with every number known.
enum NativeSteps {
  /// The statements; `SD` and `D` are the shared and the worker's doubles, `SF` and `WF` their floats.
  /// With runs, only the indices of one. Steps that follow one another over the same indices are one loop.
  static func text(_ steps: Frozen<ck_step>, part runs: NativeRuns? = nil) -> [String] {
    var groups: [[ck_step]] = []
    for step in steps.buffer {
      if let last = groups.last?.last, isByIndex(last), isByIndex(step),
        array(last.extent) == array(step.extent)
      {
        groups[groups.count - 1].append(step)
      } else {
        groups.append([step])
      }
    }
    return groups.flatMap { group in
      isByIndex(group[0]) ? together(group, runs) : alone(group[0], runs)
    }
  }

  /// Whether a step does each index of an axis by itself.
  static func isSeparate(_ step: ck_step, along axis: Int) -> Bool {
    array(step.extent)[axis] > 1 && array(step.zs)[axis] != 0
  }

  /// Whether a step does every index by itself, and a compiler makes a vector of it.
  private static func isByIndex(_ step: ck_step) -> Bool {
    let name = ck_operation_name(step.operation).map { String(cString: $0) }
    if Int(step.what) == CK_STEP_MAP, NativeProgram.Value.isCostly(name) { return false }
    return Int(step.what) != CK_STEP_FOLD
      && zip(array(step.extent), array(step.zs)).allSatisfy { $0 == 1 || $1 != 0 }
  }

  /// A loop over indices; `isVector` says that none reads what another writes.
  private static func loop(
    _ extent: [Int64], _ runs: NativeRuns?, isVector: Bool = false, _ body: [String]
  ) -> [String] {
    let axes = extent.indices.filter { extent[$0] > 1 }
    let heads = axes.map { k in
      let (from, to) =
        runs.flatMap { k == $0.axis ? ("g0", $0.end) : nil } ?? ("0", "\(extent[k])")
      let vector = isVector && k == axes.last ? "APART " : ""
      return vector + "for (i64 x\(k) = \(from); x\(k) < \(to); x\(k)++) {"
    }
    return ["{"] + heads + body + axes.map { _ in "}" } + ["}"]
  }

  /// Steps over the same indices as one loop.
  private static func together(_ steps: [ck_step], _ runs: NativeRuns?) -> [String] {
    let outside = steps.first { Int($0.what) == CK_STEP_FLOAT && $0.c.offset >= 0 }?.c
    let lines = loop(array(steps[0].extent), runs, isVector: true, steps.flatMap(body))
    guard let outside else { return lines }
    let place = "\(outside.worker != 0 ? "D" : "SD")[\(outside.offset)]"
    return ["{ int outside = 0;"] + lines + ["if (outside) \(place) = 1; }"]
  }

  /// What a step does with one index.
  private static func body(_ step: ck_step) -> [String] {
    let values = Values(step)
    switch Int(step.what) {
    case CK_STEP_MAP:
      return ["\(values.z()) = \(values.mapped);"]
    case CK_STEP_MOMENTS:
      let (n, shift, sum) = (values.a(0), values.a(1), values.a(2))
      return [
        "{ const double n = \(n), mean = n > 0 ? \(shift) + \(sum) / n : 0;",
        "\(values.z()) = n; \(values.z(1)) = mean; \(values.z(2)) = \(values.rest); }",
      ]
    default:
      var lines = ["{ double v = \(values.a()); float h = (float)v; \(values.float(step.z)) = h;"]
      if step.b.offset >= 0 {
        lines.append("\(values.float(step.b)) = h - h == 0 ? (float)(v - (double)h) : 0;")
      }
      if step.c.offset >= 0 {
        // What is made for rows that the last slice lacks says nothing.
        let isRow = step.varying != 0 && step.extent.2 > 1 ? " & (x2 < rows)" : ""
        lines.append("v = v < 0 ? -v : v;")
        lines.append(
          "outside |= (!(v <= \(CK_LARGEST_EXACT)) | (v < 0x1p-126) & (v != 0))\(isRow);")
      }
      return lines + ["}"]
    }
  }

  /// A step by itself: a fold, or what a compiler makes no vector of.
  private static func alone(_ step: ck_step, _ runs: NativeRuns?) -> [String] {
    let values = Values(step)
    let (extent, zs) = (array(step.extent), array(step.zs))
    let kept = extent.indices.map { zs[$0] == 0 ? 1 : extent[$0] }
    switch Int(step.what) {
    case CK_STEP_FOLD:
      let start =
        step.start.isInfinite
        ? (step.start < 0 ? "-__builtin_inf()" : "__builtin_inf()") : "\(step.start)"
      let (z, x) = (values.z(), values.a())
      let body =
        switch Int(step.operation) {
        case CK_FOLD_SUM: "\(z) += \(x);"
        case CK_FOLD_MAX: "\(z) = nd_max(\(z), \(x));"
        default: "\(z) = nd_min(\(z), \(x));"
        }
      return loop(kept, runs, ["\(z) = \(start);"]) + loop(extent, runs, [body])
    case CK_STEP_MOMENTS:
      // The mean of all first, then how far parts are from it: no division waits for the one before.
      let folded = extent.indices.map { zs[$0] == 0 ? extent[$0] : 1 }
      let (n, shift, sum) = (values.a(0), values.a(1), values.a(2))
      return loop(
        kept, runs,
        ["double count = 0, sum = 0, rest = 0;"]
          + loop(folded, runs, ["count += \(n); sum += \(n) * \(shift) + \(sum);"])
          + ["const double mean = count > 0 ? sum / count : 0;"]
          + loop(folded, runs, ["rest += \(values.rest);"])
          + ["\(values.z()) = count; \(values.z(1)) = mean; \(values.z(2)) = rest;"])
    default: return loop(extent, runs, body(step))
    }
  }

  /// A step's numbers at the indices of its loop.
  private struct Values {
    let step: ck_step
    let extent: [Int64]

    init(_ step: ck_step) {
      self.step = step
      extent = array(step.extent)
    }

    /// An array of doubles, or one of its planes.
    private func double(
      _ place: ck_place, _ strides: (Int64, Int64, Int64, Int64, Int64), plane: Int64
    ) -> String {
      "(\(place.worker != 0 ? "D" : "SD"))[\(index(place.offset + Int32(plane), array(strides)))]"
    }
    func z(_ plane: Int64 = 0) -> String { double(step.z, step.zs, plane: plane * step.z_plane) }
    func a(_ plane: Int64 = 0) -> String { double(step.a, step.as, plane: plane * step.a_plane) }
    func float(_ place: ck_place) -> String {
      "((float *)\(place.worker != 0 ? "WF" : "SF"))[\(index(place.offset, array(step.zs)))]"
    }
    var mapped: String {
      let name = ck_operation_name(step.operation).map { String(cString: $0) } ?? "copy"
      let all = [a(), double(step.b, step.bs, plane: 0), double(step.c, step.cs, plane: 0)]
      let operands = all.prefix(Int(ck_operation_arity(step.operation))).joined(separator: ", ")
      return "nd_\(name)(\(operands))"
    }
    /// What a part adds to the squares about the mean of all.
    var rest: String { "about_mean(\((0..<4).map { a($0) }.joined(separator: ", ")), mean)" }

    private func index(_ offset: Int32, _ strides: [Int64]) -> String {
      let terms = strides.indices.filter { strides[$0] != 0 && extent[$0] > 1 }
        .map { "x\($0) * \(strides[$0])" }
      return (["\(offset)"] + terms).joined(separator: " + ")
    }
  }

  private static func array(_ v: (Int64, Int64, Int64, Int64, Int64)) -> [Int64] {
    [v.0, v.1, v.2, v.3, v.4]
  }
}
