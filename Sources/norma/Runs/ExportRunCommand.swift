import ArgumentParser
import Foundation
import NormaCore
import NormaLab
import NormaTerminal

/// `norma export-run`.
struct ExportRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export-run",
    abstract: "Take what runs measured elsewhere: TensorBoard, CSV, Markdown, LaTeX.",
    discussion: """
      Takes folders of runs and of sweeps. tensorboard writes a folder that TensorBoard opens: numbers by \
      step, and the distributions of what was learned. csv has a line for each recorded step, epoch and \
      evaluation. markdown and latex have a table of what the runs ended with, averaged over seeds. \
      Weights are safetensors in the run's folder already.

      Examples:
        norma export-run runs/compare --to tensorboard -o board && tensorboard --logdir board
        norma export-run runs/compare --to csv -o compare.csv
        norma export-run runs/compare --to markdown
        norma export-run runs/a runs/b --to latex --value val_loss --value val_accuracy
      """)

  /// What it can become.
  enum Target: String, ExpressibleByArgument, CaseIterable {
    case tensorboard, csv, markdown, latex
  }

  @Argument(help: "The folders.", completion: .directory)
  var runs: [String]

  @Option(
    help: ArgumentHelp(
      "What it becomes: \(Target.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "target"))
  var to: Target

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The file to write, or for tensorboard the folder; by default standard output.",
      valueName: "path"))
  var output: String?

  @OptionGroup var values: MeasureOptions

  func run() throws {
    let measures = try values.measures
    if measures != nil, to == .csv || to == .tensorboard {
      throw NormaError(
        .usage, "--value is for markdown and latex: \(to.rawValue) holds everything",
        help: "leave it out")
    }
    let saved = try SavedRuns(runs)
    switch to {
    case .tensorboard:
      guard let output else {
        throw NormaError(.usage, "TensorBoard reads a folder", help: "name one with -o")
      }
      let files = try saved.writeTensorBoard(to: output)
      TextStream.output.write(
        files.map { "\($0)\n" }.joined() + "tensorboard --logdir \(ShellText.quoted(output))\n")
    case .csv: try write(saved.csv)
    case .markdown: try write(saved.table(.markdown, measures: measures))
    case .latex: try write(saved.table(.latex, measures: measures))
    }
  }

  private func write(_ text: String) throws(NormaError) {
    guard let output else {
      TextStream.output.write(text)
      return
    }
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: output), options: .atomic)
    } catch {
      throw NormaError(
        .io, "cannot write '\(output)'", help: "is its folder there, and may you write to it?",
        underlying: error)
    }
  }
}
