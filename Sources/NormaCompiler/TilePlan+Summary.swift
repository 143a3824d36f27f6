import CKernels
import NormaCore

extension TilePlan {
  /// What the plan does, for people: schedule, passes, operations and bytes.
  func summary(keeps savedBytes: Int?) -> String {
    let order =
      switch form.order {
      case .channelsLast: form.packed ? "packed to channels-last" : "channels-last"
      case .groupRows: "channels-last, a row for each group" + (form.packed ? ", packed" : "")
      case .channelsFirst: "channels-first"
      }
    let slice =
      switch level {
      case .rows: "slices of \(sliceRows) rows, each row with its own statistics"
      case .sample: "one sample at a time, each with its own statistics"
      case .channel where form.order == .channelsLast:
        "\(inner) channels at a time in all rows, each with its own statistics"
      case .channel: "one channel at a time in all samples, each with its own statistics"
      case .whole: "pass by pass over the whole tensor"
      }
    var lines = [
      "  layout    \(extents.count(form.rowRoles)) rows of \(extents.count(form.innerRoles)), \(order)",
      "  schedule  \(slice)",
      "  tiles     \(tileRows) x \(tileInner), \(unitCount) pieces of work",
    ]
    for (number, pass) in passes.enumerated() {
      lines.append(
        "  pass \(number + 1)    \(pass.single.count) operations on tiles,"
          + " \(pass.sliceSteps.count + pass.sharedSteps.count) on statistics;"
          + " interpreted as \(TilePlan.names(of: pass.fused))")
    }
    let tensor = rows * inner * 4
    let reads = bytesRead(tensor)
    let writes = tensorsOfPasses.reduce(0) { $0 + $1.written.count } * tensor
    lines.append("  memory    \(reads) bytes read, \(writes) written")
    if let savedBytes { lines.append("  keeps     \(savedBytes) bytes for backward") }
    return lines.joined(separator: "\n")
  }

  /// The instructions that are interpreted, each by its kind or operation.
  private static func names(of program: Frozen<ck_instruction>) -> String {
    var names = program.buffer.map { instruction in
      switch Int(instruction.what) {
      case CK_DO_MAP: ck_operation_name(instruction.operation).map { String(cString: $0) } ?? "map"
      case CK_DO_POSITION: "position"
      case CK_DO_MOMENTS: "moments"
      case CK_DO_MAX: "maximum"
      case CK_DO_MIN: "minimum"
      case CK_DO_NORMALIZE: "normalize"
      case CK_DO_GRADIENT: "gradient"
      default:
        instruction.accumulator >= 0 && instruction.second_accumulator >= 0 ? "two sums" : "sum"
      }
    }
    for (k, instruction) in program.buffer.enumerated().reversed() where instruction.is_shared != 0
    {
      names[k] += " with " + names.remove(at: k + 1)
    }
    return names.isEmpty ? "nothing" : names.joined(separator: ", ")
  }

  /// How often tensors are read from beyond the cache: once a slice, or once a pass over the whole.
  var tensorPasses: Int {
    level == .whole ? max(1, tensorsOfPasses.filter { !$0.read.isEmpty }.count) : 1
  }

  /// Bytes moved to and from memory.
  var bytesMoved: Int {
    let tensor = rows * inner * 4
    return bytesRead(tensor) + tensorsOfPasses.reduce(0) { $0 + $1.written.count } * tensor
  }

  /// Whether a tensor is read.
  func reads(tensor: Int32) -> Bool { tensorsOfPasses.contains { $0.read.contains(tensor) } }

  /// Whether what is read of so many rows of slices is no more than `most` bytes: a cache has room for it.
  func reads(rows: Int, within most: Int) -> Bool {
    level != .whole && bytesRead(rows * inner * 4) <= most
  }

  private func bytesRead(_ tensor: Int) -> Int {
    if level == .whole { return tensorsOfPasses.reduce(0) { $0 + $1.read.count } * tensor }
    let (read, written) = tensorsOfPasses.reduce((Set<Int32>(), Set<Int32>())) {
      ($0.0.union($1.read), $0.1.union($1.written))
    }
    return read.subtracting(written).count * tensor
  }

  /// The tensors that each pass reads from memory, and those that it writes.
  private var tensorsOfPasses: [(read: Set<Int32>, written: Set<Int32>)] {
    passes.map { pass in
      var (read, written): (Set<Int32>, Set<Int32>) = ([], [])
      for instruction in pass.single.buffer {
        for view in [instruction.a, instruction.b, instruction.c]
        where view.kind == Int32(CK_VIEW_TENSOR) && !written.contains(view.index) {
          read.insert(view.index)
        }
        let isMap = [CK_DO_MAP, CK_DO_POSITION].contains(Int(instruction.what))
        if isMap, instruction.target.kind == Int32(CK_VIEW_TENSOR) {
          written.insert(instruction.target.index)
        }
      }
      return (read, written)
    }
  }
}
