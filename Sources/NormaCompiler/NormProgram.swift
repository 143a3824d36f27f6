public import NormaCore
public import NormaGraph

/// What the compiler takes: a traced norm, its leaves in the order of the schema, and its gradients.
public struct NormProgram: Sendable {
  /// A named leaf and the roles along which it varies.
  public typealias Leaf = (name: String, roles: RoleSet)

  /// The inputs, `x` first. Those along some roles only are dense arrays in the order batch, space,
  /// channel.
  public let inputs: [Leaf]
  /// The parameters that are present.
  public let parameters: [Leaf]
  /// The buffers.
  public let buffers: [Leaf]
  /// The real hyper-parameters.
  public let hyper: [String]
  /// The output.
  public let output: Expr
  /// New values of buffers.
  public let updates: [(name: String, value: Expr)]
  /// Gradients of the inputs; empty when none are wanted.
  public let inputGradients: [Expr]
  /// Gradients of the parameters; empty when none are wanted.
  public let parameterGradients: [Expr]
  /// New values of buffers that backward makes.
  public let backwardUpdates: [(name: String, value: Expr)]
  /// What forward computes, where that is not `y` and the updates: a part of a larger program.
  private let part: [(name: String, value: Expr)]?
  /// What kernels do beside the norm; the expressions above are the norm's alone.
  public let fusion: Fusion

  /// Makes a program and, when asked, differentiates it.
  ///
  /// - Parameter ownGradients: what takes the place of derivatives, by the name of a leaf.
  public init(
    inputs: [Leaf], parameters: [Leaf], buffers: [Leaf], hyper: [String], output: Expr,
    updates: [(name: String, value: Expr)], gradient: Bool, ownGradients: [String: Expr] = [:],
    backwardUpdates: [(name: String, value: Expr)] = [], fusion: Fusion = Fusion()
  ) throws(NormaError) {
    part = nil
    self.backwardUpdates = gradient ? backwardUpdates : []
    self.inputs = inputs
    self.parameters = parameters
    self.buffers = buffers
    self.hyper = hyper
    self.output = output
    self.updates = updates
    self.fusion = fusion
    for input in inputs where input.roles != .all {
      let parts = [RoleSet.batch, .space, .channel].filter(input.roles.contains)
      guard RoleSet(parts) == input.roles, !input.roles.isSuperset(of: [.space, .channel]) else {
        throw NormaError(
          .usage, "the input '\(input.name)' varies along (\(input.roles))",
          help: "a second input varies along batch, space, channel, batch and space, or batch and"
            + " channel, or has the shape of x")
      }
    }
    guard gradient else {
      inputGradients = []
      parameterGradients = []
      return
    }
    let leaves =
      inputs.map { Expr.Kind.input($0.name) } + parameters.map { Expr.Kind.parameter($0.name) }
    let gradients = try Differentiation.gradients(
      of: [(output, Expr.outputGradient("y"))], withRespectTo: leaves)
    func own(_ leaf: Leaf, _ derivative: Expr) -> Expr { ownGradients[leaf.name] ?? derivative }
    inputGradients = zip(inputs, gradients).map(own)
    parameterGradients = zip(parameters, gradients.dropFirst(inputs.count)).map(own)
  }

  /// What forward computes of the norm: `y` and the updates.
  public var forwardResults: [(name: String, value: Expr)] {
    part ?? [("y", output)] + updates.map { ("buffer:" + $0.name, $0.value) }
  }

  /// What backward computes of the norm: `input:NAME`, or `second:NAME` of an input that varies along
  /// some roles only, and `parameter:NAME`.
  public var backwardResults: [(name: String, value: Expr)] {
    zip(inputs, inputGradients).map { (($0.roles == .all ? "input:" : "second:") + $0.name, $1) }
      + zip(parameters, parameterGradients).map { ("parameter:" + $0.name, $1) }
      + backwardUpdates.map { ("buffer:" + $0.name, $0.value) }
  }

  /// Whether it is a part of a larger program, whose results are lowered and name saved values by number.
  var isPart: Bool { part != nil }

  /// A part of this program: results of its own, lowered, made of tensors of its own.
  init(partOf whole: NormProgram, inputs: [String], results: [(name: String, value: Expr)]) {
    self.inputs = inputs.map { ($0, .all) }
    parameters = whole.parameters
    buffers = whole.buffers
    hyper = whole.hyper
    output = results[0].value
    updates = []
    inputGradients = []
    parameterGradients = []
    backwardUpdates = []
    part = results
    fusion = Fusion()
  }

  /// The program for one shape: an input as large as `x`, whose other axes are of size 1, is a tensor like
  /// it where both have their elements in one order.
  func suited(to layout: TensorLayout, _ extents: Extents) throws(NormaError) -> NormProgram {
    let whole = secondInputs.filter { extents.count(inputs[$0].roles) == extents.count(.all) }
    guard !whole.isEmpty, MatrixForm(layout).isInOrder else { return self }
    return try NormProgram(self, tensors: Set(whole))
  }

  /// A program some of whose inputs vary along all roles.
  private init(_ other: NormProgram, tensors: Set<Int>) throws(NormaError) {
    inputs = other.inputs.enumerated().map { (number, input) in
      tensors.contains(number) ? (input.name, .all) : input
    }
    (parameters, buffers, hyper) = (other.parameters, other.buffers, other.hyper)
    (part, fusion) = (other.part, other.fusion)
    let named = other.updates + other.backwardUpdates
    let values =
      [other.output] + other.inputGradients + other.parameterGradients + named.map(\.value)
    let leaves = tensors.map {
      (Expr.Kind.input(other.inputs[$0].name), Expr.input(other.inputs[$0].name))
    }
    var replaced = try Graph(values.map { ("", $0) })
      .substituting(Dictionary(uniqueKeysWithValues: leaves))[...]
    output = replaced.removeFirst()
    inputGradients = other.inputGradients.map { _ in replaced.removeFirst() }
    parameterGradients = other.parameterGradients.map { _ in replaced.removeFirst() }
    updates = other.updates.map { ($0.name, replaced.removeFirst()) }
    backwardUpdates = other.backwardUpdates.map { ($0.name, replaced.removeFirst()) }
  }

  /// Which inputs vary along some roles only.
  var secondInputs: [Int] { inputs.indices.filter { inputs[$0].roles != .all } }

  /// How roles are split.
  public var splits: Splits {
    (try? Splits(of: forwardResults.map(\.value))) ?? Splits()
  }

  /// The variances that need at least two values, with the lines that wrote them: what is normalised with
  /// less is 0 whatever it was.
  ///
  /// Inference may have a batch of one sample, for a model that was trained with more. A variance beside
  /// the square of what is left of the mean says something of one value too.
  public func variances(_ mode: Mode) throws(NormaError) -> [(roles: RoleSet, place: SourcePlace?)]
  {
    let nodes = try Graph(forwardResults).nodes
    func isBesideSquare(_ index: Int) -> Bool {
      let users = nodes.filter { $0.operands.contains(index) }
      return !users.isEmpty
        && users.allSatisfy { user in
          user.kind == .map(.add)
            && user.operands.contains {
              nodes[$0].kind == .map(.square) && nodes[$0].domain == nodes[index].domain
            }
        }
    }
    return nodes.indices.compactMap { index in
      guard case .reduce(.variance, let roles) = nodes[index].kind,
        mode == .train || roles.isDisjoint(with: .batch), !isBesideSquare(index)
      else { return nil }
      return (roles, nodes[index].place)
    }
  }
}
