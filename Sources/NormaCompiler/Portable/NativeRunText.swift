import CKernels
import NormaCore

/// One direction of a plan as C text: what `TileRun` does before, between and after the units.
struct NativeRunText {
  let text: [String]
  /// How the table has it: the function, bytes of workspace without and with the units, of a worker.
  let fields: String

  /// Writes the function `NAME_run`; nil where the plans of three batches do not lie on a line.
  init?(_ plans: [TilePlan], batches: [Int], name: String) {
    let plan = plans[0]
    func line(_ value: (TilePlan) -> Double) -> Affine? { Affine(plans.map(value), batches) }
    func same(_ value: (TilePlan) -> Int) -> Bool {
      plans.allSatisfy { value($0) == value(plan) }
    }
    guard same(\.inner), same(\.sharedDoubles), same(\.sharedFloats), same(\.workerDoubles),
      same(\.workerFloats), same(\.unitDoubles), same(\.tileRows), same(\.loads.count),
      same(\.wholeStores.count), same(\.stores.count),
      plan.level == .whole || same(\.sliceRows), plans.allSatisfy({ $0.level == plan.level }),
      let rows = line({ Double($0.rows) })
    else { return nil }
    let whole = plan.level == .whole
    var lines = [
      "static i64 \(name)_units(i64 batch) {",
      "  const i64 rows = \(rows.integer), size = rows * \(plan.inner);",
      "  const i64 pieces = \(whole ? "(rows + \(plan.tileRows - 1)) / \(plan.tileRows)" : "0");",
      "  const i64 slices = "
        + (whole ? "1;" : "(rows + \(plan.sliceRows - 1)) / \(plan.sliceRows);"),
      "  i64 units = \(TilePlanner.unitLimit), most = size / \(TilePlanner.unitFloats);",
      "  if (most < 1) most = 1;", "  if (units > most) units = most;",
      "  most = pieces > slices ? pieces : slices;", "  if (units > most) units = most;",
    ]
    if plan.unitDoubles > 0 {
      lines += [
        "  most = size / \(32 * plan.unitDoubles);", "  if (most < 2) most = 2;",
        "  if (units > most) units = most;",
      ]
    }
    lines += ["  return units;", "}"]
    // The units' functions, as the host calls them.
    let units = NativeText.names(plan, prefix: name)
    for unit in units {
      lines += [
        "static void \(unit)_body(void *context, i64 begin, i64 end, unsigned thread) {",
        "  const call *c = context;",
        "  for (i64 unit = begin; unit < end; unit++) \(unit)(c, unit, (int)thread);", "}",
      ]
    }
    lines += [
      "static int \(name)_run(special_job *j) {", "const i64 batch = j->batch;",
      "const i64 rows = \(rows.integer), units = \(name)_units(batch);",
      "char *memory = j->workspace;", "double *SD = (double *)memory;",
      "float *SF = (float *)(memory + \(TilePlan.aligned(plan.sharedDoubles * 8)));",
      "char *U = memory + \(plan.sharedBytes);",
      "double *D = (double *)j->scratch;",
      "float *WF = (float *)(j->scratch + \(TilePlan.aligned(plan.workerDoubles * 8)));",
      "const int threads = rows * \(plan.inner) < 32768 || units < 2 ? 1"
        + " : j->threads < units ? j->threads : (int)units;",
    ]
    // Where each saved value starts.
    var offsets: [String] = []
    for k in 0..<plan.savedOffsets.count {
      guard let offset = line({ Double($0.savedOffsets.buffer[k]) }), offset.isWhole else {
        return nil
      }
      offsets.append(offset.integer)
    }
    lines.append("const i64 offsets[] = {\((offsets + ["0"]).joined(separator: ", "))};")
    if plan.outsideWorker >= 0 {
      lines.append(
        "for (int t = 0; t < threads; t++) ((double *)(j->scratch + t * j->scratch_stride))"
          + "[\(plan.outsideWorker)] = 0;")
    }
    for k in plan.loads.indices {
      let load = plan.loads[k]
      guard same({ $0.loads[k].offset }), same({ $0.loads[k].count }) else { return nil }
      switch load.source {
      case .constant:
        let number = line { plan in
          if case .constant(let value) = plan.loads[k].source { value } else { .nan }
        }
        if let number {
          lines.append("SD[\(load.offset)] = \(number.text);")
        } else if case .constant(let value) = load.source, value.isInfinite || value.isNaN {
          lines.append("SD[\(load.offset)] = \(PortableText.number(value));")
        } else {
          return nil
        }
      case .table(let values):
        guard
          plans.allSatisfy({
            if case .table(let other) = $0.loads[k].source { other == values } else { false }
          })
        else { return nil }
        lines.append(
          "{ static const double table[] = {\(values.map { "\($0)" }.joined(separator: ", "))};"
            + " copy(SD + \(load.offset), table, sizeof table); }")
      case .hyper(let i): lines.append("SD[\(load.offset)] = j->hyper[\(i)];")
      case .parameter(let i):
        lines.append("loaded(SD + \(load.offset), j->parameters[\(i)], \(load.count));")
      case .buffer(let i):
        lines.append("loaded(SD + \(load.offset), j->buffers[\(i)], \(load.count));")
      case .saved(let i):
        lines.append("copy(SD + \(load.offset), j->saved + offsets[\(i)], 8 * \(load.count));")
      }
    }
    lines += NativeSteps.text(plan.prologue)
    lines += [
      "call c = {j->tensors, j->parameters, SD, SF, j->scratch, U, j->saved, offsets, rows,",
      "  \(whole ? "1" : "(rows + \(plan.sliceRows - 1)) / \(plan.sliceRows)"), units,"
        + " \(plan.tileRows), j->scratch_stride, \(plan.unitBytes),",
      "  rows * \(plan.inner) >= \(TilePlan.streamedCount(plan.level))};",
    ]
    func merges(_ list: [TilePlan.Merge]) -> [String] {
      list.map { merge in
        let name =
          switch merge.family {
          case .sum: "merge_sums"
          case .moments: "merge_moments"
          case .max: "merge_largest"
          case .min: "merge_smallest"
          }
        return "\(name)(SD + \(merge.sharedOffset), (double *)U + \(merge.unitOffset),"
          + " \(plan.unitBytes / 8), units, \(merge.count));"
      }
    }
    if whole {
      for (number, pass) in plan.passes.enumerated() {
        guard same({ $0.passes[number].merges.count }) else { return nil }
        lines += ["j->parallel(j, threads, units, \(units[number])_body, &c);"]
        lines += merges(pass.merges) + NativeSteps.text(pass.sharedSteps)
      }
    } else {
      lines += ["j->parallel(j, threads, units, \(units[0])_body, &c);"]
      lines += merges(plan.epilogueMerges)
    }
    lines += NativeSteps.text(plan.epilogue)
    if plan.outsideShared >= 0 { lines.append("if (SD[\(plan.outsideShared)] != 0) return 1;") }
    if plan.outsideWorker >= 0 {
      lines.append(
        "for (int t = 0; t < threads; t++) if (((double *)(j->scratch + t * j->scratch_stride))"
          + "[\(plan.outsideWorker)] != 0) return 1;")
    }
    for k in plan.wholeStores.indices {
      let move = plan.wholeStores[k]
      guard same({ $0.wholeStores[k].count }), same({ Int($0.wholeStores[k].place.offset) })
      else { return nil }
      lines.append(
        "if (j->saved) copy(j->saved + offsets[\(move.number)], SD + \(move.place.offset),"
          + " 8 * \(move.count));")
    }
    for store in plan.stores {
      switch store.target {
      case .buffer(let i):
        lines.append("stored(j->buffers[\(i)], SD + \(store.offset), \(store.count), 0, 1);")
      case .parameterGradient(let i):
        lines.append(
          "if (j->parameter_gradients[\(i)]) stored(j->parameter_gradients[\(i)], SD +"
            + " \(store.offset), \(store.count), j->accumulate, 0);")
      }
    }
    text = lines + ["return 0;", "}"]
    let worker =
      TilePlan.aligned(plan.workerDoubles * 8) + TilePlan.aligned(plan.workerFloats * 4)
    fields = "\(name)_run, \(name)_units, \(plan.sharedBytes), \(plan.unitBytes), \(worker)"
  }

  /// What stands between `NativePrelude` and the functions.
  static let types = """
    typedef struct special_job special_job;
    struct special_job {
      i64 batch;
      int threads, accumulate;
      float *const *tensors;
      const float *const *parameters;
      float *const *buffers;
      float *const *parameter_gradients;
      const double *hyper;
      double *saved;
      char *workspace, *scratch;
      i64 scratch_stride;
      void (*parallel)(special_job *, int threads, i64 count,
                       void (*body)(void *, i64, i64, unsigned), void *context);
      const void *owner;
    };
    typedef struct {
      int first;  /* space is the innermost axis, else channels are */
      /* Space 0: positions count as samples; chunk 0: not split; batch 0: any. */
      i64 space, channels, groups, chunk, batch;
      i64 saved_slope, saved_start;
      int (*forward)(special_job *);
      i64 (*forward_units)(i64);
      i64 forward_shared, forward_unit, forward_worker;
      int (*backward)(special_job *);
      i64 (*backward_units)(i64);
      i64 backward_shared, backward_unit, backward_worker;
    } special;

    """

  static let helpers = """
    IN void loaded(double *z, const float *a, i64 n) { for (i64 i = 0; i < n; i++) z[i] = a[i]; }
    IN void stored(float *z, const double *a, i64 n, int add, int saturate) {
      const double most = 0x1.fffffep127;
      for (i64 i = 0; i < n; i++) {
        const double v = add ? a[i] + (double)z[i] : a[i];
        z[i] = (float)(saturate ? v > most ? most : v < -most ? -most : v : v);
      }
    }
    IN void merge_sums(double *z, const double *u, i64 pitch, i64 units, i64 n) {
      for (i64 i = 0; i < n; i++) z[i] = 0;
      for (i64 k = 0; k < units; k++) for (i64 i = 0; i < n; i++) z[i] += u[k * pitch + i];
    }
    IN void merge_extremes(double *z, const double *u, i64 pitch, i64 units, i64 n, int largest) {
      for (i64 i = 0; i < n; i++) z[i] = largest ? -__builtin_inf() : __builtin_inf();
      for (i64 k = 0; k < units; k++)
        for (i64 i = 0; i < n; i++) {
          const double v = u[k * pitch + i];
          if (v != v || (largest ? v > z[i] : v < z[i])) z[i] = z[i] != z[i] ? z[i] : v;
        }
    }
    IN void merge_largest(double *z, const double *u, i64 pitch, i64 units, i64 n) {
      merge_extremes(z, u, pitch, units, n, 1);
    }
    IN void merge_smallest(double *z, const double *u, i64 pitch, i64 units, i64 n) {
      merge_extremes(z, u, pitch, units, n, 0);
    }
    IN void merge_moments(double *z, const double *u, i64 pitch, i64 units, i64 n) {
      for (i64 i = 0; i < n; i++) {
        double total = 0, sum = 0, m2 = 0;
        for (i64 k = 0; k < units; k++) {
          const double *p = u + k * pitch + i;
          total += p[0]; sum += p[0] * p[n] + p[2 * n];
        }
        const double mean = total > 0 ? sum / total : 0;
        for (i64 k = 0; k < units; k++) {
          const double *p = u + k * pitch + i;
          m2 += about_mean(p[0], p[n], p[2 * n], p[3 * n], mean);
        }
        z[i] = total; z[n + i] = mean; z[2 * n + i] = 0; z[3 * n + i] = m2;
      }
    }

    """
}
