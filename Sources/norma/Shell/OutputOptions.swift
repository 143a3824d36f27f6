import ArgumentParser
import Foundation
import NormaCore
import NormaTerminal

/// How a command writes its result.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Write the result as one JSON document.")
  var json = false

  @Option(help: "Colour the text: auto, always or never.")
  var color: ColorChoice = .auto

  /// What standard output can show.
  var terminal: Terminal { Terminal.detect(.output, color: color) }

  /// Writes a value as JSON with sorted keys.
  func write(json value: some Encodable) throws(NormaError) {
    try write(value, [.prettyPrinted])
  }

  /// Writes a value as one line of JSON with sorted keys.
  func write(jsonLine value: some Encodable) throws(NormaError) {
    try write(value, [])
  }

  private func write(
    _ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting
  ) throws(NormaError) {
    let encoder = JSONEncoder()
    // JSON has no infinity and no NaN, which an error may be.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
    do {
      let data = try encoder.encode(value)
      try write(text: String(decoding: data, as: UTF8.self) + "\n")
    } catch let error as NormaError {
      throw error
    } catch {
      throw NormaError(.internal, "the result cannot be written as JSON: \(error)")
    }
  }

  /// Writes text to standard output.
  func write(text: String) throws(NormaError) {
    guard TextStream.output.write(text) else {
      throw NormaError(.io, "cannot write to standard output: \(String(cString: strerror(errno)))")
    }
  }

  /// Writes whole lines, never cut: what is wider than the terminal wraps.
  func write(lines: [StyledText]) throws(NormaError) {
    var terminal = terminal
    terminal.width = nil
    try write(text: lines.map { $0.rendered(for: terminal) + "\n" }.joined())
  }
}
