/// The one error type of Norma: what happened, where, with which value, and what to do about it.
///
/// Every public function that can fail throws it, so that one renderer serves scripts, commands and
/// Swift programs. `message` is one sentence without a final full stop; `help` is the remedy.
public struct NormaError: Error, Sendable {
  /// A stable identifier of the kind of failure, and the exit status a command ends with.
  public struct Code: Hashable, Sendable {
    /// The stable name, in lower_snake.
    public let id: String
    /// The process exit status (see `USER-EXPERIENCE`: sysexits where one fits).
    public let exitStatus: Int32

    /// Makes a code; codes are open, so that a module may add its own.
    public init(_ id: String, exitStatus: Int32) {
      self.id = id
      self.exitStatus = exitStatus
    }

    /// A failure that fits nothing below.
    public static let failure = Code("failure", exitStatus: 1)
    /// A check or comparison did not hold.
    public static let gate = Code("gate", exitStatus: 2)
    /// Training produced NaN or infinity.
    public static let diverged = Code("diverged", exitStatus: 3)
    /// The command line is wrong: an unknown name, a value out of range.
    public static let usage = Code("usage", exitStatus: 64)
    /// A script or an experiment is wrong.
    public static let script = Code("script", exitStatus: 65)
    /// Data that was given is malformed or has the wrong shape.
    public static let data = Code("data", exitStatus: 65)
    /// A file or a data set is missing.
    public static let inputMissing = Code("input_missing", exitStatus: 66)
    /// A plugin or a library cannot be used.
    public static let unavailable = Code("unavailable", exitStatus: 69)
    /// A defect of Norma itself.
    public static let `internal` = Code("internal", exitStatus: 70)
    /// Reading or writing failed.
    public static let io = Code("io", exitStatus: 74)
    /// The user interrupted the run.
    public static let interrupted = Code("interrupted", exitStatus: 130)
  }

  /// The kind of failure.
  public var code: Code
  /// One sentence: what is wrong, with the offending value.
  public var message: String
  /// Where in a script or a file, when known.
  public var place: SourcePlace?
  /// Further facts, one a line.
  public var notes: [String]
  /// What to do about it.
  public var help: String?
  /// The error this one explains.
  public var underlying: (any Error)?

  /// Makes an error.
  public init(
    _ code: Code, _ message: String, place: SourcePlace? = nil, notes: [String] = [],
    help: String? = nil, underlying: (any Error)? = nil
  ) {
    self.code = code
    self.message = message
    self.place = place
    self.notes = notes
    self.help = help
    self.underlying = underlying
  }

  /// The same error at `place`, unless it already has one.
  public func at(_ place: SourcePlace?) -> NormaError {
    guard self.place == nil, let place else { return self }
    var copy = self
    copy.place = place
    return copy
  }

  /// The same error with `context` and a colon before its message.
  public func prefixed(_ context: String) -> NormaError {
    var copy = self
    copy.message = "\(context): \(message)"
    return copy
  }

  /// The same error with one more note.
  public func noting(_ note: String) -> NormaError {
    var copy = self
    copy.notes.append(note)
    return copy
  }
}

extension NormaError: CustomStringConvertible {
  /// The rendered text: `place: message`, then notes, then `hint: help`, each on a line of its own.
  public var description: String {
    var lines = [(place.map { "\($0): " } ?? "") + message]
    lines += notes.map { "  " + $0 }
    if let help { lines.append("hint: " + help) }
    return lines.joined(separator: "\n")
  }
}

/// A line of a script or of a data file.
public struct SourcePlace: Hashable, Sendable, CustomStringConvertible {
  /// The file as the user named it.
  public let file: String
  /// The line, counted from 1.
  public let line: Int

  /// Makes a place.
  public init(file: String, line: Int) {
    self.file = file
    self.line = line
  }

  /// `file:line`.
  public var description: String { "\(file):\(line)" }
}
