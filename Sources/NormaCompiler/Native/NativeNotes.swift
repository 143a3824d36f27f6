import NormaCore
import Synchronization

/// What went wrong with native code, once for each kind: the run goes on without it.
final class NativeNotes: Sendable {
  enum Kind: Hashable {
    case toolchain, folder, damaged, store, compile, late
  }

  private let entries: Mutex<[(kind: Kind, text: String)]> = Mutex([])

  /// In the order they came.
  var all: [String] { entries.withLock { $0.map(\.text) } }

  /// Takes a note, unless there is one of its kind.
  func add(_ kind: Kind, _ error: NormaError) {
    let text = error.message + (error.help.map { "; \($0)" } ?? "")
    entries.withLock { entries in
      if !entries.contains(where: { $0.kind == kind }) { entries.append((kind, text)) }
    }
  }
}
