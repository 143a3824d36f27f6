public import NormaCore
public import NormaNorms

/// What a norm does, measured on small tensors and not taken from anybody's word.
public struct NormProperties: Sendable, Encodable {
  /// What the output does not depend on: a shift or a positive scale, one for each of these roles.
  public struct Invariance: Sendable, Encodable, Hashable {
    /// A number for all values.
    public var whole = false
    /// A number for each sample.
    public var sample = false
    /// A number for each channel.
    public var channel = false
  }

  /// How far the output goes.
  public struct Range: Sendable, Encodable, Hashable {
    /// The smallest output for N(0.3, 1).
    public let lowest: Double
    /// The largest output for N(0.3, 1).
    public let highest: Double
    /// The largest size of an output for one value of a million among ordinary ones; nil where it grows
    /// with that value.
    public let bound: Double?
  }

  /// The response of one output to its own input, all others held.
  public struct Response: Sendable, Encodable {
    /// The input.
    public let x: [Double]
    /// The output.
    public let y: [Double]
    /// The derivative of the output.
    public let slope: [Double]
  }

  /// The norm and its settings.
  public let norm: String
  /// Whether it is made for weights.
  public let isForWeights: Bool
  /// Which other elements an output depends on in training: those that differ along these roles.
  public let mixes: [String]
  /// The same in inference.
  public let infersFrom: [String]
  /// Shifts that do not matter.
  public let shift: Invariance
  /// Scales that do not matter.
  public let scale: Invariance
  /// Whether training and inference give different outputs.
  public let modesDiffer: Bool
  /// The smallest sets of roles over which the gradient of `x` sums to 0.
  public let zeroMean: [[String]]
  /// The smallest sets of roles over which the gradient of `x` is orthogonal to `x`.
  public let orthogonal: [[String]]
  /// How far outputs go.
  public let range: Range
  /// Whether a batch of one sample is accepted in training; why not.
  public let batchOfOne: String
  /// What becomes of a tensor of one value.
  public let constant: String
  /// What becomes of values of 1e18.
  public let huge: String
  /// One output's response to its own input.
  public let response: Response

  /// Measures a norm.
  ///
  /// - Throws: what building the norm throws; `gate` when it accepts no number of channels.
  public init(
    _ spec: NormSpec, in registry: NormRegistry, seed: UInt64 = 1
  ) throws(NormaError) {
    let counts = try ChannelCounts(spec, in: registry)
    let schema = try registry.entry(spec.name).schema
    func probe(
      _ mode: Mode, initial: Bool = false, epsilon: Bool = false
    ) throws(NormaError) -> NormProbe {
      try NormProbe(
        spec, in: registry, counts: counts, mode: mode, seed: seed, keepsEpsilon: epsilon,
        keepsInitial: initial)
    }
    let train = try probe(.train)
    let infer = try probe(.infer)
    norm = spec.label
    isForWeights = schema.isForWeights
    mixes = try train.mixes().names
    infersFrom = try infer.mixes().names
    shift = try train.invariance { $0 + Float($1) }
    scale = try train.invariance { $0 * Float($1) }
    modesDiffer = !NormProbe.same(try train.y(train.x), try infer.y(infer.x), within: 1e-5)
    (zeroMean, orthogonal) = try train.gradientSets(seed)
    range = try probe(.train, initial: true, epsilon: true).range()
    batchOfOne = NormProperties.batchOfOne(spec, registry, counts, schema)
    let usual = try probe(.train, epsilon: true)
    constant = try usual.constant()
    huge = try usual.huge()
    response = try probe(.train, initial: true, epsilon: true).response()
  }

  private static func batchOfOne(
    _ spec: NormSpec, _ registry: NormRegistry, _ counts: ChannelCounts, _ schema: NormSchema
  ) -> String {
    guard !schema.isForWeights else { return "a weight has no batch" }
    do throws(NormaError) {
      let layout = try counts.layout([1, counts.small], [-1])
      let layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
      let harness = try KernelHarness(layer: layer, layout: layout, mode: .train)
      var random = RandomSource(seed: 1, purpose: "one")
      harness.x = (0..<layout.count).map { _ in Float(random.normal()) }
      try harness.forward()
      return harness.y.allSatisfy(\.isFinite) ? "accepted" : "not finite"
    } catch {
      return "refused"
    }
  }
}

extension NormProbe {
  /// The roles along which other elements reach an output.
  func mixes() throws(NormaError) -> RoleSet {
    let base = try y(x)
    var found = RoleSet.none
    let count = x.count
    let probes = [0, count / 2 + 1, count - 1].map { $0 % count }
    for (axis, atom) in RoleSet.atoms.enumerated() where extents.counts[axis] > 1 {
      let others = indices(RoleSet.all.subtracting(atom))
      let own = indices(atom)
      for p in probes where !found.contains(atom) {
        var moved = x
        for q in x.indices where others[q] == others[p] && own[q] != own[p] {
          moved[q] += 1.5 + Float(own[q] % 3)
        }
        let (before, after) = (base[p], try y(moved)[p])
        // Neither NaN nor infinity tells of others when it stays.
        if before == after || (before.isNaN && after.isNaN) { continue }
        let difference = abs(Double(after) - Double(before))
        if !(difference <= 1e-5 * max(abs(Double(before)), 1)) { found.insert(atom) }
      }
    }
    return whole(found)
  }

  /// What changes of `x`, one for each of some roles, leave the output as it is.
  func invariance(_ change: (Float, Double) -> Float) throws(NormaError)
    -> NormProperties.Invariance
  {
    let base = try y(x)
    func holds(_ roles: RoleSet) throws(NormaError) -> Bool {
      let moved = zip(x, indices(roles)).map { change($0, [1.75, 0.6, 2.5, 1.25][$1 % 4]) }
      return NormProbe.same(base, try y(moved))
    }
    var found = NormProperties.Invariance()
    found.whole = try holds(.none)
    if harness.layout.hasBatch { found.sample = try holds(.batch) }
    found.channel = try holds(.channel)
    return found
  }

  /// The smallest sets of roles over which the gradient sums to 0, and over which it is orthogonal to x.
  func gradientSets(
    _ seed: UInt64
  ) throws(NormaError) -> (zeroMean: [[String]], orthogonal: [[String]]) {
    var random = RandomSource(seed: seed, purpose: "properties dy")
    let dy = x.map { _ in Float(0.4 + random.normal()) }
    let dx = try step(x, dy).dx
    let candidates: [RoleSet] = [
      .member, .channel, .space, .sample, .batch, [.member, .space], [.channel, .space],
      [.sample, .space], [.batch, .space], [.batch, .channel], .all,
    ]
    func vanishing(_ terms: [Double]) -> [[String]] {
      var sets: [RoleSet] = []
      for roles in candidates where extents.count(roles) > 1 {
        if sets.contains(where: { same($0, roles) || widened(roles).isSuperset(of: $0) }) {
          continue
        }
        let index = indices(RoleSet.all.subtracting(roles))
        var sums = [Double](repeating: 0, count: (index.max() ?? 0) + 1)
        var sizes = sums
        for (i, term) in zip(index, terms) {
          sums[i] += term
          sizes[i] += abs(term)
        }
        let largest = sizes.max() ?? 0
        if largest > 0, sums.allSatisfy({ abs($0) <= 1e-4 * largest }) { sets.append(roles) }
      }
      return sets.map { widened($0).intersection(whole($0)).names }
    }
    return (
      vanishing(dx.map(Double.init)), vanishing(zip(dx, x).map { Double($0) * Double($1) })
    )
  }

  private func same(_ a: RoleSet, _ b: RoleSet) -> Bool { widened(a) == widened(b) }

  /// The roles, and those of one element.
  private func widened(_ roles: RoleSet) -> RoleSet {
    var wide = roles
    for (axis, atom) in RoleSet.atoms.enumerated() where extents.counts[axis] == 1 {
      wide.insert(atom)
    }
    return wide
  }

  /// The roles as they are named: the half that a role has where it is not split is the whole.
  func whole(_ roles: RoleSet) -> RoleSet {
    var named = roles
    if extents.counts[0] == 1, roles.contains(.sample) { named.insert(.chunk) }
    if extents.counts[3] == 1, roles.contains(.member) { named.insert(.group) }
    return named
  }

  func range() throws(NormaError) -> NormProperties.Range {
    let plain = try y(x).map(Double.init)
    func spiked(_ size: Float) throws(NormaError) -> Double {
      var moved = x
      moved[0] = size
      return try y(moved).reduce(0) { max($0, abs(Double($1))) }
    }
    let (small, large) = (try spiked(1e3), try spiked(1e6))
    return NormProperties.Range(
      lowest: plain.min() ?? 0, highest: plain.max() ?? 0,
      bound: large <= 1.02 * small + 1e-9 ? large : nil)
  }

  func constant() throws(NormaError) -> String {
    let found: [Float]
    do throws(NormaError) {
      found = try y(x.map { _ in 12345.678 })
    } catch {
      return "refused"
    }
    guard found.allSatisfy(\.isFinite) else { return "not finite" }
    // Without anything to tell elements apart, what is left is the shift of each channel.
    let zero = harness.parameters
    defer { harness.parameters = zero }
    for state in harness.layer.parameters where state.spec.role == .shift {
      harness.parameters[state.spec.name] = [Float](repeating: 0, count: state.count)
    }
    let bare = try y(x.map { _ in 12345.678 })
    if bare.allSatisfy({ abs($0) <= 1e-6 }) {
      return found == bare ? "0" : "the shift"
    }
    return NormProbe.same(bare, bare.map { _ in bare[0] }) ? "one value" : "finite"
  }

  func huge() throws(NormaError) -> String {
    let found = try y(x.map { $0 * 1e18 })
    guard found.allSatisfy(\.isFinite) else { return "not finite" }
    if NormProbe.same(found, try y(x), within: 1e-3) { return "as for 1" }
    let largest = found.reduce(0) { max($0, abs($1)) }
    return largest > 1e6 ? "grows with x" : "finite"
  }

  func response() throws(NormaError) -> NormProperties.Response {
    var (inputs, outputs, slopes): ([Double], [Double], [Double]) = ([], [], [])
    let p = x.count / 2
    var dy = [Float](repeating: 0, count: x.count)
    dy[p] = 1
    for i in -24...24 {
      var moved = x
      moved[p] = Float(i) / 6
      let (y, dx) = try step(moved, dy)
      inputs.append(Double(moved[p]))
      outputs.append(Double(y[p]))
      slopes.append(Double(dx[p]))
    }
    return NormProperties.Response(x: inputs, y: outputs, slope: slopes)
  }
}
