import CKernels
import COneDNN
import NormaCore

/// A convolution bound to its memory.
final class ConvolutionOperation: Operation {
  private let convolution: Convolution
  private let workers: Int
  /// For chunk c and worker w at c * workers + w: they differ in the scratchpad.
  private var forwards: [BoundPrimitive] = []
  private var datas: [BoundPrimitive] = []
  private var weights: [BoundPrimitive] = []
  private var weightsToForward: BoundPrimitive?
  private var weightsToData: BoundPrimitive?
  private var gradientToPlain: BoundPrimitive?
  private let partGradients: UnsafeMutablePointer<Float>
  private let partCount: Int
  private let sumGradients: UnsafeMutablePointer<Float>
  private let partBiases: UnsafeMutablePointer<Float>
  private let biasGradient: UnsafeMutablePointer<Float>?

  init(
    _ convolution: Convolution, _ memory: Memory, x: Value, y: Value, weight: PlannedWeight,
    bias: StateEntry?, forwardWorkspace: UnsafeMutableRawPointer,
    backwardWorkspace: UnsafeMutableRawPointer
  ) throws(NormaError) {
    let c = convolution
    let context = c.context
    self.convolution = c
    workers = memory.threads
    let training = c.weightGradients != nil

    // The layout of both workspaces is described at `forwardWorkspace(threads:)`.
    let forwardScratch = forwardWorkspace + Convolution.bytes(c.forwardWeights)
    let parts = backwardWorkspace + Convolution.bytes(c.dataWeights)
    let part = Convolution.bytes(c.weightGradients)
    let sum = parts + c.chunks * part
    let biases = sum + part
    let backwardScratch = biases + c.chunks * c.biasGradientBytes
    partGradients = parts.assumingMemoryBound(to: Float.self)
    partCount = part / 4
    sumGradients = sum.assumingMemoryBound(to: Float.self)
    partBiases = biases.assumingMemoryBound(to: Float.self)
    biasGradient = training ? bias.map { memory.state.gradient($0) } : nil

    let plain = try context.memory(c.plainWeights, at: weight.value(memory))
    func reordered(
      _ layout: dnnl_memory_desc_t, at pointer: UnsafeMutableRawPointer
    ) throws(NormaError) -> (memory: dnnl_memory_t, change: BoundPrimitive?) {
      var (from, to) = (c.plainWeights, layout)
      if dnnl_memory_desc_equal(&from, &to) != 0 { return (plain, nil) }
      let memory = try context.memory(layout, at: pointer)
      let change = try context.primitive(context.describeReorder(from: from, to: to))
      return (
        memory,
        BoundPrimitive(
          change, context.stream, [(DNNL_ARG_FROM, plain), (DNNL_ARG_TO, memory)])
      )
    }
    let forwardWeights = try reordered(c.forwardWeights, at: forwardWorkspace)
    weightsToForward = forwardWeights.change
    let dataWeights = try c.dataWeights.map { layout throws(NormaError) in
      try reordered(layout, at: backwardWorkspace)
    }
    weightsToData = dataWeights?.change

    let biasMemory: dnnl_memory_t? =
      if let bias {
        try context.memory(
          try oneDNNLayout([c.channels], dnnl_a), at: memory.state.value(bias))
      } else { nil }
    var primitives: [dnnl_primitive_desc_t: dnnl_primitive_t] = [:]
    func primitive(_ descriptor: dnnl_primitive_desc_t) throws(NormaError) -> dnnl_primitive_t {
      if let made = primitives[descriptor] { return made }
      let made = try context.primitive(descriptor)
      primitives[descriptor] = made
      return made
    }

    for chunk in 0..<c.chunks {
      let passes = c.passes(chunk: chunk)
      let first = chunk * c.chunk
      func samples(
        _ pointer: UnsafeMutablePointer<Float>, _ count: Int, _ layout: dnnl_memory_desc_t
      ) throws(NormaError) -> dnnl_memory_t {
        try context.memory(layout, at: pointer + first * count)
      }
      func eachWorker(
        _ descriptor: dnnl_primitive_desc_t, scratch: UnsafeMutableRawPointer, stride: Int,
        _ arguments: [(Int32, dnnl_memory_t)]
      ) throws(NormaError) -> [BoundPrimitive] {
        var bound: [BoundPrimitive] = []
        let layout = context.layout(descriptor, dnnl_query_scratchpad_md)
        for worker in 0..<workers {
          let scratchpad = try context.memory(layout, at: scratch + worker * stride)
          bound.append(
            BoundPrimitive(
              try primitive(descriptor), context.stream,
              arguments + [(DNNL_ARG_SCRATCHPAD, scratchpad)]))
        }
        return bound
      }
      let source = context.layout(passes.forward, dnnl_query_src_md)
      let target = context.layout(passes.forward, dnnl_query_dst_md)
      let xMemory = try samples(memory.floats(x.data), x.count, source)
      let yMemory = try samples(memory.floats(y.data), y.count, target)
      forwards += try eachWorker(
        passes.forward, scratch: forwardScratch, stride: c.forwardScratch,
        [
          (DNNL_ARG_SRC, xMemory), (DNNL_ARG_WEIGHTS, forwardWeights.memory),
          (DNNL_ARG_DST, yMemory),
        ] + (biasMemory.map { [(DNNL_ARG_BIAS, $0)] } ?? []))
      guard let dy = memory.floats(y.gradient), let weightLayout = c.weightGradients,
        let backwardWeights = passes.backwardWeights
      else { continue }
      let dyMemory = try samples(dy, y.count, target)
      if let dx = memory.floats(x.gradient), let dataWeights, let pass = passes.backwardData {
        datas += try eachWorker(
          pass, scratch: backwardScratch, stride: c.backwardScratch,
          [
            (DNNL_ARG_DIFF_SRC, try samples(dx, x.count, source)),
            (DNNL_ARG_WEIGHTS, dataWeights.memory), (DNNL_ARG_DIFF_DST, dyMemory),
          ])
      }
      var arguments = [
        (DNNL_ARG_SRC, xMemory), (DNNL_ARG_DIFF_DST, dyMemory),
        (DNNL_ARG_DIFF_WEIGHTS, try context.memory(weightLayout, at: parts + chunk * part)),
      ]
      if c.hasBias {
        arguments.append(
          (
            DNNL_ARG_DIFF_BIAS,
            try context.memory(
              try oneDNNLayout([c.channels], dnnl_a), at: biases + chunk * c.biasGradientBytes)
          ))
      }
      weights += try eachWorker(
        backwardWeights, scratch: backwardScratch, stride: c.backwardScratch, arguments)
    }
    if let layout = c.weightGradients {
      let change = try context.primitive(context.describeReorder(from: layout, to: c.plainWeights))
      gradientToPlain = BoundPrimitive(
        change, context.stream,
        [
          (DNNL_ARG_FROM, try context.memory(layout, at: sum)),
          (
            DNNL_ARG_TO,
            try context.memory(c.plainWeights, at: weight.gradient(memory))
          ),
        ])
    }
  }

  func forward(_ run: Run) throws(NormaError) {
    var status = StatusBox()
    if let weightsToForward { status.note(weightsToForward.run()) }
    withUnsafeMutablePointer(to: &status) { status in
      parallel(convolution.chunks, threads: min(run.threads, workers)) { chunk, worker in
        status.pointee.note(forwards[chunk * workers + worker].run())
      }
    }
    try status.check("convolution")
  }

  func backward(_ run: Run) throws(NormaError) {
    let threads = min(run.threads, workers)
    let chunks = convolution.chunks
    var status = StatusBox()
    if let weightsToData { status.note(weightsToData.run()) }
    withUnsafeMutablePointer(to: &status) { status in
      parallel(datas.isEmpty ? chunks : 2 * chunks, threads: threads) { index, worker in
        let list = index < chunks ? weights : datas
        status.pointee.note(list[index % chunks * workers + worker].run())
      }
    }
    parallelRanges(partCount, threads: threads, grain: 2048) { start, count in
      ck_net_merge(count, chunks, partCount, partGradients + start, sumGradients + start)
    }
    if let biasGradient {
      ck_net_merge(
        convolution.channels, chunks, convolution.biasGradientBytes / 4, partBiases, biasGradient)
    }
    if let gradientToPlain { status.note(gradientToPlain.run()) }
    try status.check("convolution")
  }
}
