import NormaCore
public import NormaNetwork
import NormaNorms

extension OptimizerSpec: HostNamed {
  /// What messages call it.
  public static var luaName: String { "optimizer" }
}

extension Ramp {
  /// `schedule.ramp { 1, 3, from = 5000, to = 40000 }`: two values, and the steps between them.
  fileprivate init(reading options: TableReader) throws(NormaError) {
    try options.rejectUnknown(known: ["from", "to"])
    try options.rejectItems(beyond: 2)
    let (first, last): (Double, Double) = (
      try options.item(0, "first value"), try options.item(1, "last value")
    )
    let start: Int = try options.value("from", default: 0)
    let end: Int = try options.required("to")
    guard first.isFinite, last.isFinite, start >= 0, end >= start else {
      throw options.error(
        "a ramp goes from one finite value to another, from a step to a later one",
        help: "schedule.ramp { 1, 3, from = 5000, to = 40000 }")
    }
    self.init(first, last, start: start, end: end)
  }
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
    let ramps = HostType<Boxed<Ramp>>()
    ramps.describe { "\($0.value)" }
    try register(ramps)
    try define("schedule.ramp") { call throws(NormaError) in
      [.object(Boxed(try Ramp(reading: try call.options())))]
    }
    for (group, known) in [
      ("optim", ["sgd", "adam", "adamw"]),
      ("schedule", ["constant", "cosine", "step", "ramp"]),
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
      let options = try call.options()
      try options.rejectUnknown(known: fields)
      try options.rejectItems(beyond: 0)
      return [try make(options)]
    }
  }
}
