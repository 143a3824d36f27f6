public import Foundation
import Glibc

/// When text is coloured; the values of `--color`.
public enum ColorChoice: String, CaseIterable, Sendable {
  /// On a terminal that can show it, unless the environment says otherwise.
  case auto
  /// Everywhere, even in a file.
  case always
  /// Nowhere.
  case never
}

/// What the place that text goes to can show.
public struct Terminal: Equatable, Sendable {
  /// Whether lines already written can be redrawn.
  public var isInteractive: Bool
  /// Whether text may carry colour codes.
  public var hasColor: Bool
  /// Columns a line may fill; nil where lines may be of any length, as in a file.
  public var width: Int?

  /// A file or a pipe: no control codes, lines of any length.
  public static let plain = Terminal(isInteractive: false, hasColor: false, width: nil)

  /// Makes a description by hand.
  public init(isInteractive: Bool, hasColor: Bool, width: Int?) {
    self.isInteractive = isInteractive
    self.hasColor = hasColor
    self.width = width
  }

  /// Decides from facts: `--color` outranks NO_COLOR, which outranks FORCE_COLOR, which outranks
  /// what the terminal itself can do; COLUMNS outranks its measured width.
  public init(
    isTTY: Bool, columns: Int?, color: ColorChoice = .auto, environment: [String: String] = [:]
  ) {
    func value(_ name: String) -> String? {
      environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
    isInteractive = isTTY && value("TERM") != "dumb"
    switch color {
    case .always: hasColor = true
    case .never: hasColor = false
    case .auto:
      if value("NO_COLOR") != nil {
        hasColor = false
      } else if let forced = value("FORCE_COLOR") {
        hasColor = forced != "0"
      } else {
        hasColor = isInteractive
      }
    }
    let stated = value("COLUMNS").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
    width = stated ?? (isTTY ? columns ?? 80 : nil)
  }

  /// Looks at an open file: what `stream` can show now.
  public static func detect(
    _ stream: TextStream, color: ColorChoice = .auto,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Terminal {
    Terminal(
      isTTY: stream.isTTY, columns: stream.columns, color: color, environment: environment)
  }
}

/// An open file that text is written to at once, with no buffer that an abrupt end could lose.
public struct TextStream: Sendable {
  /// The file descriptor.
  public let descriptor: Int32

  /// Standard output: results.
  public static let output = TextStream(descriptor: 1)
  /// Standard error: progress and diagnostics.
  public static let error = TextStream(descriptor: 2)

  /// Makes a stream on an open descriptor, which stays the caller's to close.
  public init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// Whether a terminal is at the other end.
  public var isTTY: Bool { isatty(descriptor) == 1 }

  /// Columns of the terminal at the other end, or nil.
  public var columns: Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  /// Writes all of `text`; false when the other end is gone or full.
  @discardableResult
  public func write(_ text: String) -> Bool {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written > 0 {
        rest = rest.dropFirst(written)
      } else if written < 0, errno == EAGAIN {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&waiting, 1, 1000) > 0 else { return false }
      } else if written == 0 || errno != EINTR {
        return false
      }
    }
    return true
  }
}
