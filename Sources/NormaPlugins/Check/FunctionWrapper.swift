import CNormaABI
import Foundation
import NormaCore
import Synchronization

/// Stands between the host and a norm's functions, to give them what other hosts would.
///
/// One norm at a time, on one thread: C functions have no place for anything of their own.
enum Wrapper {
  /// The byte that follows each argument, 64 times.
  static let tail = Atomic<UInt8>(0)
  /// What the wrapped function returned last.
  static let lastStatus = Atomic<Int32>(0)
  /// Whether an error message was written past its room.
  static let damage = Atomic<Bool>(false)

  private struct State {
    var norm = norma_norm()
    /// The function whose arguments grow; nil: all.
    var only: String?
    /// The bytes of room for an error message; -1: no error is wanted; nil: the caller's own.
    var errorRoom: Int?
  }
  // SAFETY: written by `around` and `only`, read by the functions they lead to, all on one thread.
  nonisolated(unsafe) private static var state = State()

  /// Lets one function's arguments grow alone.
  static func only(_ name: String, errorRoom: Int? = nil) {
    state.only = name
    state.errorRoom = errorRoom
  }

  /// Whether the norm has a function.
  static func has(_ name: String, _ norm: PluginNorm) -> Bool {
    switch name {
    case "forward_train": norm.descriptor.norm.forward_train != nil
    case "backward":
      norm.descriptor.norm.backward != nil && norm.descriptor.norm.forward_train != nil
    default: true
    }
  }

  /// The norm with every function wrapped.
  static func around(_ norm: PluginNorm) throws(NormaError) -> PluginNorm {
    state = State()
    state.norm = norm.descriptor.norm
    var wrapped = norm
    wrapped.descriptor.norm.create = { settings, instance, error in
      Wrapper.call("create", settings, error) { Wrapper.state.norm.create($0, instance, $1) }
    }
    wrapped.descriptor.norm.plan = { instance, call, plan, error in
      Wrapper.call("plan", call, error) { Wrapper.state.norm.plan(instance, $0, plan, $1) }
    }
    wrapped.descriptor.norm.forward_infer = { instance, call, error in
      Wrapper.call("forward_infer", call, error) {
        Wrapper.state.norm.forward_infer(instance, $0, $1)
      }
    }
    if norm.descriptor.norm.forward_train != nil {
      wrapped.descriptor.norm.forward_train = { instance, call, error in
        Wrapper.call("forward_train", call, error) {
          Wrapper.state.norm.forward_train?(instance, $0, $1) ?? NORMA_ERROR
        }
      }
    }
    if norm.descriptor.norm.backward != nil {
      wrapped.descriptor.norm.backward = { instance, call, error in
        Wrapper.call("backward", call, error) {
          Wrapper.state.norm.backward?(instance, $0, $1) ?? NORMA_ERROR
        }
      }
    }
    return wrapped
  }

  /// Calls a function with an argument that is 64 bytes longer than the host's.
  private static func call<Argument>(
    _ name: String, _ argument: UnsafePointer<Argument>?,
    _ error: UnsafeMutablePointer<norma_error>?,
    _ function: (UnsafePointer<Argument>?, UnsafeMutablePointer<norma_error>?) -> Int32
  ) -> Int32 {
    guard let argument, state.only == nil || state.only == name else {
      return function(argument, error)
    }
    let size = MemoryLayout<Argument>.size
    let longer = UnsafeMutableRawPointer.allocate(byteCount: size + 64, alignment: 16)
    defer { longer.deallocate() }
    longer.copyMemory(from: argument, byteCount: size)
    memset(longer + size, Int32(tail.load(ordering: .relaxed)), 64)
    longer.storeBytes(of: UInt32(size + 64), as: UInt32.self)
    let grown = UnsafePointer(longer.assumingMemoryBound(to: Argument.self))
    let status: Int32
    if let room = state.errorRoom {
      status = withoutRoom(room) { function(grown, $0) }
    } else {
      status = function(grown, error)
    }
    lastStatus.store(status, ordering: .relaxed)
    return status
  }

  /// Calls with an error whose message has `room` bytes, and looks at what lies behind them.
  private static func withoutRoom(
    _ room: Int, _ body: (UnsafeMutablePointer<norma_error>?) -> Int32
  ) -> Int32 {
    guard room >= 0 else { return body(nil) }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { bytes in
      bytes.initialize(repeating: 0xA5)
      var error = norma_error.sized()
      error.message = UnsafeMutableRawPointer(bytes.baseAddress)?.assumingMemoryBound(
        to: CChar.self)
      error.message_capacity = UInt64(room)
      let status = body(&error)
      let isPast = bytes[room...].contains { $0 != 0xA5 } || error.message_length > UInt64(room)
      if isPast { damage.store(true, ordering: .relaxed) }
      return status
    }
  }
}

/// A host whose memory ends, and who counts what it gave.
enum Allocator {
  private struct State {
    var asked = 0
    var failing = 0
    var open: Set<UInt> = []
  }
  private static let state = Mutex(State())

  /// A host whose allocation of that number fails.
  static func host(failingAt number: Int) -> HostTable {
    state.withLock { $0 = State(failing: number) }
    let host = HostTable(services: PluginCheck.services)
    host.pointer.pointee.allocate = { _, size, alignment in
      let fails = Allocator.state.withLock { state in
        state.asked += 1
        return state.asked == state.failing
      }
      var memory: UnsafeMutableRawPointer?
      guard !fails, size <= UInt64(Int.max), alignment.nonzeroBitCount == 1,
        posix_memalign(&memory, max(Int(clamping: alignment), 16), Int(size)) == 0
      else { return nil }
      let address = UInt(bitPattern: memory)
      _ = Allocator.state.withLock { $0.open.insert(address) }
      return memory
    }
    host.pointer.pointee.release = { _, memory in
      guard let memory else { return }
      let address = UInt(bitPattern: memory)
      _ = Allocator.state.withLock { $0.open.remove(address) }
      free(memory)
    }
    return host
  }

  /// How many allocations were asked for, and how many were not released.
  static func counts() -> (asked: Int, open: Int) { state.withLock { ($0.asked, $0.open.count) } }
}
