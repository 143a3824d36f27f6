import CNormaABI
import NormaCore
import NormaGraph
public import NormaNorms

/// A norm that a compiled plugin provides.
struct PluginNorm: NormProvider {
  var descriptor: PluginDescriptor
  let identity: PluginIdentity
  var host: HostTable

  let speaker: Speaker
  /// Its formula, where the library carries one.
  var definition: NormDefinition?

  var schema: NormSchema { definition?.schema ?? descriptor.schema }

  var givesGradients: Bool { descriptor.norm.backward != nil }

  init(
    _ descriptor: PluginDescriptor, _ identity: PluginIdentity, path: String, host: HostTable,
    definition: NormDefinition?
  ) {
    self.descriptor = descriptor
    self.identity = identity
    self.host = host
    self.definition = definition
    let schema = definition?.schema ?? descriptor.schema
    speaker = Speaker(
      name: "norm.\(schema.name)", plugin: "\(identity.id) \(identity.version)", path: path,
      hypers: schema.hyper.map(\.name), inputs: ["x"] + schema.inputs.map(\.name),
      states: descriptor.states.map(\.name))
  }

  /// Checks the constraints and asks the plugin itself, so that a model with unfit settings fails when
  /// it is built.
  func splits(_ hyper: [String: HyperValue], channels: Int) throws(NormaError) -> Splits {
    try requireConstraints(hyper, channels: channels)
    _ = try PluginInstance(self, hyper: hyper, channels: channels)
    if let definition { return try definition.splits(hyper, channels: channels) }
    return Splits(groups: groupCount(hyper))
  }

  /// Throws `usage` when the values break a constraint of the descriptor.
  func requireConstraints(_ hyper: [String: HyperValue], channels: Int) throws(NormaError) {
    do throws(NormaError) {
      for constraint in descriptor.constraints { try constraint.check(hyper, channels: channels) }
    } catch {
      throw error.prefixed("norm.\(schema.name)")
    }
  }

  /// The number of groups, when a hyper-parameter is declared to be it.
  func groupCount(_ hyper: [String: HyperValue]) -> Int? {
    let name = descriptor.constraints.first { $0.isGroupCount }?.hyper
    guard let name, case .int(let count)? = hyper[name] else { return nil }
    return count
  }

  func makeKernel(_ request: KernelRequest) throws(NormaError) -> any NormKernel {
    if request.executor.isReference {
      if let definition { return try definition.makeKernel(request) }
      throw NormaError(
        .usage, "norm.\(schema.name) has no reference executor: a compiled plugin has no formula",
        notes: ["plugin \(identity.id) \(identity.version)"], help: "use executor auto")
    }
    if request.mode == .train, descriptor.norm.forward_train == nil {
      throw unable("train", "use it in infer mode")
    }
    if request.mode == .train, request.gradient, descriptor.norm.backward == nil {
      throw unable("give gradients", "use a norm that has a backward function")
    }
    try requireSupport(request.layout)
    return try PluginKernel(self, request)
  }

  func unable(_ deed: String, _ help: String) -> NormaError {
    NormaError(
      .usage, "norm.\(schema.name) cannot \(deed)",
      notes: ["plugin \(identity.id) \(identity.version)"], help: help)
  }

  /// Throws `usage` when the descriptor does not allow the rank, the channel axes or the strides.
  private func requireSupport(_ layout: TensorLayout) throws(NormaError) {
    let norm = descriptor.norm
    let low = max(Int(norm.rank_minimum), 1)
    let high = norm.rank_maximum == 0 ? Int(NORMA_MAX_RANK) : Int(norm.rank_maximum)
    let rank = layout.shape.count
    guard (low...max(low, high)).contains(rank) else {
      throw unable(
        "take shape \(layout.shape)",
        low == high ? "it takes rank \(low)" : "it takes ranks \(low) to \(high)")
    }
    let trailing = Array((rank - layout.channelAxes.count)..<rank)
    let fits =
      norm.layouts & NORMA_LAYOUT_ANY_AXES != 0
      || (norm.layouts & NORMA_LAYOUT_CHANNELS_LAST != 0 && layout.channelAxes == trailing)
      || (norm.layouts & NORMA_LAYOUT_CHANNELS_SECOND != 0 && layout.channelAxes == [1])
    guard fits else {
      var places: [String] = []
      if norm.layouts & NORMA_LAYOUT_CHANNELS_LAST != 0 { places.append("last") }
      if norm.layouts & NORMA_LAYOUT_CHANNELS_SECOND != 0 { places.append("second") }
      throw unable(
        "take channel axes \(layout.channelAxes) of shape \(layout.shape)",
        places.isEmpty
          ? "it takes none Norma knows"
          : "it takes the channel axis " + places.joined(separator: " or "))
    }
    guard layout.isContiguous || norm.layouts & NORMA_LAYOUT_STRIDED != 0 else {
      throw unable("take strides \(layout.strides)", "give it an array in C order")
    }
    guard layout.strides.allSatisfy({ $0 >= 0 }) else {
      throw unable("take the negative strides \(layout.strides)", "give it an array in C order")
    }
  }
}

extension NormEntry {
  /// The formula that a compiled plugin gives as text; nil for all norms that have a definition.
  public var pluginFormula: String? {
    guard let norm = provider as? PluginNorm, norm.definition == nil else { return nil }
    return norm.descriptor.formula.isEmpty ? nil : norm.descriptor.formula
  }
}

/// An instance that a plugin made, ended when nobody uses it any more.
///
/// SAFETY: the interface makes instances immutable and lets calls on one run at once.
final class PluginInstance: @unchecked Sendable {
  let pointer: UnsafeMutableRawPointer?
  private let speaker: Speaker
  private let destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?

  /// Creates an instance for checked hyper-parameters.
  ///
  /// - Throws: what the plugin says of them, naming the hyper-parameter.
  init(_ norm: PluginNorm, hyper: [String: HyperValue], channels: Int) throws(NormaError) {
    let descriptor = norm.descriptor
    let values = Self.values(of: descriptor, hyper)
    var settings = norma_settings.sized()
    settings.host = UnsafePointer(norm.host.pointer)
    settings.value_count = UInt32(values.count)
    settings.norm = descriptor.index
    settings.channels = Int64(channels)
    var instance: UnsafeMutableRawPointer?
    speaker = norm.speaker
    try speaker.check("create") { error in
      values.withUnsafeBufferPointer { buffer in
        settings.values = buffer.baseAddress
        return descriptor.norm.create(&settings, &instance, error)
      }
    }
    pointer = instance
    destroy = descriptor.norm.destroy
  }

  deinit { speaker.inside("destroy") { destroy?(pointer) } }

  /// The values in descriptor order. Words point into the descriptor, which lives for the process.
  private static func values(
    of descriptor: PluginDescriptor, _ hyper: [String: HyperValue]
  ) -> [norma_value] {
    var raw = UnsafeRawPointer(descriptor.norm.hypers)
    return descriptor.schema.hyper.map { parameter in
      var value = norma_value()
      let choices = raw?.assumingMemoryBound(to: norma_hyper.self).pointee.choices
      switch hyper[parameter.name] {
      case .real(let v)?:
        value.kind = NORMA_F64
        value.real = v
      case .ramp(let ramp)?:
        value.kind = NORMA_F64
        value.real = ramp.first
      case .int(let v)?:
        value.kind = NORMA_I64
        value.integer = Int64(v)
      case .bool(let v)?:
        value.kind = NORMA_BOOL
        value.integer = v ? 1 : 0
      case .choice(let word)?:
        value.kind = NORMA_CHOICE
        let index = parameter.words.firstIndex(of: word) ?? 0
        value.integer = Int64(index)
        if let choices { value.text = choices[index] }
      case nil, .some(.none): value.kind = NORMA_NONE
      }
      raw = raw.map { $0 + Int($0.load(as: UInt32.self)) }
      return value
    }
  }
}
