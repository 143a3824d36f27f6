import ArgumentParser
import Foundation
import NormaCore
import NormaData
import NormaLab
import NormaLua
import NormaNetwork
import NormaNorms
import NormaTerminal

/// `norma evaluate`: saved weights on a data set.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure saved weights on the test part of a data set.",
    discussion: """
      The file says which model it was saved from; --script loads the norms it needs. Samples are \
      standardised by the statistics that were saved with the weights. Of a text the last tenth is \
      measured, unless --test says how many symbols.

      Examples:
        norma evaluate runs/rms --data fashion-mnist
        norma evaluate best.safetensors --data ./digits --script norms.lua --json
        norma evaluate gpt.safetensors --data jargon-text
      """)

  @Argument(
    help: ArgumentHelp("A run's folder, or a .safetensors file of one.", valueName: "weights"))
  var given: String

  @Option(help: "The data set: a name, a folder of IDX or .npy files, or a text file.")
  var data: String

  @Option(help: "How many test samples, or last symbols of a text, to use. (default: all)")
  var test: Int?

  @OptionGroup var threads: ThreadOptions

  @OptionGroup var executorOptions: ExecutorOptions

  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var output: OutputOptions

  /// The file with the weights: a folder's are those that its run ended with.
  private var weights: String {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: given, isDirectory: &isFolder)
    return exists && isFolder.boolValue ? given + "/final.safetensors" : given
  }

  func run() throws {
    let signals = StopSignals()
    do throws(NormaError) {
      try executorOptions.withExecutor { executor throws(NormaError) in
        try measure(signals, executor)
      }
    } catch {
      throw signals.isRequested ? signals.error(error) : error
    }
  }

  private func measure(_ signals: StopSignals, _ executor: Executor) throws(NormaError) {
    let registry = try registryOptions.knownNorms()
    // Norms of scripts are traced in their session, which therefore outlives the network.
    let session = try registryOptions.session(
      registry, trains: false, interrupter: signals.interrupter)
    try session.load(scripts: registryOptions.scripts)
    defer { withExtendedLifetime(session) {} }

    let file = try SafeTensors(contentsOf: weights)
    let model = try ModelSpec(savedIn: weights)
    try SavedNorm.require(file, in: registry)
    let network: Network
    do throws(NormaError) {
      network = try Network(
        model, registry: registry, batch: 128, training: nil, executor: executor,
        threads: threads.count)
    } catch {
      // The file is whole, so what is missing is a norm that is defined elsewhere.
      var error = error
      error.help =
        error.help ?? "--script FILE.lua defines a norm (the run's lua/ folder has a copy);"
        + " NORMA_PLUGIN_PATH names folders of compiled ones"
      throw error
    }
    try network.load(from: weights)
    warnOfOtherNorms(registry)
    let known = SavedData(reading: file.metadata[CheckpointKey.dataset])
    let part = try DataCatalog().test(
      DataSpec(data, test: test), standardization: known.standardization,
      alphabet: known.alphabet)
    let result = try network.evaluate(on: part, isInterrupted: { signals.isRequested })
    if output.json {
      try output.write(
        json: Report(
          weights: weights, model: model.name, data: data, samples: result.count,
          accuracy: result.accuracy, loss: result.loss))
    } else {
      try output.write(
        text: "model \(model.name) on \(data): accuracy \(NumberText.number(result.accuracy))"
          + "  loss \(NumberText.number(result.loss))  (\(result.count) \(part.unit))\n")
    }
  }

  /// Warns where the run beside the weights says that a norm was another formula.
  private func warnOfOtherNorms(_ registry: NormRegistry) {
    let folder = URL(fileURLWithPath: weights).deletingLastPathComponent().path
    guard SavedRun.exists(in: folder), let run = try? SavedRun(folder) else { return }
    do throws(NormaError) {
      try run.requireNorms(of: registry)
    } catch {
      Failure.warn(
        NormaError(
          .data, error.message,
          help: "the formula that the weights were trained with is in \(folder)/lua"))
    }
  }

  private struct Report: Encodable {
    let weights: String
    let model: String
    let data: String
    let samples: Int
    let accuracy: Double
    let loss: Double
  }
}
