import Foundation
import NormaCompiler
public import NormaCore
import NormaGraph
import NormaNorms

/// A Python package with a norm as a PyTorch module, over a compiled library.
public struct TorchPackage: Sendable {
  private let compilation: PluginCompilation

  /// The package of a norm that is compiled so.
  public init(_ compilation: PluginCompilation) {
    self.compilation = compilation
  }

  /// The name of the module's class: `evonorm_s0` is `EvonormS0`.
  public var className: String {
    let name = compilation.entry.schema.name.split(separator: "/").last ?? ""
    return name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  /// Where the tensors that it is compiled for have their channels.
  private var axis: Int {
    guard let layout = compilation.layouts.first, layout.channelAxes.count == 1 else { return -1 }
    let axis = layout.channelAxes[0]
    return axis == layout.shape.count - 1 ? -1 : axis
  }

  /// Compiles the library and writes everything else.
  ///
  /// - Parameters:
  ///   - headers: the folder in which `norma_plugin.h` lies.
  ///   - templates: the folder of the files that are the same in all packages.
  /// - Throws: as `PluginCompilation.library`; `io` when a template cannot be read.
  public func files(
    headers: String, templates: String, environment: [String: String]
  ) throws(NormaError) -> (files: [ExportedFile], library: PluginCompilation.Library) {
    let library = try compilation.library(headers: headers, environment: environment)
    let variants = try compilation.variants()
    let values = compilation.values
    guard let chosen = variants.variant(for: values) else {
      throw NormaError(.internal, "no variant was compiled for the default settings")
    }
    let groups = chosen.stored.groups
    let channels = try smallestChannels()
    let chunk = chosen.stored.chunk.flatMap {
      $0.size(variants.integers(values), channels: channels)
    }
    let reference = TorchReference(
      schema: variants.schema,
      train: try variants.traced(values, channels: channels, .train),
      infer: try variants.traced(values, channels: channels, .infer), groups: groups,
      chunk: chosen.stored.chunk)
    var files = [
      ExportedFile(name: "norm.so", bytes: library.bytes),
      ExportedFile(name: "_host.so", bytes: try host(headers, templates, environment)),
      ExportedFile("norm.json", try metadata(groups, library)),
      ExportedFile("reference.py", try reference.text()),
      ExportedFile("__init__.py", initial(library, channels: channels, batch: chunk ?? 1)),
      ExportedFile("README.md", readme(library, channels: channels)),
    ]
    for name in ["_norma.py", "test_norm.py", "benchmark.py", "host.c"] {
      files.append(ExportedFile(name: name, bytes: try Self.read(templates + "/" + name)))
    }
    return (files, library)
  }

  /// The host's functions; with PyTorch's own threads where gcc compiles them.
  private func host(
    _ headers: String, _ templates: String, _ environment: [String: String]
  ) throws(NormaError) -> [UInt8] {
    let source = String(decoding: try Self.read(templates + "/host.c"), as: UTF8.self)
    var toolchain = try NativeToolchain(environment: environment)
    toolchain.flags = [
      "-std=gnu11", "-O2", "-fPIC", "-fvisibility=hidden", "-pipe", "-w", "-I", headers,
    ]
    // The library is linked without OpenMP: the process has PyTorch's, which then serves both.
    let openMP = toolchain.version.contains("Free Software Foundation") ? ["-fopenmp"] : []
    return try toolchain.library(
      [NativeToolchain.Source(text: source, flags: openMP)],
      linking: ["-Wl,-z,lazy", "-Wl,--allow-shlib-undefined", "-Wl,-s"])
  }

  private static func read(_ path: String) throws(NormaError) -> [UInt8] {
    do {
      return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      throw NormaError(.io, "cannot read '\(path)', a part of Norma", underlying: error)
    }
  }

  /// A number of channels that suits the default settings.
  private func smallestChannels() throws(NormaError) -> Int {
    var failure: NormaError?
    for channels in [48, 64, 96, 144] {
      do throws(NormaError) {
        let splits = try compilation.entry.provider.splits(compilation.values, channels: channels)
        if channels % (splits.groups ?? 1) == 0 { return channels }
      } catch {
        failure = error
      }
    }
    throw failure ?? NormaError(.usage, "no number of channels suits the default settings")
  }

  /// What its settings and second inputs are, a line each.
  private func members(
    _ library: PluginCompilation.Library
  ) -> (settings: [String], inputs: [String]) {
    let schema = compilation.entry.schema
    let settings = schema.hyper.map { parameter in
      var words = [parameter.doc, parameter.rangeText].filter { !$0.isEmpty }
      if let only = library.fixed[parameter.name] { words = ["fixed at \(only) in this library"] }
      return "\(parameter.name): \(words.joined(separator: "; "))"
    }
    let inputs = schema.inputs.map { input in
      let roles = input.roles.names.joined(separator: ", ")
      return "\(input.name): as x along \(roles), 1 along its other axes"
        + (input.doc.isEmpty ? "" : "; \(input.doc)")
    }
    return (settings, inputs)
  }

  private func readme(_ library: PluginCompilation.Library, channels: Int) -> String {
    let schema = compilation.entry.schema
    let (settings, inputs) = members(library)
    func list(_ title: String, _ items: [String]) -> [String] {
      items.isEmpty ? [] : ["", title, ""] + items.map { "- " + $0 }
    }
    let names = schema.inputs.map(\.name)
    let call = (["x"] + names).joined(separator: ", ")
    let shapes = library.shapes.map { $0.map(String.init).joined(separator: "x") }
    var lines = ["# \(compilation.identity.norm) for PyTorch", ""]
    if !schema.summary.isEmpty { lines += [schema.summary + ".", ""] }
    lines += [
      "The folder is a Python package; it needs `torch`, nothing else:", "", "```python",
      "from folder import \(className)   # whatever you call this folder", "",
      "norm = \(className)(\(channels))   # channels; axis=\(axis) and settings by name",
      "y = norm(\(call))", "```", "",
      "`x` is float32 on the CPU, of up to 8 axes; axis 0 is the batch, and axis `axis` has the channels.",
    ]
    lines += list("Settings:", settings)
    lines += list("It takes more inputs, in this order:", inputs)
    lines += [
      "",
      shapes.isEmpty
        ? "It was compiled for no shape in particular: general code, several times slower than code made for"
          + " one (`norma export --shape`)."
        : "Code of its own, for any batch: \(shapes.joined(separator: ", ")). Other sizes run general code,"
          + " several times slower.",
      "",
      "`train()`, `eval()`, `state_dict()`, `torch.save` and `deepcopy` work as ever. `torch.compile` breaks"
        + " its graph at the module. `torch.export`, `torch.func` and double backward do not work: PyTorch"
        + " cannot look into compiled code.",
      "",
      "`python test_norm.py` holds it to its formula in float64; `python benchmark.py` times it.",
      "",
    ]
    return lines.joined(separator: "\n")
  }

  private func initial(
    _ library: PluginCompilation.Library, channels: Int, batch: Int
  ) -> String {
    let schema = compilation.entry.schema
    let (settings, inputs) = members(library)
    func plain(_ text: String) -> String {
      text.replacing("\\", with: "/").replacing("\"\"\"", with: "'''")
    }
    let doc =
      [
        plain(schema.summary), "",
        "\(className)(channels, *, axis=\(axis), settings): a module that is called with"
          + " \((["x"] + schema.inputs.map(\.name)).joined(separator: ", ")).", "",
        "Settings, by name:",
      ]
      + (settings.isEmpty ? ["none"] : settings).map { "    " + plain($0) }
      + (inputs.isEmpty ? [] : ["", "Inputs besides x:"]) + inputs.map { "    " + plain($0) }
    return """
      \"\"\"\(plain(schema.name)), compiled by Norma: see \(className).\"\"\"

      from ._norma import NORM, Norm, NormaError

      # What tests use: channels that suit the default settings, and what divides a batch.
      CHANNELS = \(channels)
      BATCH = \(batch)


      class \(className)(Norm):
          \"\"\"\(doc.joined(separator: "\n    "))
          \"\"\"


      MODULE = \(className)
      __all__ = ["\(className)", "NormaError"]

      """
  }

  // MARK: norm.json

  private struct Metadata: Encodable {
    struct Hyper: Encodable {
      let name: String
      let kind: String
      let `default`: JSONValue
      let words: [String]
      let min: Double?
      let max: Double?
      let above: Bool
      let below: Bool
      let accepts: String
    }
    struct State: Encodable {
      let name: String
      let per: String
      let factor: Double
      let power: Double
      let from: String?
      let when: String?
      let role: String
    }
    struct Input: Encodable {
      let name: String
      let along: [String]
      let low: Double?
      let high: Double?
    }
    let norm: String
    let version: String
    let gradient: String
    /// Where the channels are unless a module is told otherwise.
    let axis: Int
    /// Tensors that have machine code of their own.
    let shapes: [[Int]]
    let groups: String?
    let hyper: [Hyper]
    let parameters: [State]
    let buffers: [State]
    let inputs: [Input]
  }

  /// A value as JSON has it.
  private enum JSONValue: Encodable {
    case number(Double), integer(Int), bool(Bool), text(String), null

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .number(let v): try container.encode(v)
      case .integer(let v): try container.encode(v)
      case .bool(let v): try container.encode(v)
      case .text(let v): try container.encode(v)
      case .null: try container.encodeNil()
      }
    }
  }

  private func metadata(
    _ groups: SizeRule, _ library: PluginCompilation.Library
  ) throws(NormaError) -> String {
    let schema = compilation.entry.schema
    var groupSetting: String?
    if case .setting(let k) = groups { groupSetting = schema.hyper[k].name }
    var states: [[Metadata.State]] = []
    for list in [schema.parameters, schema.buffers] {
      var found: [Metadata.State] = []
      for state in list { found.append(try self.state(state)) }
      states.append(found)
    }
    let metadata = Metadata(
      norm: compilation.identity.norm, version: compilation.identity.version,
      gradient: schema.gradient.rawValue, axis: axis, shapes: library.shapes, groups: groupSetting,
      hyper: schema.hyper.map { hyper($0, fixed: library.fixed[$0.name]) },
      parameters: states[0], buffers: states[1],
      inputs: schema.inputs.map {
        Metadata.Input(
          name: $0.name, along: $0.roles.names, low: $0.bounds.lower, high: $0.bounds.upper)
      })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // Python's float reads these words.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      return String(decoding: try encoder.encode(metadata), as: UTF8.self) + "\n"
    } catch {
      throw NormaError(.internal, "norm.json cannot be written", underlying: error)
    }
  }

  private func hyper(_ parameter: HyperParameter, fixed: Int?) -> Metadata.Hyper {
    var bounds = Bounds()
    let kind: String
    switch parameter.kind {
    case .real(let limits): (kind, bounds) = ("real", limits)
    case .int(let limits, _, _): (kind, bounds) = ("int", limits)
    case .bool: kind = "bool"
    case .choice: kind = "choice"
    }
    let value: JSONValue =
      switch compilation.values[parameter.name] ?? parameter.defaultValue {
      case .real(let v): .number(v)
      case .ramp(let ramp): .number(ramp.first)
      case .int(let v): .integer(v)
      case .bool(let v): .bool(v)
      case .choice(let v): .text(v)
      case .none: .null
      }
    if let fixed { bounds = Bounds(min: Double(fixed), max: Double(fixed)) }
    return Metadata.Hyper(
      name: parameter.name, kind: kind, default: value, words: parameter.words, min: bounds.lower,
      max: bounds.upper, above: bounds.lowerExcluded, below: bounds.upperExcluded,
      accepts: fixed.map { "\($0), which this library was compiled for" } ?? parameter.rangeText)
  }

  private func state(_ state: StateSpec) throws(NormaError) -> Metadata.State {
    var (factor, power) = (0.0, 0.0)
    var from: String?
    switch state.initial {
    case .number(let value): factor = value
    case .hyper(let name): from = name
    case .function(let value):
      (factor, power) = try PluginText.power(value, of: state, in: compilation.entry.schema.name)
    }
    let per =
      state.roles == .channel
      ? "channel" : state.roles == .group ? "group" : state.roles == .member ? "member" : "scalar"
    return Metadata.State(
      name: state.name, per: per, factor: factor, power: power, from: from, when: state.when,
      role: state.role.rawValue)
  }
}
