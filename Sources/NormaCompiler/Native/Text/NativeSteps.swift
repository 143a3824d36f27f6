import CKernels

/// Steps over small arrays as loops in double; what `ck_run_small` does, with every number known.
enum NativeSteps {
  /// The statements; `SD` and `D` are the shared and the worker's doubles, `SF` and `WF` their floats.
  /// With runs, only the indices of one.
  static func text(_ steps: Frozen<ck_step>, part runs: NativeRuns? = nil) -> [String] {
    steps.buffer.flatMap { text($0, runs) }
  }

  /// Whether a step does each index of an axis by itself.
  static func isSeparate(_ step: ck_step, along axis: Int) -> Bool {
    array(step.extent)[axis] > 1 && array(step.zs)[axis] != 0
  }

  private static func text(_ step: ck_step, _ runs: NativeRuns?) -> [String] {
    func loop(_ extent: [Int64], _ body: [String]) -> [String] {
      let axes = extent.indices.filter { extent[$0] > 1 }
      let heads = axes.map { k in
        let (from, to) =
          runs.flatMap { k == $0.axis ? ("g0", $0.end) : nil } ?? ("0", "\(extent[k])")
        return "for (i64 x\(k) = \(from); x\(k) < \(to); x\(k)++) {"
      }
      return ["{"] + heads + body + axes.map { _ in "}" } + ["}"]
    }
    let extent = array(step.extent)
    let (zs, a, b, c) = (array(step.zs), array(step.as), array(step.bs), array(step.cs))
    func doubles(_ place: ck_place, _ strides: [Int64]) -> String {
      "(\(place.worker != 0 ? "D" : "SD"))[\(index(place.offset, strides, extent))]"
    }
    func floats(_ place: ck_place) -> String {
      "((float *)\(place.worker != 0 ? "WF" : "SF"))[\(index(place.offset, zs, extent))]"
    }
    let z = doubles(step.z, zs)
    let x = doubles(step.a, a)
    switch Int(step.what) {
    case CK_STEP_MAP:
      let name = ck_operation_name(step.operation).map { String(cString: $0) } ?? "copy"
      let operands = [x, doubles(step.b, b), doubles(step.c, c)]
        .prefix(Int(ck_operation_arity(step.operation))).joined(separator: ", ")
      return loop(extent, ["\(z) = nd_\(name)(\(operands));"])
    case CK_STEP_FOLD:
      let kept = extent.indices.map { zs[$0] == 0 ? 1 : extent[$0] }
      let start =
        step.start.isInfinite
        ? (step.start < 0 ? "-__builtin_inf()" : "__builtin_inf()") : "\(step.start)"
      let body =
        switch Int(step.operation) {
        case CK_FOLD_SUM: "\(z) += \(x);"
        case CK_FOLD_MAX: "\(z) = nd_max(\(z), \(x));"
        default: "\(z) = nd_min(\(z), \(x));"
        }
      return loop(kept, ["\(z) = \(start);"]) + loop(extent, [body])
    case CK_STEP_MOMENTS:
      func plane(_ k: Int64) -> String {
        doubles(
          ck_place(worker: step.z.worker, offset: step.z.offset + Int32(k * step.z_plane)), zs)
      }
      func source(_ k: Int64) -> String {
        doubles(ck_place(worker: step.a.worker, offset: step.a.offset + Int32(k * step.a_plane)), a)
      }
      let rest = "about_mean(\((0..<4).map(source).joined(separator: ", ")), mean)"
      let folds = extent.indices.contains { extent[$0] > 1 && zs[$0] == 0 }
      if !folds {
        return loop(
          extent,
          [
            "const double n = \(source(0)), mean = n > 0 ? \(source(1)) + \(source(2)) / n : 0;",
            "\(z) = n; \(plane(1)) = mean; \(plane(2)) = \(rest);",
          ])
      }
      // The mean of all first, then how far parts are from it: no division waits for the one before.
      let kept = extent.indices.map { zs[$0] == 0 ? 1 : extent[$0] }
      let folded = extent.indices.map { zs[$0] == 0 ? extent[$0] : 1 }
      return loop(
        kept,
        ["double count = 0, sum = 0, rest = 0;"]
          + loop(
            folded, ["count += \(source(0)); sum += \(source(0)) * \(source(1)) + \(source(2));"])
          + ["const double mean = count > 0 ? sum / count : 0;"]
          + loop(folded, ["rest += \(rest);"])
          + ["\(z) = count; \(plane(1)) = mean; \(plane(2)) = rest;"])
    default:
      var body = ["double v = \(x); float h = (float)v; \(floats(step.z)) = h;"]
      if step.b.offset >= 0 {
        body.append("\(floats(step.b)) = h - h == 0 ? (float)(v - (double)h) : 0;")
      }
      guard step.c.offset >= 0 else { return loop(extent, body) }
      body.append("v = v < 0 ? -v : v;")
      body.append("outside |= !(v <= \(CK_LARGEST_EXACT)) | (v < 0x1p-126) & (v != 0);")
      let place = "\(step.c.worker != 0 ? "D" : "SD")[\(step.c.offset)]"
      return ["{ int outside = 0;"] + loop(extent, body) + ["if (outside) \(place) = 1; }"]
    }
  }

  private static func index(_ offset: Int32, _ strides: [Int64], _ extent: [Int64]) -> String {
    let terms = strides.indices.filter { strides[$0] != 0 && extent[$0] > 1 }
      .map { "x\($0) * \(strides[$0])" }
    return (["\(offset)"] + terms).joined(separator: " + ")
  }

  private static func array(_ v: (Int64, Int64, Int64, Int64, Int64)) -> [Int64] {
    [v.0, v.1, v.2, v.3, v.4]
  }
}
