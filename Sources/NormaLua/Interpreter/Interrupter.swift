import CLuaShim

/// A flag that stops a running script from another thread or a signal handler.
///
/// Host code that runs long (training) looks at `isRequested` itself.
public final class Interrupter: @unchecked Sendable {
  // SAFETY: the only state is one C atomic, allocated once and freed with the last reference.
  let flag: OpaquePointer?

  /// Makes a flag that is not raised.
  public init() {
    flag = nl_flag_new()
  }

  deinit {
    nl_flag_free(flag)
  }

  /// Whether a stop was asked for.
  public var isRequested: Bool { nl_flag_get(flag) }

  /// Asks for a stop; the script ends within about a thousand instructions.
  public func request() {
    nl_flag_set(flag, true)
  }

  /// Forgets an earlier request.
  public func reset() {
    nl_flag_set(flag, false)
  }
}
