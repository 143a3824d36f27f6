import NormaCore
import NormaGraph
import NormaNorms

/// A layer norm with a running mean, written by hand as a foreign plugin would, with one mistake to
/// choose: what the conformance kit must catch.
struct HandNorm: NormProvider {
  enum Fault: String, CaseIterable, Sendable {
    case wrongInputGradient, wrongParameterGradient, overrun, underrun, gapOverrun
    case bufferWrittenInInference, bufferWrittenOnEmptyBatch, ignoresAccumulate, readsWorkspace
    case overrunsWorkspace, forgetsLastRow, threadDependent, writesInput, assumesDense
    case unwantedGradientWritten, throwsWhenRun, refusesEverything
  }
  let fault: Fault?
  var definition: NormDefinition? { nil }

  var schema: NormSchema {
    var schema = NormSchema(name: "hand")
    schema.hyper = [HyperParameter("epsilon", .real(Bounds(min: 0)), default: .real(1e-5))]
    schema.parameters = [
      StateSpec("gamma", per: .channel, initial: .number(1), role: .gain),
      StateSpec("beta", per: .channel, initial: .number(0), role: .shift),
    ]
    schema.buffers = [
      StateSpec("mean", per: .channel, initial: .number(0), role: .runningStatistic)
    ]
    return schema
  }

  func splits(_ hyper: [String: HyperValue], channels: Int) throws(NormaError) -> Splits {
    Splits()
  }

  func makeKernel(_ request: KernelRequest) throws(NormaError) -> any NormKernel {
    if fault == .refusesEverything {
      throw NormaError(.usage, "hand: not today", help: "come back tomorrow")
    }
    return HandKernel(layout: request.layout, mode: request.mode, fault: fault)
  }
}

struct HandKernel: NormKernel {
  let rows: [[Int]]
  let channels: Int
  let mode: Mode
  let fault: HandNorm.Fault?
  var executor: String { "hand" }
  var planDescription: String? { nil }

  init(layout: TensorLayout, mode: Mode, fault: HandNorm.Fault?) {
    let strides =
      fault == .assumesDense ? TensorLayout.contiguousStrides(layout.shape) : layout.strides
    func offsets(_ axes: [Int]) -> [Int] {
      axes.reduce([0]) { starts, axis in
        starts.flatMap { start in (0..<layout.shape[axis]).map { start + $0 * strides[axis] } }
      }
    }
    let channel = offsets(layout.channelAxes)
    let rest = layout.shape.indices.filter { !layout.channelAxes.contains($0) }
    rows = layout.count == 0 ? [] : offsets(rest).map { start in channel.map { start + $0 } }
    channels = layout.channelCount
    self.mode = mode
    self.fault = fault
  }

  func memory(threads: Int) -> KernelMemory {
    KernelMemory(savedBytes: 16 * rows.count, workspaceBytes: 8 * channels)
  }

  func forward(_ call: KernelCall) throws(NormaError) {
    if fault == .throwsWhenRun { throw NormaError(.internal, "hand: stumbled") }
    guard let y = call.output, let saved = call.saved, let workspace = call.workspace else {
      return
    }
    let x = call.inputs[0]
    let (gamma, beta, running) = (call.parameters[0], call.parameters[1], call.buffers[0])
    let statistics = saved.assumingMemoryBound(to: Double.self)
    let sums = workspace.assumingMemoryBound(to: Double.self)
    if fault != .readsWorkspace { for c in 0..<channels { sums[c] = 0 } }
    // What lies behind the first row is the second row, or a gap when rows stand apart.
    if fault == .gapOverrun, rows.count > 1, let last = rows.first?.last { y[last + 1] = 0 }
    for (r, row) in rows.enumerated() {
      if fault == .forgetsLastRow && r == rows.count - 1 { continue }
      let mean = row.reduce(0) { $0 + Double(x[$1]) } / Double(channels)
      let variance =
        row.reduce(0) { $0 + (Double(x[$1]) - mean) * (Double(x[$1]) - mean) } / Double(channels)
      let rsqrt = 1 / (variance + call.hyper[0]).squareRoot()
      (statistics[2 * r], statistics[2 * r + 1]) = (mean, rsqrt)
      for (c, i) in row.enumerated() {
        sums[c] += Double(x[i])
        y[i] = Float((Double(x[i]) - mean) * rsqrt * Double(gamma[c]) + Double(beta[c]))
      }
    }
    if fault == .threadDependent, let first = rows.first?.first {
      y[first] += Float(call.threads) * 1e-7
    }
    if fault == .overrun, let last = rows.last?.last { y[last + 1] = 0 }
    if fault == .underrun, !rows.isEmpty { y[-1] = 0 }
    if fault == .overrunsWorkspace { sums[channels] = 0 }
    if fault == .writesInput, let first = rows.first?.first {
      UnsafeMutablePointer(mutating: x)[first] += 1
    }
    let updates =
      mode == .train
      ? !rows.isEmpty || fault == .bufferWrittenOnEmptyBatch : fault == .bufferWrittenInInference
    guard updates else { return }
    for c in 0..<channels {
      running[c] = Float(0.9 * Double(running[c]) + 0.1 * sums[c] / Double(max(rows.count, 1)))
    }
  }

  func backward(_ call: KernelCall) throws(NormaError) {
    guard let dy = call.outputGradient, let saved = call.saved else { return }
    let x = call.inputs[0]
    let gamma = call.parameters[0]
    let statistics = saved.assumingMemoryBound(to: Double.self)
    var dgamma = [Double](repeating: 0, count: channels)
    var dbeta = dgamma
    for (r, row) in rows.enumerated() {
      let (mean, rsqrt) = (statistics[2 * r], statistics[2 * r + 1])
      var (sum, product) = (0.0, 0.0)
      for (c, i) in row.enumerated() {
        let normalized = (Double(x[i]) - mean) * rsqrt
        dgamma[c] += Double(dy[i]) * normalized
        dbeta[c] += Double(dy[i])
        sum += Double(dy[i] * gamma[c])
        product += Double(dy[i] * gamma[c]) * normalized
      }
      guard let dx = call.inputGradients[0] else { continue }
      let n = Double(channels)
      for (c, i) in row.enumerated() {
        let normalized = (Double(x[i]) - mean) * rsqrt
        let pull = fault == .wrongInputGradient ? 0.98 * product : product
        dx[i] = Float(rsqrt * (Double(dy[i] * gamma[c]) - sum / n - normalized * pull / n))
      }
    }
    if fault == .wrongParameterGradient { dgamma[channels - 1] *= 0.9 }
    if fault == .unwantedGradientWritten, call.parameterGradients[0] == nil {
      call.parameterGradients[1]?[0] = 0
      return
    }
    for (pointer, sums) in zip(call.parameterGradients, [dgamma, dbeta]) {
      guard let pointer else { continue }
      let add = call.accumulate && fault != .ignoresAccumulate
      for c in 0..<channels { pointer[c] = Float(sums[c]) + (add ? pointer[c] : 0) }
    }
  }
}
