public import NormaCompiler

/// What people choose from.
public enum ExecutorChoice: String, Sendable, CaseIterable {
  /// Native code where it is ready in time, else tiles.
  case auto
  /// The plan as machine code, made by the machine's C compiler; tiles where that fails.
  case native
  /// The vector interpreter over cache-resident tiles.
  case tiles
  /// The formula itself, in Double.
  case reference
}

/// What runs a definition's kernels.
public enum Executor: Sendable {
  /// Machine code that the session compiles or has cached; tiles until it settles, and without it.
  case native(NativeSession)
  /// The vector interpreter over cache-resident tiles.
  case tiles
  /// The formula itself, in Double.
  case reference

  /// Decides what native kernels built so far run: called when a model is built.
  public func settle() {
    if case .native(let session) = self { session.settle() }
  }

  /// Whether the formula itself is evaluated.
  public var isReference: Bool { if case .reference = self { true } else { false } }

  /// `native`, `tiles` or `reference`.
  public var name: String {
    switch self {
    case .native: "native"
    case .tiles: "tiles"
    case .reference: "reference"
    }
  }
}
