import NormaGraph
public import NormaCompiler
public import NormaCore

/// A norm as a user names it: `"rms"`, or `norm.group { groups = 8 }`.
public struct NormSpec: Sendable, Hashable {
  /// The registry name; `none` means no norm.
  public var name: String
  /// The hyper-parameters that were given.
  public var hyper: [String: HyperValue]
  /// A peer's defaults by name.
  public var preset: String?
  /// Where it was written.
  public var place: SourcePlace?

  /// Makes a spec.
  public init(
    _ name: String, _ hyper: [String: HyperValue] = [:], preset: String? = nil,
    place: SourcePlace? = nil
  ) {
    self.name = name
    self.hyper = hyper
    self.preset = preset
    self.place = place
  }

  /// The same norm and settings, wherever written.
  public static func == (a: NormSpec, b: NormSpec) -> Bool {
    a.name == b.name && a.hyper == b.hyper && a.preset == b.preset
  }

  /// Hashes name and settings.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(hyper)
  }

  /// The name that stands for no norm at all.
  public static let noneName = "none"

  /// `group(groups=8)`.
  public var label: String {
    var settings = hyper.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    if let preset { settings.insert(preset, at: 0) }
    return settings.isEmpty ? name : "\(name)(\(settings.joined(separator: ", ")))"
  }
}

/// A parameter or buffer of a built layer.
public struct StateTensor: Sendable {
  /// What the schema says of it.
  public let spec: StateSpec
  /// Its shape: the channel axes' sizes for a per-channel one, empty for a scalar.
  public let shape: [Int]
  /// The value it starts with, the same for all elements.
  public let initialValue: Double

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }
}

/// A norm with checked hyper-parameters for a number of channels: what owns parameters and buffers.
public struct NormLayer: Sendable {
  /// The norm.
  public let entry: NormEntry
  /// All hyper-parameters, resolved.
  public let hyper: [String: HyperValue]
  /// Into how many groups it splits the channels; nil without groups.
  public let groups: Int?
  /// The parameters, present ones only.
  public let parameters: [StateTensor]
  /// The running buffers.
  public let buffers: [StateTensor]

  /// Builds a layer: checks hyper-parameters against the channel count and sizes its state.
  ///
  /// - Throws: `usage`, with the norm's name, the value and the remedy.
  public init(
    _ spec: NormSpec, in registry: NormRegistry, channelShape: [Int]
  ) throws(NormaError) {
    do throws(NormaError) {
      let entry = try registry.entry(spec.name)
      let schema = entry.schema
      let hyper = try schema.resolve(spec.hyper, preset: spec.preset)
      let channels = channelShape.reduce(1, *)
      for parameter in schema.hyper {
        let given = spec.hyper.keys
        let replaced = schema.exclusive.contains {
          ($0.0 == parameter.name && given.contains($0.1))
            || ($0.1 == parameter.name && given.contains($0.0))
        }
        guard case .int(_, let divides?, let words) = parameter.kind, divides == .channel,
          !replaced,
          case .int(let value)? = hyper[parameter.name], value < 1 || channels % value != 0
        else { continue }
        throw NormaError(
          .usage,
          "norm.\(schema.name): '\(parameter.name)' must divide the \(channels) channels,"
            + " got \(value)", help: ([Splits.divisors(channels)] + words).joined(separator: " "))
      }
      let splits = try entry.provider.splits(hyper, channels: channels)
      groups = splits.groups
      let dimensions = Dimensions(channel: channels, group: splits.groups ?? 1)
      func tensor(_ spec: StateSpec) throws(NormaError) -> StateTensor {
        var value = 0.0
        switch spec.initial {
        case .number(let v): value = v
        case .function(let f): value = try f(dimensions)
        case .hyper(let name):
          switch hyper[name] {
          case .real(let v)?: value = v
          case .int(let v)?: value = Double(v)
          case .ramp(let ramp)?: value = ramp.first
          default:
            throw NormaError(
              .usage, "norm.\(schema.name): '\(spec.name)' starts at '\(name)', which is no number")
          }
        }
        let shape: [Int]
        switch spec.roles {
        case .none: shape = []
        case .channel: shape = channelShape
        case .group: shape = [dimensions.group]
        case .member: shape = [dimensions.member]
        default:
          throw NormaError(
            .usage, "norm.\(schema.name): '\(spec.name)' varies along \(spec.roles)",
            help: "parameters and buffers vary along channel, group, member or nothing")
        }
        return StateTensor(spec: spec, shape: shape, initialValue: value)
      }
      var parameters: [StateTensor] = []
      for spec in schema.presentParameters(hyper) { parameters.append(try tensor(spec)) }
      var buffers: [StateTensor] = []
      for spec in schema.buffers where spec.isPresent(hyper) { buffers.append(try tensor(spec)) }
      self.entry = entry
      self.hyper = hyper
      self.parameters = parameters
      self.buffers = buffers
    } catch {
      throw error.at(spec.place)
    }
  }

  /// The values of the real hyper-parameters before the first step, in the order of the schema.
  public var realHyper: [Double] {
    entry.schema.hyper.filter(\.isReal).map {
      switch hyper[$0.name] {
      case .real(let value)?: value
      case .ramp(let ramp)?: ramp.first
      default: .nan
      }
    }
  }

  /// Those of the real hyper-parameters that move with the step, by their place in `realHyper`.
  public var ramps: [(index: Int, ramp: Ramp)] {
    entry.schema.hyper.filter(\.isReal).enumerated().compactMap { index, parameter in
      if case .ramp(let ramp)? = hyper[parameter.name] { (index, ramp) } else { nil }
    }
  }

  /// Builds the kernel for a concrete tensor.
  ///
  /// - Throws: `usage` when the shape does not suit the norm, with norm, shape and remedies;
  ///   also when its kernels cannot do the work of neighbours.
  public func kernel(
    for layout: TensorLayout, mode: Mode, executor: Executor = .tiles, gradient: Bool = true,
    fusion: Fusion = Fusion()
  ) throws(NormaError) -> any NormKernel {
    guard fusion.isEmpty || entry.provider.fusesNeighbours else {
      throw NormaError(
        .usage,
        "norm.\(entry.schema.name) cannot take in its neighbours (\(fusion)): its kernels are"
          + " compiled already", help: "only norms that are formulas are fused")
    }
    return try entry.provider.makeKernel(
      KernelRequest(
        hyper: hyper, layout: layout, mode: mode, executor: executor, gradient: gradient,
        fusion: fusion))
  }
}
