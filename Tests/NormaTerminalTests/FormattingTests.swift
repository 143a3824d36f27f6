import Foundation
import NormaTerminal
import Testing

@Suite("Numbers, sparklines and log lines")
struct FormattingTests {
  @Test("Four decimals, an e-form where they would show nothing")
  func numbers() {
    let cases: [(Double, String)] = [
      (1.2034, "1.2034"), (0, "0.0000"), (-0.5, "-0.5000"), (0.001, "0.0010"),
      (0.0003, "3.0e-4"), (-2.5e-12, "-2.5e-12"), (1e6, "1.0e6"), (999_999, "999999.0000"),
      (.nan, "nan"), (.infinity, "inf"), (-.infinity, "-inf"),
    ]
    for (value, text) in cases { #expect(NumberText.number(value) == text) }
  }

  @Test("Durations show their two largest units and never '60 s'")
  func durations() {
    let cases: [(Double, String)] = [
      (0, "0 s"), (-1, "0 s"), (0.45, "450 ms"), (0.9996, "1 s"), (18.2, "18 s"),
      (59.7, "1 min 0 s"), (123, "2 min 3 s"), (3900, "1 h 5 min"), (183_600, "2 d 3 h"),
      (.nan, "-"), (.infinity, "-"), (1e300, "-"),
    ]
    for (value, text) in cases { #expect(NumberText.duration(seconds: value) == text) }
    #expect(NumberText.remaining(seconds: 17.01) == "18 s")
    #expect(NumberText.remaining(seconds: -5) == "0 s")
  }

  @Test("Sizes and rates keep to few digits at every magnitude")
  func sizesAndRates() {
    #expect(
      [0, 999, 38_400, 999_499, 999_500].map(NumberText.bytes) == [
        "0 B", "999 B", "38 kB", "999 kB", "1 MB",
      ])
    #expect(NumberText.bytes(412_000_000) == "412 MB")
    #expect(NumberText.bytes(1_230_000_000) == "1.2 GB")
    #expect(
      [0.42, 9.996, 41.23, 99.96, 1234.4].map(NumberText.rate) == [
        "0.42", "10.0", "41.2", "100", "1234",
      ])
  }

  @Test("A sparkline spans its own range, is flat when constant and blank where not finite")
  func sparklines() {
    #expect(Sparkline.text([0, 1, 2, 3, 4, 5, 6, 7], width: 8) == "▁▂▃▄▅▆▇█")
    #expect(Sparkline.text([5, 5, 5], width: 8) == "▁▁▁")
    #expect(Sparkline.text([0, .nan, 1, .infinity], width: 8) == "▁ █ ")
    #expect(Sparkline.text([.nan, .nan], width: 8) == "  ")
    #expect(Sparkline.text([-1e308, 1.7e308], width: 2) == "▁█")
    #expect(Sparkline.text([], width: 8) == "" && Sparkline.text([1, 2], width: 0) == "")
    #expect(Sparkline.text([0, 1], width: 8, glyphs: .braille) == "⣸")
    #expect(Sparkline.text([0, 0, 1], width: 8, glyphs: .braille).count == 2)
  }

  @Test("A long series is averaged into its columns", arguments: [9, 100, 1001])
  func longSeries(count: Int) {
    let rising = (0..<count).map(Double.init)
    let text = Sparkline.text(rising, width: 8)
    #expect(text.count == 8 && text.first == "▁" && text.last == "█")
    #expect(Array(text) == text.sorted())
  }

  @Test("A log line has the time in UTC and its fields in order")
  func logLine() throws {
    let date = Date(timeIntervalSince1970: 1_767_607_331.9)
    let line = LogLine(date, "epoch 3/10", [("loss", "1.2034"), ("lr", "3.0e-4")])
    #expect(line.text == "2026-01-05T10:02:11Z epoch 3/10 loss=1.2034 lr=3.0e-4")
    let odd = LogLine(date, "a\u{1B}[1m", [("name", "two \"words\"\n"), ("none", "")])
    #expect(odd.text == "2026-01-05T10:02:11Z a [1m name=\"two 'words' \" none=\"\"")
  }
}

@Suite("Tables")
struct TableTests {
  var table: Table {
    var table = Table(["norm", "accuracy", "ms/step", Table.Column("note", .left)])
    table.append(["batch", "0.8812 ± 0.002", "1.9", "best"], style: .bold)
    table.append([StyledText("layer_again_with_a_long_name"), "nan", "12.25"])
    return table
  }

  @Test("Words stand left, numbers right, and no line ends in blanks")
  func alignment() {
    #expect(
      table.rendered(for: .plain) == """
        norm                                accuracy  ms/step  note
        batch                         0.8812 ± 0.002      1.9  best
        layer_again_with_a_long_name             nan    12.25\u{20}\u{20}

        """)
  }

  @Test("Lines fit whatever width there is; the widest column gives way first")
  func narrow() {
    for width in 1...70 { #expect(table.lines(width: width).allSatisfy { $0.width <= width }) }
    let lines = table.lines(width: 50).map(\.text)
    #expect(lines[2].hasPrefix("layer_again_") && lines[2].contains("…"))
    #expect(lines[1].contains("0.8812 ± 0.002"))
  }

  @Test("A table without rows is its header; surplus cells are dropped")
  func odd() {
    #expect(Table(["a", "b"]).rendered(for: .plain) == "a  b\n")
    var table = Table(["a"])
    table.append(["1", "2"])
    #expect(table.rendered(for: .plain) == "a\n1\n")
    #expect(Table([]).rendered(for: .plain) == "\n")
  }
}
