import CKernels
import COneDNN
import NormaCore
import NormaNorms

/// `y = x Wᵀ + b` along the last axis.
enum LinearLayer: LayerKind {
  static let schema = LayerSchema(
    "linear", "a dense layer along the last axis",
    options: [
      LayerOption("units", .units, required: true, "the number of outputs"),
      LayerOption("bias", .bool, default: .bool(true), "whether a bias is added"),
      LayerOption.gain(of: "the initial weights"),
    ], norm: .option("weight_norm"))

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    try dense(
      units: plan.units(options), bias: options.bool("bias"), gains: [options.real("gain")],
      weightNorm: options.spec.norm, on: x, in: plan)
  }

  /// Plans a dense layer into the layer at hand; `prefix` tells several of one layer apart.
  static func dense(
    units: Int, bias hasBias: Bool, gains: [Double] = [1], weightNorm: NormSpec? = nil,
    prefix: String = "", on x: Value,
    in plan: Plan
  ) throws(NormaError) -> Value {
    guard let inputs = x.shape.last, inputs > 0 else {
      throw NormaError(
        .usage, "nn.linear: needs [..., features], got \(x.shape)", help: "put nn.flatten before it"
      )
    }
    // Kaiming-uniform with a = sqrt(5), as PyTorch does, comes to this bound.
    let bound = 1 / Double(inputs).squareRoot()
    let weight = try PlannedWeight(
      prefix + "weight", shape: [units, inputs], bound: bound, gains: gains, norm: weightNorm,
      in: plan)
    let bias =
      hasBias
      ? try plan.parameter(prefix + "bias", shape: [units], role: .shift, .uniform(bound: bound))
      : nil
    let rows = plan.batch * (x.count / inputs)
    let training = plan.isTraining
    return plan.operation(on: x, output: x.shape.dropLast() + [units], keepsInput: true) {
      memory, x, y in
      let product = LinearOperation(
        rows: rows, inputs: inputs, units: units, x: memory.floats(x.data),
        y: memory.floats(y.data), weight: weight.value(memory),
        bias: bias.map { memory.state.value($0) }, dx: memory.floats(x.gradient),
        dy: memory.floats(y.gradient), weightGradient: training ? weight.gradient(memory) : nil,
        biasGradient: training ? bias.map { memory.state.gradient($0) } : nil)
      return weight.around(product, memory)
    }
  }
}

/// Each pass is cut into blocks of its own output, so nothing needs merging and the bits do not depend
/// on the threads.
private final class LinearOperation: Operation {
  private let rows: Int
  private let inputs: Int
  private let units: Int
  private let x: UnsafeMutablePointer<Float>
  private let y: UnsafeMutablePointer<Float>
  private let weight: UnsafeMutablePointer<Float>
  private let bias: UnsafeMutablePointer<Float>?
  private let dx: UnsafeMutablePointer<Float>?
  private let dy: UnsafeMutablePointer<Float>?
  private let weightGradient: UnsafeMutablePointer<Float>?
  private let biasGradient: UnsafeMutablePointer<Float>?

  init(
    rows: Int, inputs: Int, units: Int, x: UnsafeMutablePointer<Float>,
    y: UnsafeMutablePointer<Float>, weight: UnsafeMutablePointer<Float>,
    bias: UnsafeMutablePointer<Float>?, dx: UnsafeMutablePointer<Float>?,
    dy: UnsafeMutablePointer<Float>?, weightGradient: UnsafeMutablePointer<Float>?,
    biasGradient: UnsafeMutablePointer<Float>?
  ) {
    self.rows = rows
    self.inputs = inputs
    self.units = units
    self.x = x
    self.y = y
    self.weight = weight
    self.bias = bias
    self.dx = dx
    self.dy = dy
    self.weightGradient = weightGradient
    self.biasGradient = biasGradient
  }

  func forward(_ run: Run) throws(NormaError) {
    let blocks = Blocks(rows: rows, columns: units, depth: inputs)
    var status = StatusBox()
    withUnsafeMutablePointer(to: &status) { status in
      parallel(blocks.count, threads: blocks.threads(run.threads)) { index, _ in
        let b = blocks.block(index)
        let out = y + b.row * units + b.column
        if let bias {
          ck_net_fill_rows(b.rows, b.columns, units, bias + b.column, out)
        }
        status.pointee.note(
          gemm(
            "N", "T", b.rows, b.columns, inputs, x + b.row * inputs, inputs,
            weight + b.column * inputs, inputs, out, units, adding: bias != nil))
      }
    }
    try status.check("linear")
  }

  func backward(_ run: Run) throws(NormaError) {
    guard let dy, let weightGradient else { return }
    // Blocks of the weight gradient (rows are units) and of the input gradient share one loop.
    let weights = Blocks(rows: units, columns: inputs, depth: rows)
    let back = Blocks(rows: dx == nil ? 0 : rows, columns: inputs, depth: units)
    let threads = max(weights.threads(run.threads), back.threads(run.threads))
    var status = StatusBox()
    withUnsafeMutablePointer(to: &status) { status in
      parallel(weights.count + back.count, threads: threads) { index, _ in
        if index < weights.count {
          let b = weights.block(index)
          status.pointee.note(
            gemm(
              "T", "N", b.rows, b.columns, rows, dy + b.row, units, x + b.column, inputs,
              weightGradient + b.row * inputs + b.column, inputs, adding: false))
          if b.column == 0, let biasGradient {
            ck_net_column_sum(rows, b.rows, units, 1, dy + b.row, biasGradient + b.row)
          }
        } else if let dx {
          let b = back.block(index - weights.count)
          status.pointee.note(
            gemm(
              "N", "N", b.rows, b.columns, units, dy + b.row * units, units, weight + b.column,
              inputs, dx + b.row * inputs + b.column, inputs, adding: false))
        }
      }
    }
    try status.check("linear")
  }
}

/// How a matrix product is cut: by the shape alone.
struct Blocks {
  let rows: Int
  let columns: Int
  private let blockRows: Int
  private let blockColumns: Int
  private let work: Int

  init(rows: Int, columns: Int, depth: Int) {
    self.rows = rows
    self.columns = columns
    work = rows * columns * depth
    // About eight blocks balance a few workers; a block of fewer than 48 rows or columns wastes packing.
    func cut(_ n: Int) -> Int { max(48, ((n + 7) / 8 + 15) / 16 * 16) }
    if rows >= columns {
      blockRows = cut(rows)
      blockColumns = max(columns, 1)
    } else {
      blockRows = max(rows, 1)
      blockColumns = cut(columns)
    }
  }

  private var across: Int { (columns + blockColumns - 1) / blockColumns }
  var count: Int { (rows + blockRows - 1) / blockRows * across }

  /// One thread for a product that takes less time than waking another.
  func threads(_ threads: Int) -> Int { work < 1 << 17 ? 1 : threads }

  func block(_ index: Int) -> (row: Int, rows: Int, column: Int, columns: Int) {
    let row = index / across * blockRows
    let column = index % across * blockColumns
    return (row, min(blockRows, rows - row), column, min(blockColumns, columns - column))
  }
}

/// C = op(A) op(B), or C += with `adding`; row-major.
private func gemm(
  _ transposeA: Character, _ transposeB: Character, _ m: Int, _ n: Int, _ k: Int,
  _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int,
  _ c: UnsafeMutablePointer<Float>, _ ldc: Int, adding: Bool
) -> dnnl_status_t {
  dnnl_sgemm(
    CChar(transposeA == "T" ? 84 : 78), CChar(transposeB == "T" ? 84 : 78), dnnl_dim_t(m),
    dnnl_dim_t(n), dnnl_dim_t(k), 1, a, dnnl_dim_t(lda), b, dnnl_dim_t(ldb), adding ? 1 : 0, c,
    dnnl_dim_t(ldc))
}
