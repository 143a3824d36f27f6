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
      ExportedFile("norm.json", try metadata(groups)),
      ExportedFile("reference.py", try reference.text()),
      ExportedFile("__init__.py", initial(channels: channels, batch: chunk ?? 1)),
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

  private func initial(channels: Int, batch: Int) -> String {
    let schema = compilation.entry.schema
    let settings = schema.hyper.map { "    \($0.name): \($0.doc.isEmpty ? $0.rangeText : $0.doc)" }
    func plain(_ text: String) -> String {
      text.replacing("\\", with: "/").replacing("\"\"\"", with: "'''")
    }
    let doc =
      [plain(schema.summary), "", "Settings, by name:"] + settings.map(plain)
      + (settings.isEmpty ? ["    none"] : [])
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

  private func metadata(_ groups: SizeRule) throws(NormaError) -> String {
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
      gradient: schema.gradient.rawValue, groups: groupSetting, hyper: schema.hyper.map(hyper),
      parameters: states[0], buffers: states[1],
      inputs: schema.inputs.map {
        Metadata.Input(
          name: $0.name, along: $0.roles.names, low: $0.bounds.lower, high: $0.bounds.upper)
      })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      return String(decoding: try encoder.encode(metadata), as: UTF8.self) + "\n"
    } catch {
      throw NormaError(.internal, "norm.json cannot be written", underlying: error)
    }
  }

  private func hyper(_ parameter: HyperParameter) -> Metadata.Hyper {
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
    return Metadata.Hyper(
      name: parameter.name, kind: kind, default: value, words: parameter.words, min: bounds.lower,
      max: bounds.upper, above: bounds.lowerExcluded, below: bounds.upperExcluded,
      accepts: parameter.rangeText)
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
