import CKernels
import COneDNN
import NormaCore
import NormaNorms

/// A 2-D convolution over channels-last images; weights are `[channels, in, kernel, kernel]`.
enum ConvolutionLayer: LayerKind {
  static let schema = LayerSchema(
    "conv", "a 2-D convolution",
    options: [
      LayerOption("channels", .int(min: 1), required: true, "the number of output channels"),
      LayerOption("kernel", .size(min: 1), required: true, "the window's height and width"),
      LayerOption("stride", .size(min: 1), default: .number(1), "the step of the window"),
      LayerOption(
        "padding", .padding, default: .text("same"),
        "zeros around the image; same keeps its size at stride 1"),
      LayerOption("bias", .bool, default: .bool(true), "whether a bias is added"),
    ], norm: .option("weight_norm"))

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    let window = try Window(options, input: x.shape)
    let channels = options.int("channels")
    let shape = [channels, window.channels, window.kernel.height, window.kernel.width]
    guard let fan = Plan.elements(Array(shape.dropFirst())) else {
      throw NormaError(
        .usage, "nn.conv: weights of shape \(shape) are larger than any memory",
        help: "use a smaller kernel")
    }
    let bound = 1 / Double(fan).squareRoot()
    let weight = try PlannedWeight(
      "weight", shape: shape, bound: bound, norm: options.spec.norm, in: plan)
    let bias =
      options.bool("bias")
      ? try plan.parameter("bias", shape: [channels], role: .shift, .uniform(bound: bound)) : nil
    let convolution = try Convolution(
      window, channels: channels, bias: bias != nil, batch: plan.batch,
      training: plan.isTraining, inputGradient: x.gradient != nil)
    let forward = plan.slot(
      bytes: convolution.forwardWorkspace(threads: plan.threads), at: plan.now)
    let backward = plan.slot(
      bytes: convolution.backwardWorkspace(threads: plan.threads),
      at: plan.isTraining ? plan.back : plan.now)
    return plan.operation(
      on: x, output: [window.outHeight, window.outWidth, channels], keepsInput: true
    ) { memory, x, y throws(NormaError) in
      let product = try ConvolutionOperation(
        convolution, memory, x: x, y: y, weight: weight, bias: bias,
        forwardWorkspace: memory.raw(forward), backwardWorkspace: memory.raw(backward))
      return weight.around(product, memory)
    }
  }
}

/// The implementations oneDNN chose for one convolution, for whole chunks of the batch and for the rest.
///
/// The batch is cut into chunks by its size alone; each runs single-threaded and the weight gradients
/// of the chunks are added in order, so that bits do not depend on the number of threads.
final class Convolution {
  struct Passes {
    let samples: Int
    let forward: dnnl_primitive_desc_t
    let backwardData: dnnl_primitive_desc_t?
    let backwardWeights: dnnl_primitive_desc_t?
  }

  let context: OneDNNContext
  let window: Window
  let channels: Int
  let hasBias: Bool
  let batch: Int
  let chunk: Int
  let whole: Passes
  let rest: Passes?
  let plainWeights: dnnl_memory_desc_t
  let forwardWeights: dnnl_memory_desc_t
  let dataWeights: dnnl_memory_desc_t?
  let weightGradients: dnnl_memory_desc_t?

  init(
    _ window: Window, channels: Int, bias: Bool, batch: Int, training: Bool, inputGradient: Bool
  ) throws(NormaError) {
    context = try OneDNNContext()
    self.window = window
    self.channels = channels
    hasBias = bias
    self.batch = batch
    let shape = [channels, window.channels, window.kernel.height, window.kernel.width]
    // At most 16 chunks, fewer where their weight gradients would fill much memory.
    let bytes = 4 * shape.reduce(1, *)
    let most = max(4, min(16, (16 << 20) / bytes))
    chunk = max(1, (batch + most - 1) / most)
    plainWeights = try oneDNNLayout(shape, dnnl_oihw)
    let any = try oneDNNLayout(shape, dnnl_format_tag_any)
    let maker = PassMaker(
      context: context, window: window, channels: channels, bias: bias, training: training,
      inputGradient: inputGradient)
    whole = try maker.passes(samples: min(chunk, batch), any, any, any)
    forwardWeights = context.layout(whole.forward, dnnl_query_weights_md)
    dataWeights = whole.backwardData.map { [context] in context.layout($0, dnnl_query_weights_md) }
    weightGradients = whole.backwardWeights.map { [context] in
      context.layout($0, dnnl_query_diff_weights_md)
    }
    let left = batch % chunk
    rest =
      left == 0
      ? nil
      : try maker.passes(
        samples: left, forwardWeights, dataWeights ?? any, weightGradients ?? any)
  }

  var chunks: Int { (batch + chunk - 1) / chunk }

  static func bytes(_ layout: dnnl_memory_desc_t?) -> Int {
    guard var layout else { return 0 }
    return aligned(dnnl_memory_desc_get_size(&layout))
  }

  func passes(chunk index: Int) -> Passes {
    if let rest, index == chunks - 1 { rest } else { whole }
  }

  private func scratch(_ descriptors: [dnnl_primitive_desc_t?]) -> Int {
    aligned(descriptors.compactMap { $0.map(context.scratch) }.max() ?? 0)
  }
  var forwardScratch: Int { scratch([whole.forward, rest?.forward]) }
  var backwardScratch: Int {
    scratch([
      whole.backwardData, whole.backwardWeights, rest?.backwardData, rest?.backwardWeights,
    ])
  }
  var biasGradientBytes: Int { hasBias ? aligned(4 * channels) : 0 }

  /// Reordered weights, then a scratchpad for each worker.
  func forwardWorkspace(threads: Int) -> Int {
    Convolution.bytes(forwardWeights) + threads * forwardScratch
  }
  /// Reordered weights, then weight gradients of the chunks and their sum, bias gradients, scratchpads.
  func backwardWorkspace(threads: Int) -> Int {
    guard weightGradients != nil else { return 0 }
    return Convolution.bytes(dataWeights) + (chunks + 1) * Convolution.bytes(weightGradients)
      + chunks * biasGradientBytes + threads * backwardScratch
  }

  /// The implementations chosen, for people.
  var implementations: [String] {
    [whole.forward, whole.backwardData, whole.backwardWeights].compactMap {
      $0.map(context.implementation)
    }
  }
}

/// Asks oneDNN for the passes over some samples.
private struct PassMaker {
  let context: OneDNNContext
  let window: Window
  let channels: Int
  let bias: Bool
  let training: Bool
  let inputGradient: Bool

  func passes(
    samples: Int, _ forwardWeights: dnnl_memory_desc_t, _ dataWeights: dnnl_memory_desc_t,
    _ weightGradients: dnnl_memory_desc_t
  ) throws(NormaError) -> Convolution.Passes {
    var source = try oneDNNLayout(
      [samples, window.channels, window.height, window.width], dnnl_nhwc)
    var target = try oneDNNLayout(
      [samples, channels, window.outHeight, window.outWidth], dnnl_nhwc)
    var biasLayout = bias ? try oneDNNLayout([channels], dnnl_a) : dnnl_memory_desc_t()
    let strides = [window.stride.height, window.stride.width].map { dnnl_dim_t($0) }
    let before = [window.before.height, window.before.width].map { dnnl_dim_t($0) }
    let after = [window.after.height, window.after.width].map { dnnl_dim_t($0) }
    func refusal() -> NormaError {
      NormaError(.unavailable, "oneDNN has no such convolution", help: "try another kernel size")
    }

    var weights = forwardWeights
    var description = dnnl_convolution_desc_t()
    try oneDNN(
      dnnl_convolution_forward_desc_init(
        &description, training ? dnnl_forward_training : dnnl_forward_inference,
        dnnl_convolution_direct, &source, &weights, &biasLayout, &target, strides, before, after),
      "convolution")
    guard let forward = try context.describe(&description) else { throw refusal() }
    guard training else {
      return Convolution.Passes(
        samples: samples, forward: forward, backwardData: nil, backwardWeights: nil)
    }

    var data: dnnl_primitive_desc_t?
    if inputGradient {
      weights = dataWeights
      try oneDNN(
        dnnl_convolution_backward_data_desc_init(
          &description, dnnl_convolution_direct, &source, &weights, &target, strides, before,
          after), "convolution")
      data = try context.describe(&description, hint: forward)
      if data == nil { throw refusal() }
    }
    weights = weightGradients
    try oneDNN(
      dnnl_convolution_backward_weights_desc_init(
        &description, dnnl_convolution_direct, &source, &weights, &biasLayout, &target, strides,
        before, after), "convolution")
    guard let gradient = try context.describe(&description, hint: forward) else { throw refusal() }
    return Convolution.Passes(
      samples: samples, forward: forward, backwardData: data, backwardWeights: gradient)
  }
}
