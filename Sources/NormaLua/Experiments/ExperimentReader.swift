import NormaCore
import NormaLab
import NormaNetwork
import NormaNorms

extension ExperimentBindings {
  private static let fields = [
    "name", "model", "data", "sweep", "train", "watch", "seed", "norm", "options", "test",
    "budget", "observe",
  ]
  private static let trainFields = [
    "epochs", "steps", "batch", "optimizer", "schedule", "clip", "rate_scale", "stop",
  ]

  /// Reads `experiment { ... }`.
  func experiment(_ call: CallContext) throws(NormaError) -> ExperimentSpec {
    let reader = try call.options()
    try reader.rejectUnknown(known: Self.fields)
    try reader.rejectItems(beyond: 0)
    let model = try builder(reader)
    let data = try data(reader)
    var spec = ExperimentSpec(
      try reader.value("name", default: model.name), model: model, data: data.spec,
      train: try plan(try reader.nested("train")), place: call.place)
    spec.axes = try axes(reader)
    spec.seed = try reader.value("seed", default: 1)
    guard spec.seed >= 0 else { throw reader.error("'seed' must be >= 0, got \(spec.seed)") }
    spec.measuresTest = try reader.value("test", default: false)
    if reader.has("budget") {
      let budget = try reader.nested("budget")
      try budget.rejectUnknown(known: ["minutes"])
      let minutes = try budget.value("minutes", default: 0.0)
      guard minutes > 0, minutes <= 1e6 else {
        throw budget.error(
          "'minutes' of budget must be > 0, got \(minutes)", help: "budget = { minutes = 30 }")
      }
      spec.budget = .seconds(minutes * 60)
    }
    spec.observations = try observations(reader)
    if let watch = try reader.optional("watch", as: [String].self) {
      spec.watch = try watch.map { name throws(NormaError) in
        try Measure.named(name, owner: "experiment: watch")
      }
    }
    return spec
  }

  /// `observe = 100`, every so many steps, or `observe = false`.
  private func observations(_ reader: TableReader) throws(NormaError) -> ObservationPlan {
    switch reader["observe"] {
    case .nil: return .automatic
    case .bool(false): return .never
    case .bool(true): return .automatic
    default:
      guard let steps = try? reader.optional("observe", as: Int.self), steps >= 1 else {
        throw reader.error(
          "'observe' must be a number of steps >= 1, or false for never, got \(reader["observe"].quoted)",
          help: "observe = 100 watches the norms at every hundredth step")
      }
      return .every(steps)
    }
  }

  private func builder(_ reader: TableReader) throws(NormaError) -> ModelBuilder {
    let builder: ModelBuilder
    switch reader["model"] {
    case .string(let name): builder = try model(name).builder
    case .object(let model as ModelObject): builder = model.builder
    case .nil: throw reader.error("'model' is missing: give the name of a model")
    case let other:
      throw reader.error("'model' must be a model or the name of one, got \(other.quoted)")
    }
    let changes = try reader.nested("options")
    var options: [String: OptionValue] = [:]
    for name in changes.names {
      guard let value = OptionValue(lua: changes[name]) else {
        throw changes.error("the option '\(name)' must be a number, a boolean or a word")
      }
      options[name] = value
    }
    var norm: NormSpec?
    if reader.has("norm") {
      norm = try session.normSpec(reader["norm"], owner: "experiment")
    }
    guard !options.isEmpty || norm != nil else { return builder }
    for name in options.keys.sorted() where builder.options[name] == nil {
      throw reader.error(
        "model '\(builder.name)' has no option '\(name)'"
          + Suggestion.phrase(for: name, among: builder.options.keys))
    }
    return ModelBuilder(
      builder.name, options: builder.options.merging(options) { $1 }
    ) { values throws(NormaError) in
      var model = try builder.build(values)
      if let norm {
        guard model.hasNormSlot else {
          throw reader.error(
            "'norm' is \(norm.label), but model '\(model.name)' has no slot for it",
            help: "write nn.norm() without a name where the norm shall go")
        }
        model.norm = norm
      }
      return model
    }
  }

  private func data(_ reader: TableReader) throws(NormaError) -> DataObject {
    switch reader["data"] {
    case .object(let data as DataObject): return data
    case .nil:
      throw reader.error("'data' is missing", help: "data = dataset \"fashion-mnist\" {}")
    case let other:
      throw reader.error(
        "'data' must be a data set, got \(other.quoted)",
        help: "data = dataset \"fashion-mnist\" { train = 10000, validate = 2000 }")
    }
  }

  private func plan(_ reader: TableReader) throws(NormaError) -> TrainPlan {
    try reader.rejectUnknown(known: Self.trainFields)
    try reader.rejectItems(beyond: 0)
    var plan = TrainPlan()
    let steps = try reader.optional("steps", as: Int.self)
    let epochs = try reader.optional("epochs", as: Int.self)
    switch (steps, epochs) {
    case (.some, .some):
      throw reader.error("'steps' and 'epochs' in train exclude each other")
    case (let steps?, nil): plan.length = .steps(steps)
    case (nil, let epochs?): plan.length = .epochs(epochs)
    case (nil, nil): break
    }
    guard steps ?? epochs ?? 1 >= 1 else {
      throw reader.error(
        "'\(steps == nil ? "epochs" : "steps")' in train must be >= 1, got \(steps ?? epochs ?? 0)")
    }
    plan.batch = try reader.value("batch", default: plan.batch)
    guard plan.batch >= 1 else {
      throw reader.error("'batch' in train must be >= 1, got \(plan.batch)")
    }
    if let optimizer = try reader.optional("optimizer", as: Boxed<OptimizerSpec>.self) {
      plan.optimizer = optimizer.value
    }
    if let schedule = try reader.optional("schedule", as: Boxed<ScheduleSpec>.self) {
      plan.schedule = schedule.value
    }
    plan.clip = try reader.optional("clip")
    if let clip = plan.clip, !(clip > 0) {
      throw reader.error("'clip' in train must be > 0, got \(clip)")
    }
    plan.rateScale = try reader.word("rate_scale", default: plan.rateScale)
    if reader.has("stop") { plan.stop = try stop(try reader.nested("stop")) }
    return plan
  }

  /// `stop = { value = "val_loss", patience = 3, least = 0.001 }`.
  private func stop(_ reader: TableReader) throws(NormaError) -> StopRule {
    try reader.rejectUnknown(known: ["value", "patience", "least"])
    try reader.rejectItems(beyond: 0)
    let patience = try reader.value("patience", default: 0)
    guard patience >= 1 else {
      throw reader.error(
        "'patience' must be a number of epochs >= 1",
        help: "stop = { value = \"val_loss\", patience = 3 }")
    }
    let least = try reader.value("least", default: 0.0)
    guard least >= 0 else { throw reader.error("'least' must be >= 0, got \(least)") }
    let name = try reader.value("value", default: Measure.validationLoss.rawValue)
    let known = StopRule.measures.map(\.rawValue)
    guard let measure = Measure(rawValue: name), StopRule.measures.contains(measure) else {
      throw reader.error(
        "'value' must be one of \(known.joined(separator: ", ")), got '\(name)'"
          + Suggestion.phrase(for: name, among: known))
    }
    return StopRule(measure, patience: patience, least: least)
  }

  /// `sweep = { { "norm", { ... } }, ... }`: lists, since their order is kept.
  private func axes(_ reader: TableReader) throws(NormaError) -> [SweepAxis] {
    let sweep = try reader.nested("sweep")
    guard sweep.names.isEmpty else {
      throw sweep.error(
        "sweep is a list of axes, '\(sweep.names[0])' is a field of it",
        help: "write sweep = { { \"\(sweep.names[0])\", { ... } } }: lists keep their order")
    }
    return try sweep.items.map { item throws(NormaError) in
      guard case .table(let table) = item, let parts = try? table.items(), parts.count == 2,
        case .string(let name) = parts[0], case .table(let list) = parts[1]
      else {
        throw sweep.error(
          "an axis of sweep must be a name and a list of values",
          help: "{ \"batch\", { 2, 8, 32 } }")
      }
      let values = try TableReader(list, owner: "experiment", part: "sweep.\(name)").items
      return SweepAxis(
        name,
        try values.map { value throws(NormaError) in try setting(value, of: name) })
    }
  }

  private func setting(
    _ value: LuaValue, of axis: String
  ) throws(NormaError) -> SettingValue {
    if axis == "norm" {
      return .norm(try session.normSpec(value, owner: "experiment: sweep.norm"))
    }
    guard let option = OptionValue(lua: value) else {
      throw NormaError(
        .script, "experiment: \(value.quoted) in sweep.\(axis) is no number, boolean or word")
    }
    return .plain(option)
  }
}

extension Measure {
  /// The measure of that name.
  ///
  /// - Throws: `script`, with the nearest name.
  static func named(_ name: String, owner: String) throws(NormaError) -> Measure {
    if let measure = Measure(rawValue: name) { return measure }
    let names = Measure.allCases.map(\.rawValue)
    throw NormaError(
      .script,
      "\(owner): there is no measure '\(name)'" + Suggestion.phrase(for: name, among: names),
      help: "there are: \(names.joined(separator: ", "))")
  }
}
