import Foundation
import NormaCore
import NormaNorms

/// What a norm says of itself, and what a user takes for granted: held to what is measured.
extension NormCheck {
  mutating func checkClaims(_ counts: ChannelCounts) throws(NormaError) {
    let entry = try registry.entry(spec.name)
    let schema = entry.schema
    var remedy = "say claims = { infer = \"batch\" }"
    if case .plugin = entry.source, entry.provider.definition == nil {
      remedy = "declare NORMA_CAN_BATCH_STATISTICS without NORMA_CAN_DIFFER_IN_INFER"
    }
    func probe(_ mode: Mode) -> NormProbe? {
      try? NormProbe(spec, in: registry, counts: counts, mode: mode, seed: options.seed)
    }
    // A norm that refuses even this tensor has failed elsewhere.
    guard let train = probe(.train), let infer = probe(.infer) else { return }
    let input = "shape \(train.harness.layout.shape), N(0.3, 1)"
    let seen = try infer.mixes()
    ledger.expect(
      "inference looks at one sample at a time",
      schema.claims.infersFromBatch || seen.isDisjoint(with: .batch), on: input + ", infer",
      "an output depends on other samples: where that is meant, \(remedy)")
    if schema.claims.infersFromBatch {
      ledger.expect(
        "claimed: inference looks at the batch", !seen.isDisjoint(with: .batch),
        on: input + ", infer", "no output depends on other samples")
    }
    if schema.buffers.isEmpty, schema.inputs.isEmpty {
      let isSame = NormProbe.same(try train.y(train.x), try infer.y(infer.x), within: 1e-5)
      if schema.claims.differsInInference == true {
        ledger.expect(
          "claimed: inference differs from training", !isSame, on: input, "outputs are the same")
      } else {
        ledger.expect(
          "training and inference agree where nothing is kept", isSame, on: input,
          "outputs differ between the modes, though the norm has no buffers")
      }
    }
    // One that declares it may still cancel it, as batch renormalization does within its limits.
    if schema.claims.usesBatch == false {
      let found = try !train.mixes().isDisjoint(with: .batch)
      ledger.expect(
        "claimed: training does not look at other samples", !found, on: input + ", train",
        "an output depends on other samples: declare NORMA_CAN_BATCH_STATISTICS")
    }
    if !schema.buffers.isEmpty { try checkBuffers(train, infer, schema, on: input) }
    if let claimed = schema.claims.statistics {
      let found = try train.mixes()
      ledger.expect(
        "claimed: statistics over \(claimed)", found == train.present(claimed),
        on: input + ", train",
        "an output depends on other elements along (\(found)), claimed is (\(claimed))")
    }
    if let place = schema.claims.epsilon {
      let found = try NormProbe(
        spec, in: registry, counts: counts, mode: .train, seed: options.seed, keepsInitial: true
      ).epsilonPlace()
      ledger.expect(
        "claimed: epsilon \(place.rawValue) the root", found == place, on: input + ", train",
        "epsilon stands \(found.map { "\($0.rawValue) the root" } ?? "elsewhere")")
    }
    var setting: Int?
    if case .int(let value)? = train.harness.layer.hyper["correction"],
      schema.buffers.contains(where: { $0.name == "variance" })
    {
      setting = value
    }
    if let correction = schema.claims.correction ?? setting {
      let found = try train.correction()
      ledger.expect(
        "claimed: running variance with correction \(correction)",
        found.map { abs($0 - Double(correction)) < 0.05 } ?? false, on: input + ", train",
        found.map {
          "the variance is divided by N - \(($0 * 100).rounded() / 100 + 0): correction = \(Int($0.rounded()))"
        }
          ?? "no correction gives the new value of the buffer 'variance'")
    }
    try checkRestoring(counts)
    try checkNotNumbers(counts)
  }

  /// Running buffers change in training and matter afterwards.
  private mutating func checkBuffers(
    _ train: NormProbe, _ infer: NormProbe, _ schema: NormSchema, on input: String
  ) throws(NormaError) {
    let before = train.harness.buffers
    train.harness.x = train.x
    try train.harness.forward()
    if givesGradients { try train.harness.backward(train.x) }
    for name in before.keys.sorted() {
      ledger.expect(
        "training moves every buffer", train.harness.buffers[name] != before[name],
        on: input + ", train", "buffer '\(name)' stays as it is")
    }
    train.harness.buffers = before
    // What a compiled norm keeps may be for others to look at.
    guard hasReference else { return }
    let base = try infer.y(infer.x)
    let buffers = infer.harness.buffers
    infer.harness.buffers = buffers.mapValues { $0.enumerated().map { $1 * 1.5 + Float($0 % 3) } }
    let moved = try infer.y(infer.x)
    infer.harness.buffers = buffers
    ledger.expect(
      "inference uses running buffers", !NormProbe.same(base, moved, within: 1e-5),
      on: input + ", infer", "other buffers give the same output")
  }

  /// State put into a new layer gives the same bits: nothing is kept anywhere else.
  private mutating func checkRestoring(_ counts: ChannelCounts) throws(NormaError) {
    var example = CheckCase(layout: try counts.layout([7, 5, counts.small], [-1]))
    example.mayBeRefused = true
    guard let first = try harness(example, .train), run(first, example), run(first, example),
      let restored = try harness(example, .train)
    else { return }
    let (parameters, buffers) = (first.parameters, first.buffers)
    guard run(first, example) else { return }
    restored.parameters = parameters
    restored.buffers = buffers
    guard run(restored, example) else { return }
    expectSame(
      "a restored layer goes on with the same bits", StepBits(first), StepBits(restored),
      on: example.description(.train))
  }

  /// NaN and infinities reach the outputs that they reach in the reference, and no others.
  private mutating func checkNotNumbers(_ counts: ChannelCounts) throws(NormaError) {
    for (shape, axis) in [([3, 5, counts.small], [-1]), ([3, counts.small, 5], [1])] {
      let example = CheckCase(layout: try counts.layout(shape, axis))
      guard hasReference else {
        guard let tested = try harness(example, .infer) else { continue }
        let place = example.layout.count / 3
        tested.x[place] = .nan
        var message: String
        do throws(NormaError) {
          try tested.forward()
          message = tested.y[place].isNaN ? "" : "y[\(place)] is \(tested.y[place])"
        } catch {
          message = "forward failed: \(error.message)"
        }
        ledger.expect(
          "a NaN that comes in comes out", message.isEmpty,
          on: example.description(.infer) + ", x[\(place)] = nan", message)
        continue
      }
      for mode in Mode.allCases {
        for value in [Float.nan, .infinity, -.infinity] {
          guard let tested = try harness(example, mode),
            let reference = try harness(example, mode, executor: .reference)
          else { continue }
          let place = example.layout.count / 3
          tested.x[place] = value
          reference.x[place] = value
          do throws(NormaError) {
            try tested.forward()
            try reference.forward()
          } catch {
            continue
          }
          let wrong = tested.y.indices.first {
            tested.y[$0].isFinite != reference.y[$0].isFinite
          }
          ledger.expect(
            "NaN and infinities spread as in the reference", wrong == nil,
            on: example.description(mode) + ", x[\(place)] = \(value)",
            wrong.map {
              "y[\($0)] is \(tested.y[$0]), in the reference \(reference.y[$0])"
            } ?? "")
        }
      }
    }
  }
}

extension NormProbe {
  /// The roles of a claim, those of one element left out as `mixes` leaves them out.
  func present(_ roles: RoleSet) -> RoleSet {
    var present = RoleSet.none
    for (axis, atom) in RoleSet.atoms.enumerated()
    where roles.contains(atom) && extents.counts[axis] > 1 { present.insert(atom) }
    return whole(present)
  }

  /// Where epsilon stands, from how outputs shrink as it grows; nil when neither law holds.
  func epsilonPlace() throws(NormaError) -> Claims.EpsilonPlace? {
    /// What is left of outputs without what is the same for -x: shifts and conditions.
    func odd() throws(NormaError) -> [Double] {
      let mirrored = try y(x.map { -$0 })
      return zip(try y(x), mirrored).map { Double($0) - Double($1) }
    }
    let base = try odd()
    // The largest output has the least rounding.
    guard let p = base.indices.max(by: { abs(base[$0]) < abs(base[$1]) }), base[p] != 0 else {
      return nil
    }
    func shrunk(_ epsilon: Double) throws(NormaError) -> Double {
      setEpsilon(epsilon)
      defer { setEpsilon(0) }
      return try odd()[p] / base[p]
    }
    // As large as the norm takes it: beside a small epsilon the law is hard to tell.
    let most = min(epsilonLimit, 1)
    let (a, b) = (try shrunk(most / 2), try shrunk(most))
    func isLinear(_ f: (Double) -> Double) -> Bool {
      f(a) > 1e-3 * most && abs(f(b) / f(a) - 2) < 0.01
    }
    if isLinear({ 1 / ($0 * $0) - 1 }) { return .inside }
    return isLinear { 1 / $0 - 1 } ? .outside : nil
  }

  /// What is taken from the count where the buffer `variance` takes in a new one.
  func correction() throws(NormaError) -> Double? {
    let buffers = harness.buffers
    defer { harness.buffers = buffers }
    func after(_ value: Float) throws(NormaError) -> [Float] {
      harness.buffers["variance"] = buffers["variance"]?.map { _ in value }
      return try self.buffers(after: x)["variance"] ?? []
    }
    let (zero, one) = (try after(0), try after(1))
    let index = indices(.channel)
    guard let first = zero.first, let second = one.first, zero.count == index.max().map({ $0 + 1 })
    else { return nil }
    let momentum = 1 - (Double(second) - Double(first))
    guard momentum > 1e-4 else { return nil }
    let values = zip(x, index).filter { $1 == 0 }.map { Double($0.0) }
    let n = Double(values.count)
    let mean = values.reduce(0, +) / n
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return n - squares / (Double(first) / momentum)
  }
}
