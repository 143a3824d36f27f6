import ArgumentParser
import Foundation
import NormaCore
import NormaLab
import NormaLua
import NormaNorms
import NormaTerminal

/// `norma repl`.
struct ReplCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repl",
    abstract: "A console: type Lua, see values; try norms on tensors, build and train models.",
    discussion: """
      An expression's value is shown; a semicolon at the end mutes it. A statement that is not \
      finished goes on in the next line. ?NAME tells what a norm is, :plan how it runs, :time how \
      long an expression takes; ? alone lists these. On a terminal there is line editing, completion \
      with Tab and a history; from a pipe lines are read one after the other, and the first mistake \
      ends it with that mistake's status.

      Examples:
        norma repl
        norma repl --script norms.lua
        echo 'norm.rms():apply(tensor { {3, 4} })' | norma repl
      """)

  @OptionGroup var executorOptions: ExecutorOptions

  @Option(help: "Colour the text: auto, always or never.")
  var color: ColorChoice = .auto

  @OptionGroup var registryOptions: RegistryOptions

  func run() throws {
    try executorOptions.withExecutor { executor throws(NormaError) in
      var lab = LabOptions()
      lab.writes = false
      lab.threads = ProcessInfo.processInfo.activeProcessorCount
      lab.executor = executor
      lab.version = Norma.version
      let interrupter = Interrupter()
      lab.isInterrupted = { interrupter.isRequested }
      var options = registryOptions.limits.options
      options.interrupter = interrupter
      options.print = { TextStream.output.write($0 + "\n") }
      let laboratory = Lab(registry: try registryOptions.knownNorms(), options: lab)
      let session = try ScriptSession(registry: laboratory.registry, options: options)
      try session.registerExperiments(lab: laboratory)
      try session.load(scripts: registryOptions.scripts)
      let registry = laboratory.registry
      let console = Console(session, words: [planWord(registry, executor)]) {
        name throws(NormaError) in
        let layout = try TensorLayout(shape: [1024, 64])
        let page = try NormPage(
          spec: NormSpec(name), registry: registry, layout: layout, mode: nil, plan: nil)
        return page.lines.map(\.text)
      }
      if isatty(STDIN_FILENO) != 0 {
        try converse(console, interrupter)
      } else {
        try read(console)
      }
    }
  }

  private func planWord(_ registry: NormRegistry, _ executor: Executor) -> Console.Word {
    Console.Word(
      "plan", usage: ":plan NORM [SHAPE]",
      summary: "how a norm runs on a tensor, 1024x64 if not said"
    ) { text throws(NormaError) in
      let words = text.split(separator: " ").map(String.init)
      guard (1...2).contains(words.count) else {
        throw NormaError(
          .usage, ":plan takes a norm and perhaps a shape", help: ":plan layer 32x56x56x64")
      }
      let layout = try TensorLayout(
        shape: try Settings.shape(words.count > 1 ? words[1] : "1024x64"))
      let layer = try NormLayer(
        NormSpec(words[0]), in: registry, channelShape: layout.channelShape)
      let kernel = try layer.kernel(for: layout, mode: .train, executor: executor)
      executor.settle()
      return (kernel.planDescription ?? "\(kernel.executor): says nothing of its plan")
        .split(separator: "\n").map(String.init)
    }
  }

  /// Lines from a pipe: the first mistake ends it.
  private func read(_ console: Console) throws(NormaError) {
    while let line = readLine() {
      switch try console.feed(line) {
      case .lines(let lines): show(lines)
      case .more: break
      case .end: return
      }
    }
    if console.isPending {
      throw NormaError(
        .script, "the input ends in the middle of a statement", help: "is an 'end' missing?")
    }
  }

  /// Lines from a person: a mistake is shown, and it goes on.
  private func converse(_ console: Console, _ interrupter: Interrupter) throws(NormaError) {
    let editor = LineEditor { console.completions(of: $0) }
    signal(SIGINT, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
    source.setEventHandler { interrupter.request() }
    source.resume()
    defer { source.cancel() }
    show(["norma \(Norma.version): ? for help, :quit or Ctrl-D to leave"])
    while let line = editor.line(prompt: console.isPending ? "...> " : "norma> ") {
      // Ctrl-C at the prompt is of yesterday.
      interrupter.reset()
      do throws(NormaError) {
        switch try console.feed(line) {
        case .lines(let lines): show(lines)
        case .more: break
        case .end: return
        }
      } catch {
        console.reset()
        Failure.show(error)
      }
    }
    show([""])
  }

  private func show(_ lines: [String]) {
    for line in lines { TextStream.output.write(line + "\n") }
  }
}
