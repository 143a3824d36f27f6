import NormaCompiler
import NormaCore
import NormaNorms

/// A network for one batch size and mode while it is being laid out: shapes are inferred layer by layer,
/// each layer asks for memory and leaves a way to make its operation.
final class Plan {
  /// An operation to be made when memory is there, and the layer it belongs to.
  struct Node {
    let layer: LayerName
    let output: Value
    let make: (Memory) throws(NormaError) -> any Operation
  }

  let batch: Int
  let mode: Mode
  let threads: Int
  let registry: NormRegistry
  let executor: Executor
  let defaultNorm: NormSpec?
  /// How many symbols the data has; nil for numeric data, or while it is not known.
  let vocabulary: Int?
  let state: State
  /// Whether norms do the work of their neighbours.
  let fusesNeighbours: Bool
  private(set) var nodes: [Node] = []
  private(set) var slots: [Slot] = []
  /// The norms in use, in the order of the layers.
  var norms: [() -> NormUse] = []
  /// Values that norms may take as second inputs, by name.
  var branches: [String: Branch] = [:]
  /// The layer being planned.
  private(set) var layer: LayerName
  /// The layer after it in the same sequence, and whether its work is done already.
  private var next: LayerSpec?
  private var nextIsTaken = false

  init(
    model: ModelSpec, batch: Int, mode: Mode, threads: Int, registry: NormRegistry,
    executor: Executor, state: State, fusesNeighbours: Bool = true
  ) {
    self.batch = batch
    self.mode = mode
    self.threads = threads
    self.registry = registry
    self.executor = executor
    self.defaultNorm = model.norm
    vocabulary = model.vocabulary?.size
    self.state = state
    self.fusesNeighbours = fusesNeighbours
    layer = LayerName(model: model.name)
  }

  var isTraining: Bool { mode == .train }
  /// The forward pass of the operation being planned.
  var now: Moment { .forward(nodes.count) }
  /// The backward pass of the operation being planned.
  var back: Moment { .backward(nodes.count) }

  /// Memory alive from its first use to its last.
  func slot(bytes: Int, at moment: Moment) -> Slot {
    let slot = Slot(bytes: bytes, at: moment)
    slots.append(slot)
    return slot
  }

  /// The number of elements, or nil when it is beyond any memory.
  static func elements(_ shape: [Int]) -> Int? {
    shape.reduce(1.0) { $0 * Double(max($1, 1)) } < 0x1p40 ? shape.reduce(1, *) : nil
  }

  /// Refuses shapes whose sizes could not even be computed with.
  private func check(_ x: Value, _ what: String) throws(NormaError) {
    guard Plan.elements([batch] + x.shape) == nil else { return }
    throw NormaError(
      .usage, "\(what) of shape \(x.shape) at batch \(batch) is larger than any memory",
      help: "use smaller sizes")
  }

  /// Memory for floats of the whole batch.
  private func tensor(_ shape: [Int], at moment: Moment) -> Slot {
    slot(bytes: 4 * (Plan.elements([batch] + shape) ?? 0), at: moment)
  }

  /// Memory kept from an operation's forward to its backward pass; only in training.
  func saved(bytes: Int) -> Slot {
    let slot = slot(bytes: bytes, at: now)
    if isTraining { slot.use(at: back) }
    return slot
  }

  /// The network's input.
  func input(_ shape: [Int], wantsGradient: Bool) -> Value {
    let gradient = wantsGradient && isTraining && vocabulary == nil
    var value = Value(
      shape: shape, data: tensor(shape, at: now),
      gradient: gradient ? tensor(shape, at: back) : nil, mayOverwrite: false)
    value.vocabulary = vocabulary
    return value
  }

  /// Adds an operation that reads `x` and returns its output.
  ///
  /// - Parameters:
  ///   - inPlace: the output may take the input's memory (element-wise operations).
  ///   - keepsInput: the backward pass reads the input.
  ///   - keepsOutput: the backward pass reads the output.
  ///   - make: makes the operation from the memory and its output.
  func operation(
    on x: Value, output shape: [Int], inPlace: Bool = false, keepsInput: Bool = false,
    keepsOutput: Bool = false,
    make: @escaping (Memory, _ x: Value, _ y: Value) throws(NormaError) -> any Operation
  ) -> Value {
    x.data.use(at: now)
    let overwrite = inPlace && x.mayOverwrite && !(isTraining && keepsInput)
    let data = overwrite ? x.data : tensor(shape, at: now)
    var gradient: Slot?
    let shared = inPlace && isTraining ? x.gradient : nil
    if isTraining {
      gradient = shared ?? tensor(shape, at: back)
      gradient?.use(at: back)
      x.gradient?.use(at: back)
      if keepsInput { x.data.use(at: back) }
      if keepsOutput { data.use(at: back) }
    }
    var y = Value(
      shape: shape, data: data, gradient: gradient, mayOverwrite: !(isTraining && keepsOutput))
    y.gradientIsOverwritten = shared != nil
    nodes.append(
      Node(layer: layer, output: y) { memory throws(NormaError) in try make(memory, x, y) })
    return y
  }

  /// Adds an operation that hands its input on unchanged but has a gradient of its own.
  func pass(
    _ x: Value,
    make: @escaping (Memory, _ x: Value, _ y: Value) throws(NormaError) -> any Operation
  ) -> Value {
    let gradient = x.gradient == nil ? nil : tensor(x.shape, at: back)
    x.gradient?.use(at: back)
    let y = Value(
      shape: x.shape, data: x.data, gradient: gradient, mayOverwrite: x.mayOverwrite)
    nodes.append(
      Node(layer: layer, output: y) { memory throws(NormaError) in try make(memory, x, y) })
    return y
  }

  /// Adds an operation that adds a tensor to `x`; both have the output's gradient.
  func join(_ x: Value, _ addend: Addend) -> Value {
    x.data.use(at: now)
    addend.data.use(at: now)
    let y = Value(
      shape: x.shape, data: tensor(x.shape, at: now), gradient: x.gradient, mayOverwrite: true)
    let count = batch * x.count
    nodes.append(
      Node(layer: addend.layer, output: y) { memory in
        JoinOperation(
          count: count, a: memory.floats(x.data), b: memory.floats(addend.data),
          y: memory.floats(y.data))
      })
    return y
  }

  /// Plans layers one after the other; an error gets the layer's place and path.
  func sequence(_ specs: [LayerSpec], on input: Value) throws(NormaError) -> Value {
    var x = input
    let outer = layer
    defer { layer = outer }
    let layers = LayerSpec.flattened(specs)
    var index = 0
    while index < layers.count {
      let spec = layers[index]
      index += 1
      layer = outer.appending(index: index, kind: spec.kind, place: spec.place)
      next = index < layers.count ? layers[index] : nil
      do throws(NormaError) {
        let kind = try LayerCatalog.kind(spec.kind)
        let options = try LayerOptions(spec, schema: kind.schema)
        try check(x, "an input")
        guard x.vocabulary == nil || kind.takesSymbols else {
          throw NormaError(
            .usage, "nn.\(spec.kind): cannot compute with symbols",
            help: "make nn.embed the first layer: it gives each symbol a vector")
        }
        if !kind.takesUnsettled { x = settled(x) }
        x = try kind.plan(options, on: x, in: self)
        if nextIsTaken { index += 1 }
        nextIsTaken = false
        try check(x, "an output")
      } catch {
        throw error.at(spec.place).located(in: layer)
      }
    }
    return x
  }

  /// The activation right behind the layer being planned, whose work that layer takes over; nil when
  /// there is none. Layers further on keep their numbers.
  ///
  /// In training only relu is taken: backward computes an activation again, and an exponential costs
  /// more than the memory traffic that is saved.
  func takeActivation() -> Activation? {
    guard let next, next == LayerSpec(next.kind, place: next.place),
      let kind = try? LayerCatalog.kind(next.kind) as? any ActivationKind.Type,
      !isTraining || kind.activation == .relu
    else { return nil }
    nextIsTaken = true
    return kind.activation
  }

  /// Whether the layer after the one being planned is relu.
  var isBeforeRelu: Bool {
    next.map { (try? LayerCatalog.kind($0.kind) as? any ActivationKind.Type)?.activation == .relu }
      ?? false
  }

  /// The units of a dense layer: a number, or as many as there are symbols.
  func units(_ options: LayerOptions) throws(NormaError) -> Int {
    guard options.text("units") != nil else { return options.int("units") }
    if let vocabulary { return vocabulary }
    throw NormaError(
      .usage, "nn.\(options.spec.kind): this model's input has no vocabulary",
      help: "give it input = { tokens = 64, vocabulary = \"data\" }, or write a number of units")
  }

  /// A parameter of the layer being planned, named `2.linear.weight`.
  func parameter(
    _ name: String, shape: [Int], role: StateRole, _ initialiser: Initialiser
  ) throws(NormaError) -> StateEntry {
    try state.declare(
      layer.path + "." + name, shape: shape, role: role, initialiser: initialiser,
      isParameter: true)
  }

  /// A buffer of the layer being planned.
  func buffer(
    _ name: String, shape: [Int], role: StateRole, initial: Double
  ) throws(NormaError) -> StateEntry {
    try state.declare(
      layer.path + "." + name, shape: shape, role: role, initialiser: .constant(initial),
      isParameter: false)
  }
}
