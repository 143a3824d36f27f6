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
        norma norms show layer --json
      """)

  @Argument(help: "The norm; see 'norma norms list'.", completion: .norms)
  var name: String

  @Flag(help: "Show how it is executed on a tensor of the given shape.")
  var plan = false

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

  func run() throws {
    let layout = try TensorLayout(
      shape: Settings.shape(shape), axis: Settings.axes(axis))
    let spec = try Settings.norm(name, hyper: hyper)
    let page = try registryOptions.withRegistry {
      try NormPage(spec: spec, registry: $0, layout: layout, mode: mode, plan: plan)
    }
    if output.json {
      try output.write(json: page)
    } else {
      try output.write(lines: page.lines)
    }
  }
}
