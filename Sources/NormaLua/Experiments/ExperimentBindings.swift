public import NormaCore
public import NormaLab

/// The models a script declared, and the lab its experiments run in.
final class ExperimentBindings {
  let lab: Lab
  // SAFETY: the session owns the interpreter, whose functions are the only holders of this object.
  unowned let session: ScriptSession
  var models: [String: ModelObject] = [:]

  init(_ lab: Lab, _ session: ScriptSession) {
    self.lab = lab
    self.session = session
  }
}

extension ScriptSession {
  /// Defines `nn model dataset optim schedule experiment` for scripts; experiments run in `lab`, which
  /// has the session's registry.
  public func registerExperiments(lab: Lab) throws(NormaError) {
    let bindings = ExperimentBindings(lab, self)
    try interpreter.defineLayers(bindings)
    try interpreter.defineModels(bindings)
    try interpreter.defineTraining()
    try interpreter.defineData(bindings)
    try interpreter.defineResults()
    try interpreter.define("experiment") { call throws(NormaError) in
      let spec = try bindings.experiment(call)
      return [.object(ResultObject(try bindings.lab.run(spec), bindings.lab))]
    }
  }
}
