public import NormaCompiler
public import NormaCore
public import NormaGraph

extension NormDefinition: NormProvider {
  /// Itself.
  public var definition: NormDefinition? { self }
  /// A formula is compiled together with what stands beside it.
  public var fusesNeighbours: Bool { true }

  /// How the formula splits its roles.
  public func splits(
    _ hyper: [String: HyperValue], channels: Int
  ) throws(NormaError) -> Splits {
    let traced = try traced(hyper: hyper, channels: channels, mode: .train)
    return try Splits(of: [traced.output] + traced.updates.map(\.value))
  }

  /// The traced formula with its leaves in the order of the schema, and its gradients.
  public func program(
    hyper: [String: HyperValue], channels: Int, mode: Mode, gradient: Bool,
    fusion: Fusion = Fusion()
  ) throws(NormaError) -> NormProgram {
    let traced = try traced(hyper: hyper, channels: channels, mode: mode)
    return try NormProgram(
      inputs: [("x", .all)] + schema.inputs.map { ($0.name, $0.roles) },
      parameters: schema.presentParameters(hyper).map { ($0.name, $0.roles) },
      buffers: schema.buffers.filter { $0.isPresent(hyper) }.map { ($0.name, $0.roles) },
      hyper: schema.hyper.filter(\.isReal).map(\.name), output: traced.output,
      updates: traced.updates, gradient: gradient, ownGradients: traced.gradients,
      backwardUpdates: traced.backwardUpdates, fusion: fusion)
  }

  /// The formula of the training pass as people read it, and what is derived from it; see `Formula`.
  public func formula(
    hyper: [String: HyperValue], channels: Int
  ) throws(NormaError) -> (forward: [String], gradient: [String]) {
    let program = try program(hyper: hyper, channels: channels, mode: .train, gradient: true)
    return (
      Formula(try Graph(program.forwardResults)).lines.map(\.description),
      Formula(try Graph(program.backwardResults)).lines.map(\.description)
    )
  }

  /// Compiles the formula for a tensor.
  ///
  /// - Throws: `usage` when the shape does not allow a training statistic, or splits do not divide.
  public func makeKernel(_ request: KernelRequest) throws(NormaError) -> any NormKernel {
    let layout = request.layout
    do throws(NormaError) {
      let program = try program(
        hyper: request.hyper, channels: layout.channelCount, mode: request.mode,
        gradient: request.gradient, fusion: request.fusion)
      try checkVariances(program, layout, request.mode)
      let hasWindows = try WindowKernel.isNeeded(program, layout)
      switch request.executor {
      case .reference: return try ReferenceKernel(program: program, layout: layout)
      case .tiles where hasWindows: return try WindowKernel(program: program, layout: layout)
      case .native(let session) where hasWindows:
        return try WindowKernel(program: program, layout: layout, native: session)
      case .tiles: return try TilesKernel(program: program, layout: layout)
      case .native(let session):
        return try TilesKernel(program: program, layout: layout, native: session)
      }
    } catch {
      throw error.message.hasPrefix(schema.name + ": ")
        ? error : error.prefixed("norm.\(schema.name)")
    }
  }

  /// Refuses a shape in which a variance is of one value.
  private func checkVariances(
    _ program: NormProgram, _ layout: TensorLayout, _ mode: Mode
  ) throws(NormaError) {
    guard layout.count > 0 else { return }
    let extents = try program.splits.extents(
      batch: layout.batchCount, space: layout.spaceCount, channels: layout.channelCount)
    for (roles, place) in try program.variances(mode) where extents.count(roles) == 1 {
      throw NormaError(
        .usage,
        "the variance over \(roles) is of one value in shape \(layout.shape), and says nothing",
        place: place,
        help: roles.isDisjoint(with: .batch)
          ? "use a norm with statistics of more than that, such as layer, or fewer groups"
          : "use a batch of 2 or more, drop the odd last batch of an epoch, use a norm without"
            + " batch statistics (layer, group, rms), or infer mode")
    }
  }
}
