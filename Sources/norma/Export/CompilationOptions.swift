public import ArgumentParser
public import NormaExport
import NormaCore
import NormaNorms
import NormaTerminal

/// How a norm is compiled, for the commands that do.
struct CompilationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What it runs on: "
        + PluginCompilation.Processor.allCases.map(\.rawValue).joined(separator: ", ") + ".",
      valueName: "processor"))
  var cpu = PluginCompilation.Processor.multi

  @Option(
    name: .customLong("shape"),
    help: ArgumentHelp(
      "A tensor's shape whose channels and positions get machine code of their own, for any batch;"
        + " repeatable.", valueName: "shape"))
  var shapes: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The channel axes; negative ones count from the end.", valueName: "n,..."))
  var axis = "-1"

  @Option(
    help: ArgumentHelp(
      "The id that the norm gets. (default: local/NAME)", valueName: "vendor/name"))
  var id: String?

  @Option(help: ArgumentHelp("The version of the library.", valueName: "version"))
  var libraryVersion = "1.0.0"

  @Option(
    help: ArgumentHelp("The licence it is under, an SPDX expression.", valueName: "licence"))
  var license = "NOASSERTION"

  @Option(
    help: ArgumentHelp(
      "A hyper-parameter, the library's default; or preset=NAME; repeatable.", valueName: "k=v"))
  var hyper: [String] = []

  /// Hands over the compilation of one norm.
  func withCompilation<Result>(
    of name: String, _ registryOptions: RegistryOptions,
    _ body: (PluginCompilation) throws -> Result
  ) throws -> Result {
    try registryOptions.withNorms([name], hyper: hyper) { specs, registry in
      guard let spec = specs.first, specs.count == 1 else {
        throw NormaError(
          .usage, "'\(name)' defines \(specs.count) norms, and one is compiled",
          help: "name one: " + specs.map { "\($0.name) --script \(name)" }.joined(separator: ", "))
      }
      let known = try registry.entry(spec.name).schema.name
      var identity = PluginCompilation.Identity(
        norm: id ?? (known.contains("/") ? known : "local/" + known))
      identity.version = libraryVersion
      identity.license = license
      let compilation = try PluginCompilation(
        spec, in: registry, identity: identity, processor: cpu, layouts: try layouts())
      return try body(compilation)
    }
  }

  private func layouts() throws(NormaError) -> [TensorLayout] {
    var found: [TensorLayout] = []
    for shape in shapes {
      let layout = try TensorLayout(shape: Settings.shape(shape), axis: Settings.axes(axis))
      guard layout.shape.count >= 2, layout.count > 0, !layout.channelAxes.contains(0) else {
        throw NormaError(
          .usage, "--shape \(shape) has no code to be made for",
          help: "a batch, any positions, and channels along other axes: --shape 4096x1024")
      }
      found.append(layout)
    }
    return found
  }

  /// What a user should know of what was made.
  func remarks(_ library: PluginCompilation.Library) -> [StyledText] {
    var lines: [StyledText] = []
    for (name, value) in library.fixed.sorted(by: { $0.key < $1.key }) {
      lines.append(
        StyledText("  \(name) is \(value) in it, and nothing else: its formula is made for that"))
    }
    for text in shapes {
      guard let shape = try? Settings.shape(text), !library.shapes.contains(shape) else { continue }
      lines.append(
        StyledText(
          "  \(text) gets no code of its own from this formula: the general code serves it, several"
            + " times slower"))
    }
    for remark in library.remarks {
      lines.append(StyledText("  \(remark)", .dim))
    }
    return lines
  }
}

extension PluginCompilation.Processor: ExpressibleByArgument {}
