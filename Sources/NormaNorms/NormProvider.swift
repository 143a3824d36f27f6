public import NormaCompiler
public import NormaCore
public import NormaGraph

/// What a provider is asked to build.
public struct KernelRequest: Sendable {
  /// All hyper-parameters, resolved.
  public var hyper: [String: HyperValue]
  /// The tensor.
  public var layout: TensorLayout
  /// Training or inference.
  public var mode: Mode
  /// Which executor.
  public var executor: Executor
  /// Whether `backward` will be called.
  public var gradient: Bool
  /// What the kernel does for the operations beside it; empty unless the provider fuses.
  public var fusion: Fusion

  /// Makes a request.
  public init(
    hyper: [String: HyperValue], layout: TensorLayout, mode: Mode,
    executor: Executor = .tiles, gradient: Bool = true, fusion: Fusion = Fusion()
  ) {
    self.hyper = hyper
    self.layout = layout
    self.mode = mode
    self.executor = executor
    self.gradient = gradient
    self.fusion = fusion
  }
}

/// Whoever can build the kernels of a norm: a definition (Swift or Lua), or a compiled plugin.
public protocol NormProvider: Sendable {
  /// Names, types and limits.
  var schema: NormSchema { get }
  /// The formula, for all but compiled plugins.
  var definition: NormDefinition? { get }
  /// Whether kernels can do the work of a norm's neighbours too; false unless said otherwise.
  var fusesNeighbours: Bool { get }
  /// How a layer splits its roles, given resolved hyper-parameters.
  func splits(_ hyper: [String: HyperValue], channels: Int) throws(NormaError) -> Splits
  /// Whether kernels have a backward direction; true unless said otherwise.
  var givesGradients: Bool { get }
  /// Builds a kernel.
  func makeKernel(_ request: KernelRequest) throws(NormaError) -> any NormKernel
}

extension NormProvider {
  /// Kernels written by hand do what they were written for.
  public var fusesNeighbours: Bool { false }
  /// All but some compiled plugins.
  public var givesGradients: Bool { true }
}

/// Who put a norm in the registry.
public enum NormSource: Sendable, Hashable {
  /// Norma itself.
  case builtIn
  /// A script.
  case script(SourcePlace)
  /// A compiled plugin.
  case plugin(PluginOrigin)

  /// `built-in`, `norms.lua:3`, or `plugin ID VERSION (PATH)`.
  public var text: String {
    switch self {
    case .builtIn: "built-in"
    case .script(let place): "\(place)"
    case .plugin(let origin): "plugin \(origin.id) \(origin.version) (\(origin.path))"
    }
  }
}

/// The compiled plugin that a norm came from.
public struct PluginOrigin: Sendable, Hashable, Codable {
  /// Its id, reverse DNS.
  public let id: String
  /// Its version.
  public let version: String
  /// The SHA-256 of the library, 64 lower-case hexadecimal digits.
  public let sha256: String
  /// The library.
  public let path: String

  /// Makes an origin.
  public init(id: String, version: String, sha256: String, path: String) {
    self.id = id
    self.version = version
    self.sha256 = sha256
    self.path = path
  }
}

/// A norm in the registry.
public struct NormEntry: Sendable {
  /// Builds its kernels.
  public let provider: any NormProvider
  /// Where it came from.
  public let source: NormSource

  /// Makes an entry.
  public init(_ provider: any NormProvider, source: NormSource) {
    self.provider = provider
    self.source = source
  }

  /// Names, types and limits.
  public var schema: NormSchema { provider.schema }
}
