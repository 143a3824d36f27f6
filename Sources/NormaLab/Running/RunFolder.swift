import Foundation
import NormaCore

/// A script as it was run, for the snapshot in a run folder.
public struct ScriptText: Sendable, Hashable {
  /// The path relative to the main script's folder.
  public let name: String
  /// Its text.
  public let text: String

  /// Makes a source.
  public init(_ name: String, _ text: String) {
    self.name = name
    self.text = text
  }

  /// A hash of names and texts: the same for the same scripts. FNV-1a, 64 bits.
  static func hash(_ sources: [ScriptText]) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for source in sources {
      for byte in Array(source.name.utf8) + [0] + Array(source.text.utf8) + [0] {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
      }
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// The folder one run is kept in: plain files that can be copied and read by anything.
final class RunFolder {
  let path: String
  private let events: Int32
  private var pending: [UInt8] = []
  private var flushed = ContinuousClock.now
  /// The bytes of whole events in the file.
  private var size: Int
  private(set) var failure: NormaError?

  private var log: String { path + "/events.jsonl" }

  /// Makes the folder, or goes on in one, and proves before any training that it can be written.
  ///
  /// - Parameter size: how much of the events is kept.
  /// - Throws: `io` when it cannot be written, or another process runs in it.
  init(
    _ path: String, configuration: JSONValue, sources: [ScriptText], keeping size: Int = 0
  ) throws(NormaError) {
    self.path = path
    self.size = size
    try Folder.make(path)
    events = open(path + "/events.jsonl", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard events >= 0 else { throw Folder.failure(log) }
    guard flock(events, LOCK_EX | LOCK_NB) == 0 else {
      throw NormaError(
        .io, "another process runs in '\(path)'", help: "wait for it, or stop it")
    }
    Folder.clear(path)
    var last: UInt8 = 0
    let whole =
      size == 0 || pread(events, &last, 1, off_t(size - 1)) == 1 && last == UInt8(ascii: "\n")
    guard whole else {
      throw NormaError(
        .io, "'\(path)/events.jsonl' is not what its checkpoint was written with",
        help: "delete the checkpoint to start the run anew")
    }
    guard ftruncate(events, size) == 0 else { throw Folder.failure(log) }
    if size > 0 { return }
    try Folder.write(configuration.indented(depth: 3), to: path + "/run.json")
    for source in sources {
      // A name that leads elsewhere would write elsewhere.
      let name = source.name.split(separator: "/").filter { $0 != ".." && $0 != "." }
        .joined(separator: "/")
      let file = path + "/lua/" + name
      let place = (file as NSString).deletingLastPathComponent
      try Folder.make(place)
      Folder.clear(place)
      try Folder.write(source.text, to: file)
    }
  }

  deinit {
    flush()
    close(events)
  }

  /// Appends an event; steps are kept back for up to half a second, all else is written at once.
  func append(_ event: RunEvent) {
    guard event.isOfRun, let json = event.json else { return }
    pending += Array((json.line + "\n").utf8)
    if case .step = event, flushed.duration(to: .now) < .milliseconds(500) { return }
    flush()
  }

  /// Writes what was kept back. What cannot be written is taken back, so that the file ends with a whole
  /// event; `failure` says why from then on.
  func flush() {
    flushed = .now
    guard failure == nil else { return }
    var rest = pending[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(events, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        failure = Folder.failure(log)
        ftruncate(events, size)
        return
      }
      rest = rest.dropFirst(count)
    }
    size += pending.count
    pending.removeAll(keepingCapacity: true)
  }

  /// Throws `io` when events could not be written.
  func check() throws(NormaError) {
    if let failure { throw failure }
  }

  /// Brings all events to the disk; how many bytes of the file they are.
  func sync() throws(NormaError) -> Int {
    flush()
    try check()
    guard fsync(events) == 0 else { throw Folder.failure(log) }
    return size
  }
}

/// Folders and whole files, with errors that name the path.
enum Folder {
  static func failure(_ path: String) -> NormaError {
    NormaError(
      .io, "cannot write '\(path)': \(String(cString: strerror(errno)))",
      help: errno == ENOSPC || errno == EFBIG || errno == EDQUOT
        ? "make room; what was written before is whole, and --resume goes on from it"
        : "make it writable, or choose another place: --out for runs, -o for reports and exports")
  }

  /// Removes what processes that were killed left half written.
  static func clear(_ path: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    where name.hasSuffix(".partial") { unlink(path + "/" + name) }
  }

  static func make(_ path: String) throws(NormaError) {
    var done = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      done += done.isEmpty || done.hasSuffix("/") ? part : "/" + part
      if mkdir(done, 0o755) != 0, errno != EEXIST, errno != EISDIR {
        var status = stat()
        let reason = errno
        guard stat(done, &status) == 0 else {
          errno = reason
          throw failure(path)
        }
      }
    }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      errno = ENOTDIR
      throw failure(path)
    }
  }

  /// Where a file that a script names goes, its folder made.
  ///
  /// - Throws: `script` for a name that leads out of the folder; `io` when it cannot be made.
  static func place(
    _ name: String, in folder: String, for word: String, such example: String
  ) throws(NormaError) -> String {
    guard !name.isEmpty, !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
      throw NormaError(
        .script, "\(word): '\(name)' leads out of the run's folder",
        help: "give a name such as \(example); it goes to \(folder)")
    }
    let path = folder + "/" + name
    try make((path as NSString).deletingLastPathComponent)
    return path
  }

  /// Writes beside, syncs, renames: the file is never half written.
  static func write(_ text: String, to path: String) throws(NormaError) {
    try write(Array(text.utf8), to: path)
  }

  /// Writes beside, syncs, renames: the file is never half written.
  static func write(_ content: [UInt8], to path: String) throws(NormaError) {
    let temporary = "\(path).\(getpid()).partial"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw failure(path) }
    var bytes = content[...]
    var isWhole = true
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        isWhole = false
        break
      }
      bytes = bytes.dropFirst(count)
    }
    isWhole = isWhole && fsync(file) == 0
    let reason = errno
    close(file)
    guard isWhole, rename(temporary, path) == 0 else {
      if !isWhole { errno = reason }
      let error = failure(path)
      unlink(temporary)
      throw error
    }
  }

  /// The whole lines at the start or the end of a file that another process is writing.
  static func lines(_ path: String, first: Bool) -> [JSONValue] {
    guard let file = FileHandle(forReadingAtPath: path) else { return [] }
    let room = 4096
    let size = (try? file.seekToEnd()) ?? 0
    let start = first || size < room ? 0 : size - UInt64(room)
    try? file.seek(toOffset: start)
    guard let data = try? file.read(upToCount: room) else { return [] }
    // The first may be the end of a line, the last the start of one.
    return data.split(separator: UInt8(ascii: "\n")).compactMap { try? JSONValue(parsing: $0) }
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
