import ArgumentParser
import Foundation
import NormaCore
import NormaNorms
import NormaTerminal

/// `norma apply`: one norm on arrays from files.
struct ApplyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Run one norm on .npy arrays.",
    discussion: """
      Reads float32 or float64 arrays in C order, of any rank from 1, and writes float32 arrays to \
      the output folder: y.npy; with --grad also grad_input.npy and grad_PARAMETER.npy; with \
      --mode train also buffer_NAME.npy for each running buffer after the update. Parameters and \
      buffers that are not given have their initial values; their arrays have the shape of the \
      channel axes, as it is or flattened.

      Examples:
        norma apply layer --input x.npy --out out
        norma apply group --input x.npy --axis 1 --hyper groups=4 --param gamma=g.npy --out out
        norma apply batch --input x.npy --grad dy.npy --mode train --out out
      """)

  @Argument(help: "The norm; see 'norma norms list'.", completion: .norms)
  var name: String

  @Option(help: ArgumentHelp("The array to normalize.", valueName: "x.npy"))
  var input: String

  @Option(help: ArgumentHelp("The gradient arriving at the output.", valueName: "dy.npy"))
  var grad: String?

  @Option(
    help: ArgumentHelp("A second input of the norm; repeatable.", valueName: "name=file"))
  var second: [String] = []

  @Option(
    name: .customLong("param"),
    help: ArgumentHelp("A parameter's values; repeatable.", valueName: "name=file"))
  var parameters: [String] = []

  @Option(
    name: .customLong("buffer"),
    help: ArgumentHelp("A running buffer's values before the step.", valueName: "name=file"))
  var buffers: [String] = []

  @Option(help: ArgumentHelp("A hyper-parameter, or preset=NAME; repeatable.", valueName: "k=v"))
  var hyper: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The channel axes; negative ones count from the end.", valueName: "n,..."))
  var axis = "-1"

  @Option(help: "Statistics of the batch (train), or the buffers' (infer), where a norm has both.")
  var mode: Mode = .infer

  @OptionGroup var executorOptions: ExecutorOptions

  @OptionGroup var threads: ThreadOptions

  @Option(help: ArgumentHelp("The folder to write to, made if absent.", valueName: "folder"))
  var out: String

  @Flag(help: "Write no summary.")
  var quiet = false

  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    try registryOptions.withRegistry { try run(in: $0, threads: threads.count) }
  }

  private func run(in registry: NormRegistry, threads: Int) throws {
    let others = try Settings.pairs(
      second, option: "--second", example: "--second condition=c.npy")
    let given = try Settings.pairs(parameters, option: "--param", example: "--param gamma=g.npy")
    let job = try ApplyJob(
      spec: Settings.norm(name, hyper: hyper), registry: registry,
      input: input, grad: grad, second: others, parameters: given,
      buffers: Settings.pairs(buffers, option: "--buffer", example: "--buffer mean=m.npy"),
      axis: Settings.axes(axis), mode: mode)
    // A shape that the norm refuses is found before anything is written.
    let (folder, results) = try executorOptions.withExecutor(isOneCall: true) {
      executor throws(NormaError) in
      let kernel = try job.kernel(executor: executor)
      executor.settle()
      let folder = try ResultFolder(out)
      return (folder, try job.run(kernel, executor: executor, threads: threads))
    }
    // A buffer may be written over: it goes on from call to call.
    let files = [input] + [grad].compactMap { $0 } + (others + given).map(\.value)
    for result in results.arrays { try folder.require(result, apartFrom: files) }
    for result in results.arrays { try folder.write(result) }
    job.warnOfLosses(in: results)
    if output.json {
      try output.write(json: Summary(self, results, folder))
    } else if !quiet {
      try output.write(
        lines: results.arrays.map {
          StyledText(folder.path(of: $0), .cyan) + StyledText("  float32 \($0.shape)")
        })
    }
  }

  /// What `--json` tells.
  private struct Summary: Encodable {
    struct File: Encodable {
      let name: String
      let path: String
      let shape: [Int]
    }
    let norm: String
    let mode: String
    let executor: String
    let files: [File]

    init(_ command: ApplyCommand, _ results: ApplyJob.Results, _ folder: ResultFolder) {
      norm = command.name
      mode = command.mode.rawValue
      executor = results.executor
      files = results.arrays.map {
        File(name: $0.name, path: folder.path(of: $0), shape: $0.shape)
      }
    }
  }
}
