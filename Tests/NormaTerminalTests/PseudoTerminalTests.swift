import Foundation
import Glibc
import NormaTerminal
import Testing

/// What `body` writes into a pseudo-terminal of `columns`, as raw bytes.
private func writtenToTerminal(
  columns: UInt16, _ body: (TextStream) -> Void
) throws -> String {
  let (parent, child) = try openTerminal(columns: columns)
  defer { close(parent) }
  body(TextStream(descriptor: child))
  // Read before closing: what waits in a pseudo-terminal is lost with its last writer.
  var waiting = pollfd(fd: parent, events: Int16(POLLIN), revents: 0)
  var bytes: [UInt8] = []
  while poll(&waiting, 1, 50) > 0, waiting.revents & Int16(POLLIN) != 0 {
    var chunk = [UInt8](repeating: 0, count: 4096)
    let count = read(parent, &chunk, chunk.count)
    guard count > 0 else { break }
    bytes += chunk[..<count]
  }
  close(child)
  return String(decoding: bytes, as: UTF8.self)
}

private func openTerminal(columns: UInt16) throws -> (parent: Int32, child: Int32) {
  var ends: (parent: Int32, child: Int32) = (-1, -1)
  var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
  let status = openpty(&ends.parent, &ends.child, nil, nil, &size)
  try #require(status == 0)
  return ends
}

/// What `body` writes into a pipe.
private func writtenToPipe(_ body: (TextStream) -> Void) -> String {
  let pipe = Pipe()
  body(TextStream(descriptor: pipe.fileHandleForWriting.fileDescriptor))
  pipe.fileHandleForWriting.closeFile()
  return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
}

private func session(on stream: TextStream, environment: [String: String]) {
  let display = ProgressDisplay(on: stream, environment: environment)
  for step in 1...50 { display.update { sampleFrame(step: step) } }
  display.note(StyledText("plugin example/scale is older", .yellow))
  display.log(
    LogLine(Date(timeIntervalSince1970: 1_767_607_331), "epoch 3/10", [("loss", "1.2034")]))
  display.finish(sampleFrame(step: 500))
}

@Suite("On a real pseudo-terminal and in a file")
struct PseudoTerminalTests {
  @Test("A terminal's width is asked of the terminal")
  func detection() throws {
    _ = try writtenToTerminal(columns: 60) { stream in
      let expected = Terminal(isInteractive: true, hasColor: true, width: 60)
      #expect(Terminal.detect(stream, environment: ["TERM": "xterm"]) == expected)
    }
  }

  @Test("At 60 columns no line is broken, frames are few, and the last one stays")
  func live() throws {
    let text = try writtenToTerminal(columns: 60) { session(on: $0, environment: [:]) }
    let shown = text.replacing(/\u{1B}\[[0-9;]*[A-Za-z]/, with: "").split(
      whereSeparator: \.isNewline)
    #expect(shown.allSatisfy { $0.count < 60 })
    #expect(text.contains("\u{1B}[2A\u{1B}[J"))
    #expect(shown.last?.hasPrefix(" loss 1.2034") == true)
    #expect(shown.suffix(2).first?.contains("500/500") == true)
    #expect(shown.contains("plugin example/scale is older"))
    #expect(!text.contains("2026-01-05T"))
    // The first, the one under the note, the last; a busy machine may fit in one more.
    #expect(shown.count { $0.hasPrefix(" loss") } <= 4)
  }

  @Test("A redirected run has plain lines and nothing else")
  func redirected() {
    let text = writtenToPipe { session(on: $0, environment: [:]) }
    #expect(
      text == "plugin example/scale is older\n2026-01-05T10:02:11Z epoch 3/10 loss=1.2034\n")
  }

  @Test("A dumb terminal is treated as a log")
  func dumb() throws {
    let text = try writtenToTerminal(columns: 60) { session(on: $0, environment: ["TERM": "dumb"]) }
    #expect(!text.contains("\u{1B}") && text.contains("2026-01-05T10:02:11Z"))
  }

  @Test("Writing to a closed descriptor says so and goes on")
  func closed() {
    #expect(TextStream(descriptor: -1).write("text") == false)
  }
}
