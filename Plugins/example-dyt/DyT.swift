// example/dyt: y = tanh(alpha x) gamma + beta, in place of a norm.
// Jiachen Zhu et al., "Transformers without Normalization", arXiv:2503.10622.
import Glibc

private enum State { static let (alpha, gamma, beta) = (0, 1, 2) }

/// The sums of a gradient are made in pieces that depend on the shape alone, and added in their order.
private let mostPieces = 32

/// One call, as the formulas need it.
private struct Job {
  let call: norma_call
  let places: Walk
  let channels: [Int]
  let pieces: Int
  let alpha: Double
  let gamma: UnsafeMutablePointer<Float>
  let beta: UnsafeMutablePointer<Float>

  init(_ call: norma_call) throws {
    let layout = call.inputs.pointee.layout.pointee
    self.call = call
    places = Walk(layout, NORMA_ROLE_BATCH | NORMA_ROLE_SPACE)
    let walk = Walk(layout, NORMA_ROLE_CHANNEL)
    channels = (0..<walk.count).map(walk.offset)
    pieces = min(places.count, mostPieces)
    guard let alpha = call.states[State.alpha].floats, let gamma = call.states[State.gamma].floats,
      let beta = call.states[State.beta].floats
    else { throw PluginError(status: NORMA_INVALID, message: "a parameter is missing") }
    self.alpha = Double(alpha.pointee)
    self.gamma = gamma
    self.beta = beta
  }

  func rows(_ piece: Int) -> Range<Int> {
    piece * places.count / pieces..<(piece + 1) * places.count / pieces
  }

  func forward(_ host: UnsafePointer<norma_host>) throws {
    guard let x = call.inputs.pointee.floats, let y = call.output.pointee.floats else {
      throw PluginError(status: NORMA_INVALID, message: "a tensor is missing")
    }
    parallel(host, call, pieces) { piece in
      for row in rows(piece) {
        let start = places.offset(row)
        for (c, offset) in channels.enumerated() {
          let t = tanh(alpha * Double(x[start + offset]))
          y[start + offset] = Float(t * Double(gamma[c]) + Double(beta[c]))
        }
      }
    }
  }

  /// With t = tanh(alpha x) and u = 1 - t^2:
  ///   dx = dy gamma alpha u, dalpha = sum of dy gamma u x, dgamma = sum of dy t, dbeta = sum of dy
  func backward(_ host: UnsafePointer<norma_host>) throws {
    let n = channels.count
    guard let x = call.inputs.pointee.floats, let dy = call.output_gradient.pointee.floats,
      let sums = call.workspace?.assumingMemoryBound(to: Double.self)
    else { throw PluginError(status: NORMA_INVALID, message: "a tensor is missing") }
    let dx = call.input_gradients.pointee.floats
    let width = 2 * n + 1
    parallel(host, call, pieces) { piece in
      let own = sums + piece * width
      own.update(repeating: 0, count: width)
      for row in rows(piece) {
        let start = places.offset(row)
        for (c, offset) in channels.enumerated() {
          let (value, gradient) = (Double(x[start + offset]), Double(dy[start + offset]))
          let t = tanh(alpha * value)
          let scaled = gradient * Double(gamma[c]) * (1 - t * t)
          // Where tanh is flat, x may be infinite.
          if scaled != 0 { own[0] += scaled * value }
          own[1 + c] += gradient * t
          own[1 + n + c] += gradient
          dx?[start + offset] = Float(scaled * alpha)
        }
      }
    }
    func add(_ state: Int, _ first: Int, _ count: Int) {
      guard let target = call.state_gradients[state].floats else { return }
      for k in 0..<count {
        var sum = call.flags & NORMA_CALL_ACCUMULATE != 0 ? Double(target[k]) : 0
        for piece in 0..<pieces { sum += sums[piece * width + first + k] }
        target[k] = Float(sum)
      }
    }
    add(State.alpha, 0, 1)
    add(State.gamma, 1, n)
    add(State.beta, 1 + n, n)
  }
}

/// What an instance keeps.
private final class Instance {
  let host: UnsafePointer<norma_host>
  init(_ host: UnsafePointer<norma_host>) { self.host = host }

  static func at(_ pointer: UnsafeRawPointer?) throws -> Instance {
    guard let pointer else { throw PluginError(status: NORMA_INVALID, message: "no instance") }
    return Unmanaged<Instance>.fromOpaque(pointer).takeUnretainedValue()
  }
}

// MARK: descriptors

private func state(
  _ name: norma_string, _ doc: norma_string, _ role: UInt32, _ roles: UInt32, _ initial: Double
) -> norma_state {
  described(norma_state()) {
    $0.name = name
    $0.doc = doc
    $0.role = role
    $0.roles = roles
    $0.initial_factor = initial
    $0.merge = NORMA_MERGE_MEAN
    $0.version = 1
  }
}

private let norm: UnsafePointer<norma_norm> = permanent(
  described(norma_norm()) {
    $0.id = text("example/dyt")
    $0.summary = text("a tanh of learned slope in place of a norm")
    $0.formula = text("tanh(alpha * x) * gamma + beta")
    $0.paper = text("arXiv:2503.10622")
    $0.since = text("1.0.0")
    $0.hypers = permanent(
      described(norma_hyper()) {
        $0.flags = NORMA_HYPER_HAS_MINIMUM | NORMA_HYPER_MINIMUM_EXCLUDED
        $0.name = text("alpha0")
        $0.doc = text("the slope to start from")
        $0.kind = NORMA_F64
        $0.default_value.kind = NORMA_F64
        $0.default_value.real = 0.5
      })
    $0.hyper_count = 1
    var alpha = state(text("alpha"), text("slope"), NORMA_STATE_WEIGHT, 0, 0)
    alpha.initial_hyper = text("alpha0")
    $0.states = permanent(
      alpha, state(text("gamma"), text("gain"), NORMA_STATE_GAIN, NORMA_ROLE_CHANNEL, 1),
      state(text("beta"), text("shift"), NORMA_STATE_SHIFT, NORMA_ROLE_CHANNEL, 0))
    $0.state_count = 3
    $0.schema_version = 1
    $0.layouts = NORMA_LAYOUT_ANY_AXES | NORMA_LAYOUT_STRIDED
    $0.create = { settings, out, error in
      status(error) {
        out?.pointee = Unmanaged.passRetained(Instance(try known(settings).host)).toOpaque()
      }
    }
    $0.destroy = { instance in
      if let instance { Unmanaged<Instance>.fromOpaque(instance).release() }
    }
    $0.plan = { _, call, plan, error in
      status(error) {
        let layout = try known(call).inputs.pointee.layout.pointee
        let channels = Walk(layout, NORMA_ROLE_CHANNEL).count
        plan?.pointee.workspace_bytes = UInt64(8 * mostPieces * (2 * channels + 1))
      }
    }
    $0.forward_infer = { instance, call, error in
      status(error) { try Job(known(call)).forward(Instance.at(instance).host) }
    }
    $0.forward_train = $0.forward_infer
    $0.backward = { instance, call, error in
      status(error) { try Job(known(call)).backward(Instance.at(instance).host) }
    }
  })

private let plugin: UnsafePointer<norma_plugin> = permanent(
  described(norma_plugin()) {
    $0.abi_major = NORMA_ABI_MAJOR
    $0.abi_minor = NORMA_ABI_MINOR
    $0.required_minor = 0
    $0.norm_count = 1
    $0.id = text("org.example.dyt")
    $0.version = text("1.0.0")
    $0.license = text("MIT")
    $0.build = text("Swift")
    $0.get_norm = { index, out, error in
      status(error) {
        guard index == 0 else {
          throw PluginError(status: NORMA_NOT_FOUND, message: "there is one norm")
        }
        out?.pointee = norm
      }
    }
  })

/// The only function that is exported.
@c(norma_plugin_entry_v1)
public func entry(
  _ host: UnsafePointer<norma_host>?, _ out: UnsafeMutablePointer<UnsafePointer<norma_plugin>?>?,
  _ error: UnsafeMutablePointer<norma_error>?
) -> Int32 {
  out?.pointee = plugin
  return NORMA_OK
}
