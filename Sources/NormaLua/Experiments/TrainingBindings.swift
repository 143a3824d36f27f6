import NormaCore
public import NormaNetwork

extension OptimizerSpec: HostNamed {
  /// What messages call it.
  public static var luaName: String { "optimizer" }
}

extension ScheduleSpec: HostNamed {
  /// What messages call it.
  public static var luaName: String { "schedule" }
}

extension Interpreter {
  func defineTraining() throws(NormaError) {
    let optimizers = HostType<Boxed<OptimizerSpec>>()
    optimizers.describe { "\($0.value)" }
    try register(optimizers)
    let schedules = HostType<Boxed<ScheduleSpec>>()
    schedules.describe { "\($0.value.course)" }
    try register(schedules)

    try constructor("optim.sgd", ["rate", "momentum", "nesterov", "decay"]) {
      o throws(NormaError) in
      let spec = OptimizerSpec.sgd(
        rate: try o.required("rate"), momentum: try o.value("momentum", default: 0),
        nesterov: try o.value("nesterov", default: false),
        decay: try o.value("decay", default: 0))
      try spec.check()
      return .object(Boxed(spec))
    }
    let adam = ["rate", "beta1", "beta2", "epsilon", "decay"]
    try constructor("optim.adam", adam) { o throws(NormaError) in
      let spec = OptimizerSpec.adam(
        rate: try o.required("rate"), beta1: try o.value("beta1", default: 0.9),
        beta2: try o.value("beta2", default: 0.999),
        epsilon: try o.value("epsilon", default: 1e-8), decay: try o.value("decay", default: 0))
      try spec.check()
      return .object(Boxed(spec))
    }
    try constructor("optim.adamw", adam) { o throws(NormaError) in
      let spec = OptimizerSpec.adamW(
        rate: try o.required("rate"), beta1: try o.value("beta1", default: 0.9),
        beta2: try o.value("beta2", default: 0.999),
        epsilon: try o.value("epsilon", default: 1e-8),
        decay: try o.value("decay", default: 0.01))
      try spec.check()
      return .object(Boxed(spec))
    }

    func schedule(
      _ name: String, _ fields: [String],
      _ course: @escaping (TableReader) throws(NormaError) -> ScheduleSpec.Course
    ) throws(NormaError) {
      try constructor("schedule." + name, fields + ["warm_up"]) { o throws(NormaError) in
        let spec = ScheduleSpec(try course(o), warmUp: try o.value("warm_up", default: 0))
        try spec.check()
        return .object(Boxed(spec))
      }
    }
    try schedule("constant", []) { _ in .constant }
    try schedule("cosine", ["floor"]) { o throws(NormaError) in
      .cosine(floor: try o.value("floor", default: 0))
    }
    try schedule("step", ["every", "factor"]) { o throws(NormaError) in
      .step(every: try o.required("every"), factor: try o.required("factor"))
    }
    for (group, known) in [
      ("optim", ["sgd", "adam", "adamw"]), ("schedule", ["constant", "cosine", "step"]),
    ] {
      try namespace(
        group,
        missing: { name, call throws(NormaError) in
          throw call.error(
            "there is no \(group).\(name)\(Suggestion.phrase(for: name, among: known))",
            help: "there are: \(known.joined(separator: ", "))")
        })
    }
  }

  private func constructor(
    _ path: String, _ fields: [String],
    _ make: @escaping (TableReader) throws(NormaError) -> LuaValue
  ) throws(NormaError) {
    try define(path) { call throws(NormaError) in
      try call.asScript { () throws(NormaError) in
        let options = try call.options()
        try options.rejectUnknown(known: fields)
        try options.rejectItems(beyond: 0)
        return [try make(options)]
      }
    }
  }
}
