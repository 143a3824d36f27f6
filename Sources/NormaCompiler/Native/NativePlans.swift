import CKernels
import Synchronization

/// The machine code of a kernel's plans: asked for when the kernel is built, found when it first runs
/// after the session has settled, and the same from then on.
final class NativePlans: Sendable {
  /// The functions of both directions, one a parallel part of the plan.
  struct Code: Sendable {
    let forward: [ck_native_unit]
    let backward: [ck_native_unit]
  }
  private enum State { case open, decided(Code?) }

  /// The C text.
  let text: String
  private let unit: NativeUnit
  private let names: (forward: [String], backward: [String])
  private let state = Mutex(State.open)

  /// Writes the text and requests its code; nil when a plan has no text.
  init?(forward: TilePlan, backward: TilePlan?, session: NativeSession) {
    guard let toolchain = session.toolchain, forward.rows > 0, forward.inner > 0,
      let text = NativeText.text(
        forward: forward, backward: backward, lanes: toolchain.lanes)
    else { return nil }
    self.text = text
    names = (
      NativeText.names(forward, prefix: "forward"),
      backward.map { NativeText.names($0, prefix: "backward") } ?? []
    )
    unit = session.request(text)
  }

  /// The code, once there is some.
  var code: Code? {
    state.withLock { state in
      if case .decided(let code) = state { return code }
      guard unit.isDecided else { return nil }
      let code = unit.library.flatMap { library -> Code? in
        func functions(_ names: [String]) -> [ck_native_unit]? {
          let found = names.compactMap { library.symbol($0) }
          guard found.count == names.count else { return nil }
          return found.map { unsafeBitCast($0, to: ck_native_unit.self) }
        }
        guard let forward = functions(names.forward), let backward = functions(names.backward)
        else { return nil }
        return Code(forward: forward, backward: backward)
      }
      state = .decided(code)
      return code
    }
  }
}
