import CKernels
import NormaCore

extension TilePlan {
  /// What the plan does, for people: schedule, passes, operations and bytes.
  func summary(keeps savedBytes: Int?) -> String {
    let order =
      form.packed
      ? "packed to channels-last"
      : form.order == .channelsLast ? "channels-last" : "channels-first"
    let slice =
      switch level {
      case .rows: "slices of \(sliceRows) rows, each row with its own statistics"
      case .sample: "one sample at a time, each with its own statistics"
      case .whole: "pass by pass over the whole tensor"
      }
    var lines = [
      "  layout    \(rows) rows of \(inner), \(order)",
      "  schedule  \(slice)",
      "  tiles     \(tileRows) x \(tileInner), \(unitCount) pieces of work",
    ]
    for (number, pass) in passes.enumerated() {
      lines.append(
        "  pass \(number + 1)    \(pass.tiles.count) operations on tiles,"
          + " \(pass.sliceSteps.count + pass.sharedSteps.count) on statistics")
    }
    let tensor = rows * inner * 4
    let reads = bytesRead(tensor)
    lines.append("  memory    \(reads) bytes read, \(tensor) written")
    if let savedBytes { lines.append("  keeps     \(savedBytes) bytes for backward") }
    return lines.joined(separator: "\n")
  }

  /// How often tensors are read from beyond the cache: once a slice, or once a pass over the whole.
  var tensorPasses: Int {
    level == .whole ? max(1, tensorsOfPasses.filter { !$0.isEmpty }.count) : 1
  }

  private func bytesRead(_ tensor: Int) -> Int {
    if level == .whole { return tensorsOfPasses.map(\.count).reduce(0, +) * tensor }
    return tensorsOfPasses.reduce(Set<Int32>()) { $0.union($1) }.count * tensor
  }

  /// The tensors that each pass reads.
  private var tensorsOfPasses: [Set<Int32>] {
    passes.map { pass in
      var seen: Set<Int32> = []
      for i in 0..<pass.tiles.count {
        let instruction = pass.tiles.pointer[i]
        for view in [instruction.a, instruction.b, instruction.c]
        where view.kind == Int32(CK_VIEW_TENSOR) {
          seen.insert(view.index)
        }
      }
      return seen
    }
  }
}
