import ArgumentParser
import Foundation
import NormaCore
import NormaExport
import NormaNorms
import NormaPlugins
import NormaTerminal

/// `norma compile`.
struct CompileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compile",
    abstract: "Make a compiled plugin of a norm, built-in or scripted.",
    discussion: """
      The library needs neither the script nor this program: any Norma loads it, and any program that \
      speaks norma_plugin.h. It takes every shape, layout and stride; real settings stay settings, \
      booleans, words and numbers of groups too; an integer that changes the formula is fixed at the \
      value it has here.

      A manifest is written beside the library. It needs a C compiler: NORMA_CC, cc, clang or gcc.

      Examples:
        norma compile rms -o rms.so
        norma compile mine --script mine.lua --id acme/mine -o acme_mine.so
        norma plugins check acme_mine.so
        norma plugins trust acme_mine.so
      """)

  @Argument(help: "The norm.", completion: .norms)
  var name: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The library to write.", valueName: "library"),
    completion: .file(extensions: ["so"]))
  var output: String

  @OptionGroup var options: CompilationOptions

  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var form: OutputOptions

  func run() throws {
    try requireOutput()
    let library = try options.withCompilation(of: name, registryOptions) { compilation in
      try compilation.library(
        headers: try InstalledFile.folder(of: .header),
        environment: ProcessInfo.processInfo.environment)
    }
    let manifest = PluginManifest.path(of: output)
    try write(Data(library.bytes), to: output)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try write(try encoder.encode(library.manifest) + Data("\n".utf8), to: manifest)
    if form.json { return try form.write(json: Report(library, output, manifest)) }
    var lines = [
      StyledText("\(output)  \(library.manifest.norms.joined()), \(library.bytes.count / 1024) KiB")
        + StyledText("  \(count(library.variants, "variant")) of settings", .dim)
    ]
    lines += options.remarks(library)
    lines += [
      StyledText("\(manifest)  says so beside it; next:"),
      StyledText("  norma plugins check \(output)"),
      StyledText("  norma plugins trust \(output)"),
      StyledText("  norma norms card \(library.manifest.norms.joined()) --plugin \(output)"),
    ]
    try form.write(lines: lines)
  }

  /// Throws unless the library may be written there: nothing but a library is written over.
  private func requireOutput() throws(NormaError) {
    guard output.hasSuffix(".so"), (output as NSString).lastPathComponent != ".so" else {
      throw NormaError(
        .usage, "-o '\(output)' is no name of a library", help: "let it end in .so: -o \(name).so")
    }
    guard let file = FileHandle(forReadingAtPath: output) else { return }
    let start = try? file.read(upToCount: 4)
    guard let start, start == Data([0x7f, 0x45, 0x4c, 0x46]) else {
      throw NormaError(
        .io, "'\(output)' is there already, and is no library", help: "choose another with -o")
    }
  }

  private func count(_ n: Int, _ noun: String) -> String { "\(n) \(noun)\(n == 1 ? "" : "s")" }

  /// Written beside and renamed: a process that runs the old library keeps it.
  private func write(_ data: Data, to path: String) throws(NormaError) {
    do {
      try data.write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw NormaError(
        .io, "cannot write '\(path)'", help: "is its folder there, and may you write to it?",
        underlying: error)
    }
  }

  private struct Report: Encodable {
    let library: String
    let manifest: String
    let norm: String
    let sha256: String
    let variants: Int
    let formulas: Int
    let fixed: [String: Int]
    let shapes: [[Int]]
    let remarks: [String]

    init(_ made: PluginCompilation.Library, _ path: String, _ manifest: String) {
      library = path
      self.manifest = manifest
      norm = made.manifest.norms.joined()
      sha256 = made.manifest.sha256
      variants = made.variants
      formulas = made.formulas
      fixed = made.fixed
      shapes = made.shapes
      remarks = made.remarks
    }
  }
}
