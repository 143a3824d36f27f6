import Foundation
import Glibc
import NormaTerminal
import Testing

func sampleFrame(step: Int = 412) -> ProgressFrame {
  ProgressFrame(
    title: "cifar-small", variant: "norm=rms", stage: "epoch 3/10", completed: step, total: 500,
    remaining: 18, rate: 41.2,
    measures: [
      .init("loss", "1.2034", history: [8, 7, 6, 5, 5, 4, 4, 3]),
      .init("val", "1.3120", history: [8, 6, 5, 5]), .init("acc", "0.5612", history: [1, 3, 5, 6]),
      .init("lr", "3.0e-4"), .init("|g|", "0.82"), .init("rss", "412 MB"),
    ])
}

@Suite("Progress")
struct ProgressTests {
  @Test("A wide terminal shows everything")
  func wide() {
    let lines = sampleFrame().lines(width: 120).map(\.text)
    #expect(
      lines[0]
        == " cifar-small  norm=rms  epoch 3/10  ━━━━━━━━━━━━━━━━──── 412/500  18 s left  41.2 it/s")
    #expect(
      lines[1] == " loss 1.2034 █▇▅▄▄▂▂▁  val 1.3120 █▃▁▁  acc 0.5612 ▁▄▇█  lr 3.0e-4  |g| 0.82"
        + "  rss 412 MB")
  }

  @Test("Every width gets two lines that fit, and 60 columns keep count, time and loss")
  func narrow() {
    for width in 1...120 {
      let lines = sampleFrame().lines(width: width)
      #expect(lines.count == 2 && lines.allSatisfy { $0.width <= width })
    }
    let lines = sampleFrame().lines(width: 60).map(\.text)
    #expect(lines[0].contains("━") && lines[0].hasSuffix("412/500  18 s left"))
    #expect(lines[1].hasPrefix(" loss 1.2034") && !lines[1].contains("…"))
  }

  @Test("The bar is full only at the end, and nonsense does not break it")
  func bar() {
    #expect(ProgressBar.text(499, of: 500, width: 20).text.hasSuffix("─"))
    #expect(ProgressBar.text(500, of: 500, width: 4).text == "━━━━")
    #expect(ProgressBar.text(9, of: 5, width: 4).text == "━━━━")
    #expect(ProgressBar.text(-1, of: 5, width: 4).text == "────")
    #expect(ProgressBar.text(1, of: 0, width: 4).text == "────")
    #expect(ProgressBar.text(1, of: 2, width: -4).text == "")
  }

  @Test("The first step and pauses do not count; the recent past counts most")
  func estimate() throws {
    var estimate = ProgressEstimate(memory: 10)
    estimate.record(step: 1, at: 30)
    #expect(estimate.rate == nil && estimate.remaining(steps: 5) == nil)
    for step in 2...101 { estimate.record(step: step, at: 30 + Double(step - 1) * 0.1) }
    #expect(abs(try #require(estimate.rate) - 10) < 1e-6)
    #expect(abs(try #require(estimate.remaining(steps: 50)) - 5) < 1e-6)
    estimate.pause()
    estimate.record(step: 102, at: 1000)
    #expect(abs(try #require(estimate.rate) - 10) < 1e-6)
    for step in 103...142 { estimate.record(step: step, at: 1000 + Double(step - 102)) }
    #expect(abs(try #require(estimate.rate) - 1) < 0.2)
    estimate.record(step: 142, at: 2000)
    estimate.record(step: 143, at: 1)
    #expect(try #require(estimate.rate).isFinite)
  }

  @Test("A redraw goes up as many rows as the last one fills now, and not ten times too often")
  func redraw() {
    var block = LiveBlock()
    var terminal = Terminal(isInteractive: true, hasColor: false, width: 60)
    let lines: [StyledText] = [StyledText(String(repeating: "x", count: 50)), "y"]
    let first = block.redraw(lines, for: terminal, at: 0)
    #expect(!first.contains("\u{1B}"))
    #expect(block.isTooSoon(at: 0.05) && !block.isTooSoon(at: 0.11))
    #expect(block.redraw(lines, for: terminal, at: 1).hasPrefix("\r\u{1B}[2A\u{1B}[J"))
    terminal.width = 30
    #expect(
      block.redraw(lines, notes: ["n"], for: terminal, at: 2).hasPrefix("\r\u{1B}[3A\u{1B}[Jn\n"))
    block.leave()
    #expect(!block.redraw(lines, for: terminal, at: 2).contains("\u{1B}"))
  }
}
