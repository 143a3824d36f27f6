import ArgumentParser
import Foundation
import NormaConformance
import NormaCore
import NormaNorms
import NormaTerminal

/// `norma norms bench`.
struct NormsBenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Time norms beside what moving the same bytes takes.",
    discussion: """
      Two measures stand beside a norm, each the fastest of memcpy, stores and streaming stores on 1 \
      to --threads threads. The copy reads and writes the tensor once. The floor goes over the very \
      buffers of the norm without arithmetic: forward reads x and writes y, backward reads x and dy \
      and writes dx; where statistics span the whole tensor, inputs are read twice. Large tensors \
      are judged by the floor, small ones by the copy. The tensors begin 1216 bytes apart in a page, as \
      in a network.

      All take turns in every round. Times are medians; the spread is the largest distance of a \
      time's quartiles over its median. Without --shape: rows and images in both layouts, large and \
      small, as far as they suit the norm. --json writes one object a line, each when measured.

      Examples:
        norma norms bench layer rms
        norma norms bench batch --shape 32x64x56x56 --shape 128x32x14x14 --axis 1 --threads 2
        norma norms bench mine --script mine.lua --json
      """)

  @Argument(help: "The norms; see 'norma norms list'.", completion: .norms)
  var names: [String]

  @Option(help: "A tensor's shape, such as 4096x1024; repeatable.")
  var shape: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The channel axes of the given shapes; negative ones count from the end. (default: -1)",
      valueName: "n,..."))
  var axis: String?

  @OptionGroup var threads: ThreadOptions

  @OptionGroup var executorOptions: ExecutorOptions

  @Option(help: ArgumentHelp("A hyper-parameter, or preset=NAME; repeatable.", valueName: "k=v"))
  var hyper: [String] = []

  @Option(help: "How long to measure each shape; at least seven rounds.")
  var seconds = 1.0

  @Flag(help: "Also show what accuracy costs: layer norm beside a plain float32 loop, with errors.")
  var accuracy = false

  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var output: OutputOptions

  private struct Item {
    let spec: NormSpec
    let layouts: [TensorLayout]
  }

  mutating func validate() throws {
    guard seconds >= 0, seconds <= 3600 else {
      throw NormaError(.usage, "--seconds must be from 0 to 3600, got \(seconds)")
    }
    if let axis, shape.isEmpty {
      throw NormaError(
        .usage, "--axis \(axis) without --shape: the default shapes have axes of their own",
        help: "such as --shape 32x64x56x56 --axis 1")
    }
  }

  func run() throws {
    // What is measured is worth waiting for.
    var options = executorOptions
    options.compileWait = max(options.compileWait, 60)
    try registryOptions.withRegistry { registry in
      try options.withExecutor { executor throws(NormaError) in
        try measure(registry, executor, threads.count)
      }
    }
  }

  private func measure(
    _ registry: NormRegistry, _ executor: Executor, _ threads: Int
  ) throws(NormaError) {
    // Every mistake is told before the first measurement.
    var items: [Item] = []
    for name in names { items.append(try item(name, registry)) }
    for item in items {
      var results: [NormBenchmark] = []
      for layout in item.layouts {
        let result = try NormBenchmark(
          item.spec, in: registry, layout: layout, executor: executor, threads: threads,
          seconds: seconds)
        if output.json { try output.write(jsonLine: result) }
        results.append(result)
      }
      if !output.json { try output.write(lines: BenchText.lines(results)) }
    }
    guard accuracy else { return }
    let cost = try AccuracyCost(
      in: registry, executor: executor, threads: threads, seconds: seconds)
    if output.json {
      try output.write(jsonLine: cost)
    } else {
      try output.write(lines: BenchText.lines(cost))
    }
  }

  private func item(_ name: String, _ registry: NormRegistry) throws(NormaError) -> Item {
    let spec = try Settings.norm(name, hyper: hyper)
    if shape.isEmpty {
      return Item(spec: spec, layouts: try NormBenchmark.defaultLayouts(for: spec, in: registry))
    }
    var layouts: [TensorLayout] = []
    for text in shape {
      let layout = try TensorLayout(shape: Settings.shape(text), axis: Settings.axes(axis ?? "-1"))
      try NormBenchmark.requireMemory(layout)
      let layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
      _ = try layer.kernel(for: layout, mode: .train)
      layouts.append(layout)
    }
    return Item(spec: spec, layouts: layouts)
  }
}
