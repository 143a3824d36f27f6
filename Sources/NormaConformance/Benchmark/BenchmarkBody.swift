public import NormaCore
import NormaNorms

/// A norm on one tensor in both modes, with the memory that kernels and loops share.
struct BenchmarkBody {
  let kernel: any NormKernel
  let traffic: MemoryTraffic
  /// Forward, inference, forward and backward, the same in inference.
  let works: [TurnTimer.Work]

  init(
    _ spec: NormSpec, in registry: NormRegistry, layout: TensorLayout, executor: Executor,
    threads: Int
  ) throws(NormaError) {
    let layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
    let harness = try KernelHarness(
      layer: layer, layout: layout, mode: .train, executor: executor, threads: threads,
      staggered: true)
    var random = RandomSource(seed: 1)
    let bounds = Dictionary(
      uniqueKeysWithValues: layer.entry.schema.inputs.map { ($0.name, $0.bounds) })
    for (name, values) in harness.inputs.sorted(by: { $0.key < $1.key }) {
      let bounds = bounds[name] ?? Bounds()
      harness.inputs[name] = values.map { _ in
        Float(bounds == Bounds() ? random.uniform(-1, 1) : bounds.draw(&random))
      }
    }
    try harness.forward()
    try harness.backward(harness.x)
    let train = harness.kernel
    let infer = try layer.kernel(for: layout, mode: .infer, executor: executor)
    executor.settle()
    let training = harness.call()
    let request = infer.memory(threads: threads)
    let saved = try GuardedMemory(bytes: request.savedBytes)
    let workspace = try GuardedMemory(bytes: request.workspaceBytes)
    var inference = training
    inference.saved = saved.start
    inference.workspace = workspace.start
    guard let traffic = MemoryTraffic(training, count: layout.count) else {
      throw NormaError(.internal, "a benchmark without tensors")
    }
    kernel = train
    self.traffic = traffic
    // The closures keep the memory alive that the calls point at.
    func work(
      _ kernel: any NormKernel, _ call: KernelCall, backward: Bool
    ) -> TurnTimer.Work {
      { () throws(NormaError) in
        try kernel.forward(call)
        if backward { try kernel.backward(call) }
        withExtendedLifetime((harness, saved, workspace)) {}
      }
    }
    works = [
      work(train, training, backward: false), work(infer, inference, backward: false),
      work(train, training, backward: true), work(infer, inference, backward: true),
    ]
  }
}

extension NormBenchmark {
  /// Refuses a tensor that has no elements or does not fit into memory.
  ///
  /// - Throws: `usage` with the shape.
  public static func requireMemory(_ layout: TensorLayout) throws(NormaError) {
    let shape = layout.shape.map(String.init).joined(separator: "x")
    guard layout.count > 0 else {
      throw NormaError(
        .usage, "shape \(shape) has no elements to measure", help: "give sizes of 1 or more")
    }
    // Four tensors, and as many arrays that check them.
    let (bytes, isTooLarge) = layout.count.multipliedReportingOverflow(by: 8 * 4)
    try MachineMemory.require(
      isTooLarge ? .max : bytes, for: "measuring shape \(shape)", code: .usage,
      help: "give a smaller shape")
  }
}
