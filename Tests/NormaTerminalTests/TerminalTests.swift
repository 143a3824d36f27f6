import NormaTerminal
import Testing

@Suite("What a terminal can show")
struct TerminalTests {
  func terminal(
    _ isTTY: Bool, _ environment: [String: String] = [:], color: ColorChoice = .auto
  ) -> Terminal {
    Terminal(isTTY: isTTY, columns: 120, color: color, environment: environment)
  }

  @Test("Colour and redrawing follow the terminal, unless told otherwise")
  func automatic() {
    #expect(terminal(true) == Terminal(isInteractive: true, hasColor: true, width: 120))
    #expect(terminal(false) == .plain)
    #expect(terminal(true, ["TERM": "dumb"]).isInteractive == false)
    #expect(terminal(true, ["TERM": "dumb"]).hasColor == false)
  }

  @Test("--color outranks NO_COLOR, which outranks FORCE_COLOR; an empty variable says nothing")
  func precedence() {
    #expect(terminal(true, ["NO_COLOR": "1"]).hasColor == false)
    #expect(terminal(true, ["NO_COLOR": ""]).hasColor)
    #expect(terminal(false, ["FORCE_COLOR": "1"]).hasColor)
    #expect(terminal(true, ["FORCE_COLOR": "0"]).hasColor == false)
    #expect(terminal(false, ["FORCE_COLOR": "1", "NO_COLOR": "1"]).hasColor == false)
    #expect(terminal(true, ["NO_COLOR": "1"], color: .always).hasColor)
    #expect(terminal(true, ["FORCE_COLOR": "1"], color: .never).hasColor == false)
  }

  @Test("Forced colour never makes a log redraw")
  func forcedColorIsNotInteractive() {
    #expect(terminal(false, ["FORCE_COLOR": "1"]).isInteractive == false)
    #expect(terminal(false, [:], color: .always).isInteractive == false)
  }

  @Test("COLUMNS outranks the measured width; nonsense in it is passed over")
  func width() {
    #expect(terminal(true, ["COLUMNS": "60"]).width == 60)
    #expect(terminal(false, ["COLUMNS": "60"]).width == 60)
    for nonsense in ["0", "-3", "wide", ""] {
      #expect(terminal(true, ["COLUMNS": nonsense]).width == 120)
      #expect(terminal(false, ["COLUMNS": nonsense]).width == nil)
    }
    #expect(Terminal(isTTY: true, columns: nil).width == 80)
  }
}

@Suite("Styled text")
struct StyledTextTests {
  let colored = Terminal(isInteractive: true, hasColor: true, width: nil)

  @Test("Styles become codes only where there is colour")
  func codes() {
    let line = StyledText("bad", [.bold, .red]) + " news"
    #expect(line.rendered(for: colored) == "\u{1B}[1;31mbad\u{1B}[0m news")
    #expect(line.rendered(for: .plain) == "bad news")
  }

  @Test("Codes and line ends in someone's name do not reach the terminal")
  func hostileText() {
    let line = StyledText("a\u{1B}[2Jb\nc\r\u{9B}d\u{2028}e")
    #expect(line.text == "a [2Jb c  d e")
  }

  @Test("Cutting counts columns, not characters", arguments: 0...12)
  func truncation(limit: Int) {
    let line = StyledText("损失 ", .bold) + "loss" + StyledText("é🙂", .dim)
    #expect(line.width == 12)
    let cut = line.truncated(to: limit)
    #expect(cut.width <= limit)
    #expect(cut.text.hasSuffix("…") == (1..<12).contains(limit))
  }
}
