package import NormaCore
import NormaGraph

/// The machine code's text of a norm for one size of channels and space and any batch, with what runs it:
/// `TileRun` in C.
///
/// What depends on the batch is found by planning three of them: where a number is no straight line
/// through all three, or the text differs, it serves the batch of the tensor only.
package struct NativeSpecial {
  /// The C text behind `NativePrelude` and `NativeRunText.types`: functions `NAME_forward`,
  /// `NAME_backward` and the table entry `NAME`.
  package let text: String
  /// Writes the text; nil when this norm has no such code for the tensor.
  ///
  /// - Parameter lanes: floats of a vector, 16 or 8.
  package init?(
    _ program: NormProgram, layout: TensorLayout, lanes: Int, name: String
  ) throws(NormaError) {
    guard program.fusion.isEmpty, program.secondInputs.isEmpty, layout.isContiguous,
      !layout.channelAxes.contains(0), layout.shape.count >= 2, layout.count > 0,
      try !WindowKernel.isNeeded(program, layout)
    else { return nil }
    let rows = try Self.rows(program, layout)
    let base = (rows ?? layout).batchCount * max(1, (1 << 16) / layout.count + 1)
    var found = try Self.text(
      program, rows ?? layout, lanes, name, [base, 2 * base, 3 * base], rows != nil)
    if found == nil {
      let fixed = [Int](repeating: layout.batchCount, count: 3)
      found = try Self.text(program, layout, lanes, name, fixed, false)
    }
    guard let found else { return nil }
    text = found
  }

  /// The tensor as rows of channels, where to the formula positions are as good as samples.
  private static func rows(
    _ program: NormProgram, _ layout: TensorLayout
  ) throws(NormaError) -> TensorLayout? {
    let kernel = try TilesKernel(program: program, layout: layout)
    let plan = kernel.tiles.forward.plan
    guard plan.level == .rows, !plan.form.packed, kernel.treatsPositionsAsSamples else {
      return nil
    }
    let channels = layout.channelAxes.map { layout.shape[$0] }
    return try TensorLayout(
      shape: [layout.batchCount * layout.spaceCount] + channels,
      axis: Array(1...max(channels.count, 1)))
  }

  private static func text(
    _ program: NormProgram, _ layout: TensorLayout, _ lanes: Int, _ name: String, _ batches: [Int],
    _ isPerRow: Bool
  ) throws(NormaError) -> String? {
    let isOpen = batches[0] != batches[1]
    var kernels: [TilesKernel] = []
    for batch in batches {
      var shape = layout.shape
      shape[0] = batch
      kernels.append(
        try TilesKernel(
          program: program, layout: TensorLayout(shape: shape, axis: layout.channelAxes)))
    }
    let updated = Set(program.updates.map(\.name))
    guard !kernels[0].keepsBuffers(updated) else { return nil }
    func open(_ plan: TilePlan) -> TilePlan {
      var plan = plan
      plan.mayStream = true
      return plan
    }
    let forward = kernels.map { open($0.compiled.forward.plan) }
    let backward = kernels.compactMap { $0.compiled.backward.map { open($0.plan) } }
    guard !forward[0].form.packed,
      let lines = NativeText.functions(forward[0], prefix: name + "_f", lanes),
      NativeText.functions(forward[2], prefix: name + "_f", lanes) == lines,
      let run = NativeRunText(forward, batches: batches, name: name + "_f")
    else { return nil }
    var all = lines + run.text
    let savedDoubles = kernels.map { Double($0.savedDoubles) }
    guard let saved = Affine(savedDoubles, batches), saved.isWhole else { return nil }
    var backwardFields = "0, 0, 0, 0"
    if backward.count == 3 {
      guard let lines = NativeText.functions(backward[0], prefix: name + "_b", lanes),
        NativeText.functions(backward[2], prefix: name + "_b", lanes) == lines,
        let run = NativeRunText(backward, batches: batches, name: name + "_b")
      else { return nil }
      all += lines + run.text
      backwardFields = run.fields
    }
    let order =
      switch forward[0].form.order {
      case .channelsLast, .groupRows: "0"
      case .channelsFirst: "1"
      }
    let extents = forward[0].extents
    all += [
      "const special \(name) = {\(order), \(isPerRow ? 0 : layout.spaceCount),"
        + " \(layout.channelCount), \(extents.count(.group)), \(program.splits.chunkSize ?? 0),"
        + " \(isOpen ? 0 : layout.batchCount),",
      "  \(saved.slope), \(saved.start), \(run.fields), \(backwardFields)};",
    ]
    return all.joined(separator: "\n") + "\n"
  }
}

/// A number that grows evenly with the batch.
struct Affine {
  let start: Double
  let slope: Double

  /// Nil where three values do not lie on a line.
  init?(_ values: [Double], _ batches: [Int]) {
    let slope =
      batches[1] == batches[0] ? 0 : (values[1] - values[0]) / Double(batches[1] - batches[0])
    let start = values[0] - slope * Double(batches[0])
    guard start + slope * Double(batches[2]) == values[2],
      start + slope * Double(batches[1]) == values[1]
    else { return nil }
    self.start = start
    self.slope = slope
  }

  /// Whether it is a whole number of any batch.
  var isWhole: Bool { start == start.rounded() && slope == slope.rounded() }

  /// The number as C, of `batch`.
  var text: String { slope == 0 ? "\(start)" : "(\(start) + \(slope) * (double)batch)" }
  var integer: String {
    let (a, b) = (Int(start), Int(slope))
    return b == 0 ? "\(a)" : "(\(a) + \(b) * batch)"
  }
}
