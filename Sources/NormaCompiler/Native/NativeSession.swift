import Dispatch
package import NormaCore
import NormaSystem
import Synchronization

/// The native code of one run: compiled in the background, cached, loaded.
///
/// Whoever builds a model requests its texts, settles, and runs with what was ready. Compilations that
/// take longer go on, and the next run finds them in the cache. Nothing here throws: a run without
/// native code is a run all the same, and `notes` says why.
public final class NativeSession: Sendable {
  private struct State {
    /// Every text requested so far.
    var jobs: [Digest: NativeJob] = [:]
    /// The units that the next `settle` decides.
    var open: [Digest: (unit: NativeUnit, job: NativeJob)] = [:]
    var queue: [NativeJob] = []
    var workers = 0
    var hasCleared = false
  }

  /// The compiler; nil when there is none that works.
  package let toolchain: NativeToolchain?
  /// The cache; nil when its folder cannot be used.
  package let cache: NativeCache?
  /// How long `settle` waits when it is not told.
  private let wait: Duration
  private let cores: Int
  private let environment: [String: String]
  private let collected = NativeNotes()
  private let state = Mutex(State())
  private let turn = Mutex(())

  /// Finds compiler and cache by the environment; at most `cores` compilers run at a time, and a model
  /// waits for them as long as `wait` says.
  public convenience init(
    environment: [String: String], cores: Int, wait: Duration = .seconds(2)
  ) {
    let toolchain = Result { () throws(NormaError) in
      try NativeToolchain(environment: environment)
    }
    let cache = Result { () throws(NormaError) in try NativeCache(environment: environment) }
    self.init(
      toolchain: toolchain, cache: cache, environment: environment, cores: cores, wait: wait)
  }

  /// Makes a session of the given parts; one that failed becomes a note.
  package init(
    toolchain: Result<NativeToolchain, NormaError>, cache: Result<NativeCache, NormaError>,
    environment: [String: String], cores: Int, wait: Duration = .seconds(2)
  ) {
    self.wait = wait
    self.cores = max(1, cores)
    self.environment = environment
    self.toolchain = try? toolchain.get()
    self.cache = try? cache.get()
    switch (toolchain, cache) {
    // Without a compiler nothing can be kept, so the folder does not matter.
    case (.failure(let error), _): collected.add(.toolchain, error.prefixed("no native code"))
    case (.success, .failure(let error)): collected.add(.folder, error)
    case (.success, .success): break
    }
  }

  /// Whether there is a compiler, without which nothing becomes machine code.
  public var hasCompiler: Bool { toolchain != nil }

  /// What went wrong so far, each kind once: a message and its remedy.
  public var notes: [String] { collected.all }

  /// Asks for the machine code of a C text: from the cache, else by a compilation that starts now.
  ///
  /// Equal texts share the work. The unit is undecided until the next `settle`.
  package func request(_ text: String) -> NativeUnit {
    guard let key = key(for: text) else { return NativeUnit(key: nil) }
    let (unit, fresh) = state.withLock { state -> (NativeUnit, NativeJob?) in
      if let open = state.open[key] { return (open.unit, nil) }
      let known = state.jobs[key]
      let job = known ?? NativeJob(key: key, text: text)
      let unit = NativeUnit(key: key)
      state.jobs[key] = job
      state.open[key] = (unit, job)
      return (unit, known == nil ? job : nil)
    }
    if let job = fresh {
      if let library = cached(key) { job.finish(library) } else { enqueue(job) }
    }
    return unit
  }

  /// Waits until all requested units are ready, at most for `limit`, and decides them: each has its
  /// library from here on, or, where one was late, none of them ever. Calls from several threads take turns.
  public func settle(within limit: Duration? = nil) {
    let limit = limit ?? wait
    turn.withLock { _ in
      let deadline = DispatchTime.now() + .nanoseconds(limit.wholeNanoseconds)
      let open = state.withLock { state in
        defer { state.open = [:] }
        return Array(state.open.values)
      }
      let ends = open.map { ($0.unit, $0.job.wait(until: deadline)) }
      let late = ends.count { !$0.1.isFinished }
      // What runs must not be a matter of which half was in time: a run could not be repeated.
      for (unit, end) in ends { unit.decide(late == 0 ? end.library : nil) }
      if late > 0 { collected.add(.late, Self.lateness(late, of: open.count, limit)) }
    }
  }

  private func key(for text: String) -> Digest? {
    do throws(NormaError) {
      return try toolchain?.key(for: text)
    } catch {
      collected.add(.toolchain, error)
      return nil
    }
  }

  private func cached(_ key: Digest) -> NativeLibrary? {
    guard let cache else { return nil }
    do throws(NormaError) {
      switch try cache.library(for: key) {
      case .library(let bytes): return try NativeLibrary(bytes)
      case .missing: return nil
      case .damaged:
        throw NormaError(.data, "a damaged file in '\(cache.path)' was removed and is made again")
      }
    } catch {
      collected.add(.damaged, error)
      return nil
    }
  }

  private func enqueue(_ job: NativeJob) {
    let needsWorker = state.withLock { state in
      state.queue.append(job)
      guard state.workers < cores else { return false }
      state.workers += 1
      return true
    }
    guard needsWorker, !Worker.start({ self.work() }) else { return }
    // A thread that the system refuses means one less, or this one.
    work()
  }

  /// Compiles what is queued until nothing is.
  private func work() {
    if state.withLock({ state in
      defer { state.hasCleared = true }
      return !state.hasCleared
    }) {
      ScratchFolder.removeStale(environment: environment)
    }
    while let job = next() { job.finish(compiled(job)) }
  }

  private func next() -> NativeJob? {
    state.withLock { state in
      guard !state.queue.isEmpty else {
        state.workers -= 1
        return nil
      }
      return state.queue.removeFirst()
    }
  }

  private func compiled(_ job: NativeJob) -> NativeLibrary? {
    guard let toolchain else { return nil }
    do throws(NormaError) {
      let bytes = try toolchain.compile(job.text)
      let library = try NativeLibrary(bytes)
      do throws(NormaError) {
        try cache?.store(bytes, for: job.key)
      } catch {
        collected.add(.store, error)
      }
      return library
    } catch {
      collected.add(.compile, error.prefixed("no native code"))
      return nil
    }
  }

  private static func lateness(_ late: Int, of count: Int, _ limit: Duration) -> NormaError {
    NormaError(
      .unavailable,
      "\(late) of \(count) kernels were not compiled within \(limit.formatted); this run does"
        + " without them",
      help: "the next run finds those that finish meanwhile")
  }
}

extension Duration {
  /// In nanoseconds, at most those of a century.
  fileprivate var wholeNanoseconds: Int {
    let (seconds, attoseconds) = components
    return Int(min(max(seconds, 0), 3_000_000_000)) * 1_000_000_000
      + Int(max(attoseconds, 0) / 1_000_000_000)
  }

  /// In seconds, to a tenth.
  fileprivate var formatted: String {
    "\(Double(wholeNanoseconds / 100_000_000) / 10) s"
  }
}
