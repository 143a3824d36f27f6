import CKernels
import NormaCore

/// Runs of a slice's rows that go through all passes while they stay in the cache.
///
/// Where each row has statistics, or they belong to a channel or to a group of channels, and channels
/// are rows, nothing that one run finds is wanted by another of the same slice, but for sums of columns,
/// which wait until all runs have passed.
struct NativeRuns {
  /// The role along which a slice is taken apart: its number in the order of small arrays.
  let axis: Int
  /// How many indices the axis has, and how many of them a run has.
  let extent: Int
  let length: Int
  /// Rows of one index.
  let rows: Int

  /// About the most that a run reads in bytes, so that the first-level cache still has it when it writes.
  private static let bytes = 1 << 15

  /// Nil where a slice is small or one whole.
  init?(
    _ plan: TilePlan, _ passes: [NativeProgram.Pass], readCount: Int, waitingCount: Int?
  ) {
    let rowBytes = 4 * plan.inner * readCount
    switch plan.level {
    case .rows:
      (axis, extent, rows) = (2, plan.sliceRows, 1)
      let most = NativeRuns.bytes / max(rowBytes, 1)
      // Of long rows half as much, as what the next run reads comes in meanwhile: 4, 2 or 1 of a slice's
      // 8. Sums of columns pay off with 8 rows, or with fewer, but not one by one, where they can wait.
      let few = most >= 8 ? 4 : most >= 4 ? 2 : 1
      let takesEight = waitingCount.map { $0 > 0 && few == 1 } ?? true
      length = most >= 16 || takesEight ? max(8, most / 8 * 8) : few
      guard length < extent, passes.count > 1 else { return nil }
    case .sample where plan.form.order == .channelsFirst:
      let (groups, members) = (plan.extents.counts[3], plan.extents.counts[4])
      (axis, extent, rows) = groups > 1 ? (3, groups, members) : (4, members, 1)
      guard extent > 1, rowBytes * plan.sliceRows > NativeRuns.bytes else { return nil }
      // Runs of about equal length.
      let most = max(1, NativeRuns.bytes / (rowBytes * rows))
      let count = (extent + most - 1) / most
      length = (extent + count - 1) / count
    default: return nil
    }
    let steps = plan.passes.flatMap { Array($0.sliceSteps.buffer) }
    let isApart = steps.allSatisfy { NativeSteps.isSeparate($0, along: axis) }
    let own = passes.flatMap(\.accumulations).filter { !$0.across }
    guard isApart, own.allSatisfy({ part($0) != nil }) else { return nil }
  }

  /// The part of a sum's array that a run adds to: where it starts and how many numbers it has. Nil
  /// where runs add to the same numbers.
  func part(_ sum: NativeProgram.Accumulation) -> (start: String, count: String)? {
    let each = Int(sum.plane) / extent
    let lead = Int(sum.address.lead[2])
    let stride = axis == 3 && lead != 0 ? lead : Int(sum.address.row) * rows
    guard sum.isByRow, each * extent == Int(sum.plane), stride == each else { return nil }
    return ("g0 * \(each)", "(g1 - g0) * \(each)")
  }

  /// Where a run's indices end, for steps over small arrays. Of a few the number is fixed, counting rows
  /// that the last slice lacks, so that they are a vector; with more that was measured to be slower.
  var end: String { length < 8 && extent % length == 0 ? "g0 + \(length)" : "g1" }

  /// The loop over runs; the last slice of rows may have fewer of them.
  func text(_ body: (_ from: String, _ to: String) -> [String]) -> [String] {
    let end = axis == 2 ? "rows" : "\(extent)"
    return [
      "for (i64 g0 = 0; g0 < \(end); g0 += \(length)) {",
      "const i64 g1 = g0 + \(length) < \(end) ? g0 + \(length) : \(end);",
    ] + body("start + g0 * \(rows)", "start + g1 * \(rows)") + ["}"]
  }
}
