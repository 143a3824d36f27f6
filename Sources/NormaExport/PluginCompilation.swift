import CNormaABI
import Foundation
import NormaCompiler
public import NormaCore
import NormaGraph
public import NormaNorms
public import NormaPlugins

/// Makes a compiled plugin of a norm's definition, built-in or scripted.
public struct PluginCompilation: Sendable {
  /// The processors a library runs on.
  public enum Processor: String, Sendable, CaseIterable {
    /// This machine's, and those that have all it has.
    case native
    /// SSE4.2: every x86-64 server of the last fifteen years.
    case v2 = "x86-64-v2"
    /// AVX2.
    case v3 = "x86-64-v3"
    /// AVX-512.
    case v4 = "x86-64-v4"
    /// Any of this architecture: code for each level, chosen when a layer is built.
    case multi
  }

  /// What it says of itself.
  public struct Identity: Sendable {
    /// The norm's id, `vendor/name`.
    public var norm: String
    /// The version of the library.
    public var version = "1.0.0"
    /// Its licence, an SPDX expression.
    public var license = "NOASSERTION"

    /// The identity of a norm with this id.
    public init(norm: String) { self.norm = norm }
  }

  /// A library, ready to be written.
  public struct Library: Sendable {
    /// The bytes of the shared library.
    public let bytes: [UInt8]
    /// What is said beside it.
    public let manifest: PluginManifest
    /// How many forms its settings give the formula.
    public let variants: Int
    /// How many of them differ.
    public let formulas: Int
    /// Integers that were compiled for one value only.
    public let fixed: [String: Int]
    /// The shapes that got machine code of their own, in training and inference.
    public let shapes: [[Int]]
    /// What of the definition the interface cannot say.
    public let remarks: [String]
  }

  /// The norm.
  public let entry: NormEntry
  /// Its hyper-parameters, resolved: the defaults of the library.
  public let values: [String: HyperValue]
  /// What the library says of itself.
  public let identity: Identity
  /// What it runs on.
  public let processor: Processor
  /// Tensors for which it gets machine code of their own: their channels and positions, in any batch.
  public let layouts: [TensorLayout]

  /// Prepares the compilation of a norm whose defaults become those of `spec`.
  ///
  /// - Throws: `usage` for a norm without definition, an id that is none, settings that do not fit.
  public init(
    _ spec: NormSpec, in registry: NormRegistry, identity: Identity, processor: Processor,
    layouts: [TensorLayout] = []
  ) throws(NormaError) {
    entry = try registry.entry(spec.name)
    values = try entry.schema.resolve(spec.hyper, preset: spec.preset)
    self.identity = identity
    self.processor = processor
    self.layouts = layouts
    guard entry.provider.definition != nil else {
      throw NormaError(
        .usage, "norm.\(spec.name) is compiled already: it has no definition",
        help: "it comes from \(entry.source.text)")
    }
    guard PluginDescriptor.isNormID(identity.norm) else {
      throw NormaError(
        .usage, "'\(identity.norm)' is not of the form vendor/name",
        help: "lower-case letters, digits and underscores: acme/scale")
    }
    let numbers = identity.version.split(separator: ".", omittingEmptySubsequences: false)
    guard numbers.count == 3, numbers.allSatisfy({ UInt32($0) != nil }) else {
      throw NormaError(.usage, "the version '\(identity.version)' is not of the form 1.2.3")
    }
    #if !arch(x86_64)
      guard processor == .native || processor == .multi else {
        throw NormaError(.usage, "\(processor.rawValue) is no processor of this architecture")
      }
    #endif
  }

  /// Compiles the library with the machine's C compiler.
  ///
  /// - Parameter headers: the folder in which `norma_plugin.h` lies.
  /// - Throws: `usage` for what no library can say; `unavailable` without a C compiler, or where it
  ///   fails, with its first words.
  public func library(
    headers: String, environment: [String: String]
  ) throws(NormaError) -> Library {
    let variants = try variants()
    var toolchain = try NativeToolchain(environment: environment)
    toolchain.flags = Self.flags + ["-I", headers]
    toolchain.timeLimit = .seconds(600)
    let compiler = toolchain.version.split(separator: "\n").first.map(String.init) ?? ""
    let build = "norma compile --cpu \(processor.rawValue), \(compiler)"
    let text = try pluginText(variants, build: build)
    let units = try text.units()
    let bytes = try toolchain.library(
      units.sources.map { NativeToolchain.Source(text: $0.text, flags: $0.flags) },
      linking: ["-Wl,-z,defs", "-Wl,-z,now", "-Wl,-z,nodelete", "-Wl,-s"])
    let schema = entry.schema
    var remarks: [String] = []
    for alias in schema.aliases where !alias.isPlain {
      remarks.append("plugins take '\(alias.target)' only, not '\(alias.name)'")
    }
    for (shape, modes) in units.shapes where modes.count == 1 {
      let text = shape.map(String.init).joined(separator: "x")
      remarks.append(
        "\(text) has code of its own in \(modes == [.train] ? "training" : "inference") only")
    }
    for (a, b) in schema.exclusive {
      remarks.append("of '\(a)' and '\(b)' give one; it does not say so itself")
    }
    if !schema.presets.isEmpty {
      let names = schema.presets.keys.sorted().joined(separator: ", ")
      remarks.append("plugins have no presets in other programs: \(names)")
    }
    return Library(
      bytes: bytes,
      manifest: PluginManifest(
        id: plugin, version: identity.version, sha256: try Digest(of: bytes).hexadecimal,
        license: identity.license, norms: [identity.norm], build: build),
      variants: variants.variants.count, formulas: variants.programs.count, fixed: variants.fixed,
      shapes: layouts.map(\.shape).filter { units.shapes[$0]?.count == Mode.allCases.count },
      remarks: remarks)
  }

  private static let flags = [
    "-std=gnu11", "-O3", "-fPIC", "-fvisibility=hidden", "-fopenmp-simd", "-fno-math-errno",
    "-fno-trapping-math", "-pipe", "-w",
  ]

  private var levels: [PluginText.Level] {
    func level(_ march: String, _ features: String, _ lanes: Int) -> PluginText.Level {
      PluginText.Level(
        suffix: processor == .multi ? "_" + march.suffix(2) : "", flags: ["-march=\(march)"],
        features: features, lanes: lanes)
    }
    let v2 = level("x86-64-v2", "NORMA_CPU_X86_64_V2", 8)
    let v3 = level("x86-64-v3", "NORMA_CPU_X86_64_V3", 8)
    let v4 = level("x86-64-v4", "NORMA_CPU_X86_64_V4", 16)
    switch processor {
    case .v2: return [v2]
    case .v3: return [v3]
    case .v4: return [v4]
    case .native:
      let levels = NORMA_CPU_X86_64_V2 | NORMA_CPU_X86_64_V3 | NORMA_CPU_X86_64_V4
      // What other hosts know of as well.
      let features = norma_host_cpu_features() & UInt64(levels | NORMA_CPU_AARCH64)
      return [
        PluginText.Level(
          suffix: "", flags: [Self.nativeFlag], features: "0x\(String(features, radix: 16))u",
          lanes: features & UInt64(NORMA_CPU_X86_64_V4) != 0 ? 16 : 8)
      ]
    case .multi:
      #if arch(x86_64)
        let base = PluginText.Level(
          suffix: "_v1", flags: ["-march=x86-64"], features: "0", lanes: 8)
        return [v4, v3, base]
      #else
        return [PluginText.Level(suffix: "", flags: [], features: "0", lanes: 8)]
      #endif
    }
  }

  #if arch(x86_64)
    private static let nativeFlag = "-march=native"
  #else
    private static let nativeFlag = "-mcpu=native"
  #endif

  /// The plugin's id: the norm's with a dot.
  private var plugin: String { identity.norm.replacing("/", with: ".") }

  func variants() throws(NormaError) -> NormVariants {
    guard let definition = entry.provider.definition else {
      throw NormaError(.internal, "norm.\(entry.schema.name) lost its definition")
    }
    return try NormVariants(definition, values: values)
  }

  private func pluginText(
    _ variants: NormVariants, build: String
  ) throws(NormaError) -> PluginText {
    let program = try entry.provider.definition?.program(
      hyper: values, channels: 48, mode: .train, gradient: false)
    let formula = try program.map { program throws(NormaError) in
      Formula(try Graph([("y", program.output)])).text
    }
    return PluginText(
      variants: variants,
      identity: PluginText.Identity(
        norm: identity.norm, plugin: plugin, version: identity.version,
        license: identity.license, build: build),
      levels: levels, layouts: layouts, values: values, formula: formula ?? "",
      definition: try variants.stored.text())
  }
}
