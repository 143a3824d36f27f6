import CKernels

/// What a program offers to the plugins it loads: threads, a log, a way to stop.
public struct HostServices: Sendable {
  /// Work on the items `begin..<end` as worker `thread`.
  public typealias Body = (_ begin: Int, _ end: Int, _ thread: Int) -> Void
  /// Runs a body on pieces of about `grain` of `count` items, with at most `threads` workers, and
  /// returns when all are done.
  public typealias ParallelFor =
    @Sendable (_ threads: Int, _ count: Int, _ grain: Int, _ body: Body) -> Void

  /// A level of a plugin's message.
  public enum LogLevel: UInt32, Sendable {
    /// For the plugin's author.
    case debug
    /// For the curious.
    case info
    /// Something is odd.
    case warning
    /// Something failed.
    case error
    /// The plugin found Norma breaking a rule of the interface.
    case hostMisbehaving
    /// The plugin found itself breaking one.
    case pluginMisbehaving
  }

  /// How work is spread over threads.
  public var parallelFor: ParallelFor
  /// Where messages go.
  public var log: @Sendable (LogLevel, String) -> Void
  /// Whether the user wants to stop.
  public var isCancelled: @Sendable () -> Bool
  /// The host program's version.
  public var version: String

  /// Makes services; by default all work runs on the calling thread and messages are dropped.
  public init(
    parallelFor: @escaping ParallelFor = { _, count, _, body in if count > 0 { body(0, count, 0) }
    },
    log: @escaping @Sendable (LogLevel, String) -> Void = { _, _ in },
    isCancelled: @escaping @Sendable () -> Bool = { false }, version: String = "1.0.0"
  ) {
    self.parallelFor = parallelFor
    self.log = log
    self.isCancelled = isCancelled
    self.version = version
  }
}

extension HostServices {
  /// Spreads work over the threads that Norma's own kernels use.
  @Sendable public static func overThreads(
    _ threads: Int, _ count: Int, _ grain: Int, _ body: Body
  ) {
    guard threads > 1, count > grain, grain > 0 else {
      if count > 0 { body(0, count, 0) }
      return
    }
    let pieces = (count - 1) / grain + 1
    withoutActuallyEscaping(body) { body in
      var work: (Int, Int) -> Void = { piece, worker in
        body(piece * grain, min((piece + 1) * grain, count), worker)
      }
      withUnsafeMutablePointer(to: &work) { pointer in
        ck_parallel_for(
          Int64(pieces), Int32(clamping: threads), 0,
          { context, index, worker in
            context?.assumingMemoryBound(to: ((Int, Int) -> Void).self).pointee(
              Int(index), Int(worker))
          }, pointer)
      }
    }
  }
}
