import CNormaABI
import NormaConformance
import NormaCore
import NormaNorms
import Synchronization

/// Level 2: the functions of a norm held to the rules of the interface.
extension PluginCheck {
  static let interface: [LoadedCheck] = [
    LoadedCheck("arguments that grew by zeros are the same", norm: takesLongerArguments),
    LoadedCheck("arguments that mean more are refused", norm: refusesUnknownMeaning),
    LoadedCheck("an error needs no room", norm: needsNoRoom),
    LoadedCheck("running out of memory is an error", norm: survivesNoMemory),
    LoadedCheck("settings at their limits are taken, or named", norm: takesLimits),
    LoadedCheck("calls leave the process as it was", norm: leavesTheProcess),
  ]

  private static func takesLongerArguments(
    _ check: PluginCheck, _ norm: PluginNorm, _ registry: NormRegistry
  ) throws(NormaError) {
    let plain = try Step(norm, seed: check.seed)
    Wrapper.tail.store(0, ordering: .relaxed)
    let longer = try Step(try Wrapper.around(norm), seed: check.seed)
    try expect(plain == longer, "64 zeros behind each argument change the results")
  }

  private static func refusesUnknownMeaning(
    _ check: PluginCheck, _ norm: PluginNorm, _ registry: NormRegistry
  ) throws(NormaError) {
    Wrapper.tail.store(1, ordering: .relaxed)
    let wrapped = try Wrapper.around(norm)
    let names = ["create", "plan", "forward_infer", "forward_train", "backward"]
    for function in names where Wrapper.has(function, norm) {
      Wrapper.only(function)
      _ = try? Step(wrapped, seed: check.seed, mode: function == "forward_infer" ? .infer : .train)
      let status = Wrapper.lastStatus.load(ordering: .relaxed)
      try expect(
        status == NORMA_UNSUPPORTED,
        "\(function) returned \(status) for an argument with unknown fields that are not zero, not"
          + " NORMA_UNSUPPORTED: see norma_tail_is_zero")
    }
  }

  private static func needsNoRoom(
    _ check: PluginCheck, _ norm: PluginNorm, _ registry: NormRegistry
  ) throws(NormaError) {
    Wrapper.tail.store(1, ordering: .relaxed)
    let wrapped = try Wrapper.around(norm)
    for function in ["create", "plan", "forward_train"] where Wrapper.has(function, norm) {
      for room in [-1, 0, 1] {
        Wrapper.only(function, errorRoom: room)
        _ = try? Step(wrapped, seed: check.seed)
        let damage = Wrapper.damage.exchange(false, ordering: .relaxed)
        try expect(!damage, "\(function) wrote an error message past its \(room) byte(s) of room")
      }
    }
  }

  private static func survivesNoMemory(
    _ check: PluginCheck, _ norm: PluginNorm, _ registry: NormRegistry
  ) throws(NormaError) {
    let plain = try Step(norm, seed: check.seed)
    var failing = 1
    while failing <= 64 {
      let tested = Allocator.host(failingAt: failing)
      var norm = norm
      norm.host = tested
      var failure: NormaError?
      do throws(NormaError) {
        let step = try Step(norm, seed: check.seed)
        try expect(step == plain, "when allocation \(failing) fails, the results are others")
      } catch {
        failure = error
      }
      let (asked, open) = Allocator.counts()
      try expect(open == 0, "\(open) allocation(s) of the host's were not released")
      if let failure, failure.code == .gate || asked < failing { throw failure }
      if asked < failing { return }
      failing += 1
    }
  }

  private static func takesLimits(
    _ check: PluginCheck, _ norm: PluginNorm, _ registry: NormRegistry
  ) throws(NormaError) {
    // What is tried is one setting; all others, at their defaults, fit the channels.
    let name = norm.schema.name
    let channels =
      [12, 32, 48].first {
        (try? NormLayer(NormSpec(name), in: registry, channelShape: [$0])) != nil
      } ?? 12
    for parameter in norm.schema.hyper {
      for value in parameter.extremes {
        do throws(NormaError) {
          let spec = NormSpec(name, [parameter.name: value])
          _ = try NormLayer(spec, in: registry, channelShape: [channels])
        } catch {
          try expect(
            error.message.contains("'\(parameter.name)'"),
            "\(parameter.name) = \(value) is refused without naming it: \(error.message)")
        }
      }
    }
  }

  private static func leavesTheProcess(
    _ check: PluginCheck, _ norm: PluginNorm, _ registry: NormRegistry
  ) throws(NormaError) {
    // The host's own threads are there first, as many as a step uses.
    services.parallelFor(Step.threads, 64, 1) { _, _, _ in }
    let before = ProcessState.now
    _ = try Step(norm, seed: check.seed)
    _ = try Step(norm, seed: check.seed, mode: .infer)
    let difference = ProcessState.now.difference(from: before)
    try expect(difference == nil, "in a call, \(difference ?? "")")
  }
}

/// The bits of one step on a small tensor.
private struct Step: Equatable {
  static let threads = 2
  let bits: [[UInt32]]

  init(_ norm: PluginNorm, seed: UInt64, mode: Mode = .train) throws(NormaError) {
    var found: Result<[[UInt32]], NormaError> = .failure(NormaError(.gate, "no shape is accepted"))
    let name = norm.schema.name
    let canTrain = norm.descriptor.norm.forward_train != nil
    let mode = canTrain ? mode : .infer
    let registry = NormRegistry([
      NormEntry(
        norm,
        source: .plugin(
          PluginOrigin(
            id: norm.identity.id, version: norm.identity.version, sha256: "", path: "")))
    ])
    for (shape, axis) in [([6, 12], -1), ([3, 5, 12], -1), ([3, 12, 5], 1), ([32, 64], -1)] {
      do throws(NormaError) {
        let layout = try TensorLayout(shape: shape, axis: [axis])
        let layer = try NormLayer(NormSpec(name), in: registry, channelShape: layout.channelShape)
        let gradient = norm.descriptor.norm.backward != nil
        let harness = try KernelHarness(
          layer: layer, layout: layout, mode: mode, threads: Self.threads, gradient: gradient)
        var random = RandomSource(seed: seed, purpose: "step")
        for (name, values) in harness.inputs.sorted(by: { $0.key < $1.key }) {
          harness.inputs[name] = values.map { _ in Float(random.normal()) }
        }
        try harness.forward()
        if gradient { try harness.backward(harness.x.map { $0 + 0.5 }) }
        let results =
          [harness.y] + (gradient ? [harness.inputGradient] : [])
          + harness.parameterGradients.sorted { $0.key < $1.key }.map(\.value)
        found = .success(results.map { $0.map(\.bitPattern) })
        break
      } catch {
        found = .failure(error)
        // A shape it cannot take is no answer; the next may be.
        if error.code != .usage { break }
      }
    }
    bits = try found.get()
  }
}

extension HyperParameter {
  /// The values at the ends of what it accepts.
  fileprivate var extremes: [HyperValue] {
    switch kind {
    case .bool: [.bool(false), .bool(true)]
    case .choice(let words): words.map { .choice($0) }
    case .real(let bounds):
      [bounds.lower, bounds.upper].compactMap { $0 }.filter(bounds.contains).map { .real($0) }
    case .int(let bounds, _, let words):
      [bounds.lower, bounds.upper].compactMap { $0 }.filter(bounds.contains).compactMap {
        Int(exactly: $0).map { .int($0) }
      } + words.map { .choice($0) }
    }
  }
}
