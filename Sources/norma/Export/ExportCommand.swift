import ArgumentParser
import Foundation
import NormaCore
import NormaExport
import NormaPlugins
import NormaTerminal

/// `norma export`.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Take a norm elsewhere: C without dependencies, or a PyTorch module.",
    discussion: """
      c: a header, one C file, a CMakeLists.txt and an example; forward and backward for any sizes, in \
      both layouts, with the settings as they are here (--hyper); it depends on nothing.

      torch: a Python package folder with an nn.Module for float32 tensors on the CPU, in any leading \
      shape: training and inference, state_dict with running buffers, and tests and a benchmark of its \
      own. It needs Python with torch, and neither this program nor a script. Sizes given with --shape \
      run as fast as here; others by general code, several times slower.

      Examples:
        norma export rms --to c -o rms_c
        norma export rms --to torch -o rms_torch --shape 4096x1024
        norma export mine --script mine.lua --id acme/mine --to torch -o mine_torch
        python rms_torch/test_norm.py
        python rms_torch/benchmark.py
      """)

  /// Where a norm can go.
  enum Target: String, ExpressibleByArgument, CaseIterable {
    case c, torch
  }

  @Argument(help: "The norm.", completion: .norms)
  var name: String

  @Option(
    help: ArgumentHelp(
      "Where it goes: \(Target.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "target"))
  var to: Target

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The folder to make.", valueName: "folder"),
    completion: .directory)
  var output: String

  @OptionGroup var options: CompilationOptions
  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var form: OutputOptions

  func run() throws {
    let folder = URL(fileURLWithPath: output)
    let isName = folder.lastPathComponent.utf8.enumerated().allSatisfy { index, byte in
      (97...122).contains(byte) || (65...90).contains(byte) || byte == 95
        || (index > 0 && (48...57).contains(byte))
    }
    guard isName || to != .torch else {
      throw NormaError(
        .usage, "'\(folder.lastPathComponent)' is no name of a Python package",
        help: "letters, digits and underscores: -o rms_torch")
    }
    guard to != .torch || !Self.taken.contains(folder.lastPathComponent) else {
      throw NormaError(
        .usage, "a package '\(folder.lastPathComponent)' would hide Python's own",
        help: "choose another name: -o \(name.split(separator: "/").last ?? "norm")_torch")
    }
    guard !FileManager.default.fileExists(atPath: output) else {
      throw NormaError(.io, "'\(output)' is there already", help: "choose another with -o")
    }
    let (files, lines) = try options.withCompilation(of: name, registryOptions) { compilation in
      switch to {
      case .c: try c(compilation)
      case .torch: try torch(compilation)
      }
    }
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for file in files {
        try Data(file.bytes).write(to: folder.appendingPathComponent(file.name))
      }
    } catch {
      throw NormaError(
        .io, "'\(output)' cannot be written", help: "may you write to the folder it lies in?",
        underlying: error)
    }
    if form.json {
      return try form.write(json: [
        "folder": output, "files": files.map(\.name).joined(separator: " "),
      ])
    }
    try form.write(lines: lines)
  }

  /// What a package for PyTorch imports, and words of Python.
  private static let taken = Set(
    """
    torch numpy ctypes glob json os sys time argparse importlib math unittest test False None True \
    and as assert async await break class continue def del elif else except finally for from global \
    if import in is lambda nonlocal not or pass raise return try while with yield
    """.split(separator: " ").map(String.init))

  private typealias Made = (files: [ExportedFile], lines: [StyledText])

  private func c(_ compilation: PluginCompilation) throws(NormaError) -> Made {
    let package = try CPackage(compilation)
    let files = try package.files()
    let lines = [
      StyledText(
        "\(output)  \(compilation.identity.norm) as \(package.name).h and \(package.name).c; next:"),
      StyledText(
        "  cc -O3 -fopenmp-simd -o example \(output)/example.c \(output)/\(package.name).c -lm"),
      StyledText("  ./example"),
    ]
    return (files, lines)
  }

  private func torch(_ compilation: PluginCompilation) throws(NormaError) -> Made {
    let package = TorchPackage(compilation)
    let (files, library) = try package.files(
      headers: try InstalledFile.folder(of: .header), templates: try InstalledFile.torch.path(),
      environment: ProcessInfo.processInfo.environment)
    let module = URL(fileURLWithPath: output).lastPathComponent
    let lines =
      [
        StyledText(
          "\(output)  \(library.manifest.norms.joined()) as \(module).\(package.className)")
      ]
      + options.remarks(library) + [
        StyledText("next:"), StyledText("  python \(output)/test_norm.py"),
        StyledText("  python \(output)/benchmark.py"),
      ]
    return (files, lines)
  }
}
