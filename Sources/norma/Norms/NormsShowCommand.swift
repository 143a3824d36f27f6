import ArgumentParser
import NormaCore
import NormaNorms
import NormaTerminal

/// `norma norms show`.
struct NormsShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show a norm: formula, gradient, settings, state and plan.",
    discussion: """
      Examples:
        norma norms show batch
        norma norms show group --hyper groups=8 --plan --shape 32x56x56x64
        norma norms show layer --plan --fuse residual,skip,relu
        norma norms show layer --json
      """)

  @Argument(help: "The norm; see 'norma norms list'.", completion: .norms)
  var name: String

  @Flag(help: "Show how it is executed on a tensor of the given shape.")
  var plan = false

  @Option(
    help: ArgumentHelp(
      "Plan the norm with neighbours, as in a network: residual (an addend before it), skip (a"
        + " gradient added in backward), or an activation after it (relu, gelu, silu, tanh,"
        + " sigmoid).", valueName: "name,..."))
  var fuse: String?

  @OptionGroup var executorOptions: ExecutorOptions

  @Option(help: "The tensor's shape, such as 32x56x56x64.")
  var shape = "4096x1024"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The channel axes; negative ones count from the end.", valueName: "n,..."))
  var axis = "-1"

  @Option(help: "Only the formula of one mode: train or infer.")
  var mode: Mode?

  @Option(help: ArgumentHelp("A hyper-parameter, or preset=NAME; repeatable.", valueName: "k=v"))
  var hyper: [String] = []

  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    if let fuse, !plan {
      throw NormaError(
        .usage, "--fuse \(fuse) without --plan", help: "add --plan: nothing else would change")
    }
  }

  func run() throws {
    let layout = try TensorLayout(
      shape: Settings.shape(shape), axis: Settings.axes(axis))
    let spec = try Settings.norm(name, hyper: hyper)
    let words = fuse?.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let page = try registryOptions.withRegistry { registry in
      func page(_ executor: Executor?) throws(NormaError) -> NormPage {
        try NormPage(
          spec: spec, registry: registry, layout: layout, mode: mode,
          plan: executor.map { ($0, words ?? []) })
      }
      return plan ? try executorOptions.withExecutor(page) : try page(nil)
    }
    if output.json {
      try output.write(json: page)
    } else {
      try output.write(lines: page.lines)
    }
  }
}
