import CKernels
import NormaCore

extension Network {
  /// Says where a loss that is not finite came from: parameters first, then the forward pass once more,
  /// looking at each output.
  func divergence(_ program: Program, loss: Double, _ run: Run) -> NormaError {
    var error = NormaError(
      .diverged, "the loss became \(loss.isNaN ? "NaN" : "infinite") at step \(run.step)",
      help: "lower the learning rate, clip gradients, or normalize more of the layers")
    let size = spec.input.reduce(1, *) * program.batch
    if ck_net_all_finite(size, program.input) == 0 {
      error.message += ": the input holds NaN or infinity"
      error.help = "check the data"
      return error
    }
    let parameters = memory.state.parameters
    if let bad = parameters.first(where: {
      ck_net_all_finite($0.count, memory.value($0)) == 0
    }) {
      error = error.noting(
        "parameter \(bad.name) is no longer finite: the update of step \(run.step - 1) broke it")
      if let gradient = parameters.first(where: {
        ck_net_all_finite($0.count, memory.gradient($0)) == 0
      }) {
        error = error.noting("the gradient of \(gradient.name) was not finite in that step")
      }
    }
    for step in program.steps {
      do throws(NormaError) {
        try step.operation.forward(run)
      } catch {
        return error
      }
      if ck_net_all_finite(step.count, step.output) == 0 {
        let kind = step.layer.steps.last?.kind ?? ""
        error.message += ": the output of \(step.layer.path) is the first that is not finite"
        if let cause = step.operation.whatIsNotFinite() {
          let place = cause.place.map { "\($0), " } ?? ""
          error.message += " (first non-finite value: \(place)\(cause.operation))"
        }
        error.place = step.layer.steps.last?.place
        return error.noting("in \(step.layer.description), \(kind)")
      }
    }
    error.message += ": the loss itself overflowed"
    return error
  }
}
