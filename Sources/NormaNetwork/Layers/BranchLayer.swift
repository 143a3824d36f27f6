import CKernels
import Foundation
public import NormaCore

/// Hands its input on unchanged; what the layers inside make of it is known by name to norms further on.
enum BranchLayer: LayerKind {
  static let schema = LayerSchema(
    "branch",
    "hands its input on; norms further on may take what the layers inside make of it as an input",
    options: [
      LayerOption("name", .word, required: true, "what the result is called")
    ], takesLayers: true)
  static let takesSymbols = true

  static func plan(
    _ options: LayerOptions, on x: Value, in plan: Plan
  ) throws(NormaError) -> Value {
    let name = options.text("name") ?? ""
    guard plan.branches[name] == nil else {
      throw NormaError(
        .usage, "nn.branch: two branches are called '\(name)'", help: "give each its own name")
    }
    let fork = ForkPoint()
    var start = x
    start.fork = fork
    let last = plan.settled(try plan.sequence(options.spec.layers, on: start))
    guard last.vocabulary == nil else {
      throw NormaError(
        .usage, "nn.branch: '\(name)' would be symbols, which no norm takes",
        help: "put nn.embed into it")
    }
    let branch = Branch(last, back: plan.back)
    let count = plan.batch * last.count
    _ = plan.pass(last) { memory, x, _ in
      GatherOperation(
        count: count, parts: branch.gradients.map { memory.floats($0) },
        dx: memory.floats(x.gradient))
    }
    plan.branches[name] = branch
    guard let skip = fork.skip else {
      throw NormaError(.internal, "a branch's input was not kept for what follows")
    }
    var y = Value(
      shape: x.shape, data: skip,
      gradient: x.gradient.map { _ in
        plan.slot(bytes: 4 * plan.batch * x.count, at: fork.back)
      }, mayOverwrite: false)
    y.vocabulary = x.vocabulary
    fork.gradient = y.gradient
    return y
  }
}

/// A value known by name, and the gradients that arrive at it from the norms that take it.
final class Branch {
  let value: Value
  /// When the gradients are added up.
  private let back: Moment
  fileprivate private(set) var gradients: [Slot] = []

  init(_ value: Value, back: Moment) {
    self.value = value
    self.back = back
  }

  /// Makes a norm that is being planned read the value.
  func connect(in plan: Plan) -> Connection {
    value.data.use(at: plan.now)
    guard plan.isTraining else { return Connection(data: value.data, gradient: nil) }
    value.data.use(at: plan.back)
    guard value.gradient != nil else { return Connection(data: value.data, gradient: nil) }
    let gradient = plan.slot(bytes: 4 * plan.batch * value.count, at: plan.back)
    gradient.use(at: back)
    gradients.append(gradient)
    return Connection(data: value.data, gradient: gradient)
  }
}

/// Where a norm finds one of its second inputs, and where it leaves the gradient.
struct Connection {
  let data: Slot
  let gradient: Slot?
}

/// Adds up the gradients that arrived at a branch.
private final class GatherOperation: Operation {
  private let count: Int
  private let parts: [UnsafeMutablePointer<Float>]
  private let dx: UnsafeMutablePointer<Float>?

  init(count: Int, parts: [UnsafeMutablePointer<Float>], dx: UnsafeMutablePointer<Float>?) {
    self.count = count
    self.parts = parts
    self.dx = dx
  }

  func forward(_ run: Run) {}

  func backward(_ run: Run) {
    guard let dx else { return }
    parallelRanges(count, threads: run.threads) { start, n in
      guard let first = parts.first else {
        (dx + start).update(repeating: 0, count: n)
        return
      }
      memcpy(dx + start, first + start, 4 * n)
      for part in parts.dropFirst() { ck_net_add(n, dx + start, part + start, dx + start) }
    }
  }
}

extension ModelSpec {
  /// Throws `usage` for a branch that no norm names as an input.
  public func requireUsedBranches() throws(NormaError) {
    func all(_ layers: [LayerSpec]) -> [LayerSpec] { layers.flatMap { [$0] + all($0.layers) } }
    let layers = all(self.layers)
    let wanted = Set(layers.flatMap(\.connections.values))
    for layer in layers where layer.kind == BranchLayer.schema.kind {
      guard case .text(let name)? = layer.options["name"], !wanted.contains(name) else { continue }
      throw NormaError(
        .usage, "nn.branch: nothing takes '\(name)'", place: layer.place,
        help: "a norm further on takes it: nn.norm { \"film\", gain = \"\(name)\" }")
    }
  }
}
