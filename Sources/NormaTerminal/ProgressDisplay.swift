public import Foundation
import Synchronization

/// Shows progress on a stream: a live block on a terminal, lines of a log anywhere else.
public final class ProgressDisplay: Sendable {
  private struct State {
    var block = LiveBlock()
    var shown: ProgressFrame?
  }

  private let stream: TextStream
  private let color: ColorChoice
  private let isQuiet: Bool
  private let environment: [String: String]
  /// Whether frames are drawn at all; asked once, since a stream does not change its nature.
  private let isLive: Bool
  private let start = ContinuousClock.now
  private let state = Mutex(State())

  /// Makes a display on `stream`; a quiet one shows notes only.
  public init(
    on stream: TextStream = .error, color: ColorChoice = .auto, isQuiet: Bool = false,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.stream = stream
    self.color = color
    self.isQuiet = isQuiet
    self.environment = environment
    isLive =
      !isQuiet
      && Terminal.detect(stream, color: color, environment: environment).isInteractive
  }

  /// What the stream can show now: its width may change between two calls.
  public var terminal: Terminal {
    .detect(stream, color: color, environment: environment)
  }

  /// Shows the frame that `frame` makes, unless this is no terminal or the last one is younger than
  /// a tenth of a second; cheap enough to call every step.
  public func update(_ frame: () -> ProgressFrame) {
    guard isLive else { return }
    let now = seconds
    state.withLock { state in
      guard !state.block.isTooSoon(at: now) else { return }
      draw(frame(), in: &state, on: terminal, at: now)
    }
  }

  /// Writes a line to a log; a terminal shows the same in its block.
  public func log(_ line: LogLine) {
    guard !isQuiet, !isLive else { return }
    stream.write(line.text + "\n")
  }

  /// Writes a line that stays: above the block on a terminal.
  public func note(_ line: StyledText) {
    let terminal = terminal
    state.withLock { state in
      guard let frame = state.shown else {
        var whole = terminal
        whole.width = nil
        stream.write(line.rendered(for: whole) + "\n")
        return
      }
      draw(frame, notes: [line], in: &state, on: terminal, at: seconds)
    }
  }

  /// Draws `last`, whenever the frame before it was, and lets it stand; a later frame starts a block
  /// of its own.
  public func finish(_ last: ProgressFrame? = nil) {
    state.withLock { state in
      if isLive, let last { draw(last, in: &state, on: terminal, at: seconds) }
      state.shown = nil
      state.block.leave()
    }
  }

  private func draw(
    _ frame: ProgressFrame, notes: [StyledText] = [], in state: inout State, on terminal: Terminal,
    at time: Double
  ) {
    state.shown = frame
    let lines = frame.lines(width: (terminal.width ?? 80) - 1)
    stream.write(state.block.redraw(lines, notes: notes, for: terminal, at: time))
  }

  private var seconds: Double {
    (ContinuousClock.now - start) / .seconds(1)
  }
}
