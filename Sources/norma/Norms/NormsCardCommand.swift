import ArgumentParser
import Foundation
import NormaConformance
import NormaCore
import NormaNorms
import NormaTerminal

/// `norma norms card`.
struct NormsCardCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "card",
    abstract: "Show what a norm does, as measured: invariances, gradient, range, cost, response.",
    discussion: """
      Nothing is taken from the norm's word: each property is found by trying, on small tensors of \
      values around N(0.3, 1), with epsilon as small as the norm takes it where it would blur the \
      answer. Several norms stand side by side. The picture is the response of one output to its \
      own input from -4 to 4, and its slope, while all other inputs stay.

      Examples:
        norma norms card layer
        norma norms card rms layer --no-time
        norma norms card batch mine --script mine.lua --svg card.svg
      """)

  @Argument(help: "Norms, or scripts whose norms are shown.", completion: .norms)
  var names: [String]

  @Option(help: ArgumentHelp("A hyper-parameter, or preset=NAME; repeatable.", valueName: "k=v"))
  var hyper: [String] = []

  @OptionGroup var threads: ThreadOptions

  @Flag(inversion: .prefixedNo, help: "Measure how long it takes, in copies of the tensor.")
  var time = true

  @Option(help: ArgumentHelp("Write the card as a picture too.", valueName: "file"))
  var svg: String?

  @OptionGroup var executorOptions: ExecutorOptions
  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    guard names.count <= 6 else {
      throw NormaError(
        .usage, "\(names.count) norms are too many for one card", help: "give up to 6")
    }
  }

  func run() throws {
    let threads = threads.count
    var options = executorOptions
    options.compileWait = max(options.compileWait, 60)
    let cards = try registryOptions.withNorms(names, hyper: hyper) { specs, registry in
      try options.withExecutor { executor throws(NormaError) in
        var cards: [NormCard] = []
        for spec in specs {
          cards.append(
            try NormCard(spec, in: registry, executor: executor, threads: time ? threads : nil))
        }
        return cards
      }
    }
    if let svg {
      do {
        try Data(CardPicture(cards).text.utf8).write(
          to: URL(fileURLWithPath: svg), options: .atomic)
      } catch {
        throw NormaError(.io, "'\(svg)' cannot be written", underlying: error)
      }
    }
    if output.json {
      try output.write(json: cards)
    } else {
      try output.write(lines: CardText.lines(cards))
    }
  }
}
