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
    abstract: "Time norms beside a copy of the same tensor.",
    discussion: """
      Times are medians; copy and norm take turns. A copy reads and writes the tensor once, which \
      is what a norm over rows must do at least.

      Examples:
        norma norms bench layer rms
        norma norms bench batch --shape 32x56x56x64 --shape 32x64x56x56 --axis 1 --threads 2
      """)

  @Argument(help: "The norms; see 'norma norms list'.", completion: .norms)
  var names: [String]

  @Option(help: "A tensor's shape, such as 4096x1024; repeatable. (default: two large, two small)")
  var shape: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The channel axes; negative ones count from the end.", valueName: "n,..."))
  var axis = "-1"

  @Option(help: "How many threads may work. (default: all cores)")
  var threads: Int?

  @Option(help: "What runs the norms: auto, tiles or reference.")
  var executor: ExecutorChoice = .auto

  @Option(help: ArgumentHelp("A hyper-parameter, or preset=NAME; repeatable.", valueName: "k=v"))
  var hyper: [String] = []

  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw NormaError(.usage, "--threads must be from 1 to 1024, got \(threads)")
    }
  }

  func run() throws {
    let shapes = shape.isEmpty ? ["4096x1024", "32x56x56x64", "256x768", "128x14x14x32"] : shape
    let threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
    let results = try registryOptions.withRegistry { registry in
      try names.flatMap { name in
        let spec = try Settings.norm(name, hyper: hyper)
        return try shapes.map { text in
          let layout = try TensorLayout(shape: Settings.shape(text), axis: Settings.axes(axis))
          return try NormBenchmark(
            spec, in: registry, layout: layout, executor: executor, threads: threads)
        }
      }
    }
    if output.json {
      try output.write(json: results)
    } else {
      try output.write(text: table(results).rendered(for: output.terminal))
    }
  }

  private func table(_ results: [NormBenchmark]) -> Table {
    var table = Table([
      "norm", "shape", "threads", "executor", "copy µs", "forward / copy", "infer / copy",
      "forward + backward / copy",
    ])
    for r in results {
      func ratio(_ time: Double) -> String { String(format: "%.2f", time / r.copyMicroseconds) }
      table.append([
        StyledText(r.norm, .cyan), StyledText(r.shape.map(String.init).joined(separator: "x")),
        StyledText("\(r.threads)"), StyledText(r.executor),
        StyledText(String(format: "%.1f", r.copyMicroseconds)),
        StyledText(ratio(r.forwardMicroseconds)), StyledText(ratio(r.inferMicroseconds)),
        StyledText(ratio(r.forwardBackwardMicroseconds)),
      ])
    }
    return table
  }
}
