/// At which steps of a run its norms are watched; that changes nothing of the run.
public enum ObservationPlan: Sendable, Hashable {
  /// At no step.
  case never
  /// Every so many steps.
  case every(Int)
  /// About a hundred times a run, but at most at every fiftieth step, so that it costs less than 2 %.
  case automatic

  /// Whether a step is watched, counted from 1: also the first and the last.
  func isDue(_ step: Int, of total: Int) -> Bool {
    let interval: Int
    switch self {
    case .never: return false
    case .every(let steps): interval = steps
    case .automatic: interval = max(50, total / 100)
    }
    return step == 1 || step == total || step % interval == 0
  }
}
