import ArgumentParser
import Foundation
import NormaCore
import NormaTerminal

/// `norma plugins new`.
struct PluginsNewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new",
    abstract: "Write a plugin of your own to start from.",
    discussion: """
      It is a folder that needs nothing of Norma's but the header in it: a norm that works, in the \
      language you ask for, with a build file. Change its formulas, and hold it to the interface.

      Examples:
        norma plugins new acme/scale --language c
        make -C acme-scale
        norma plugins check acme-scale/build/acme_scale.so
      """)

  /// The languages, each with the example that shows it.
  enum Language: String, ExpressibleByArgument, CaseIterable {
    case c, cpp, swift, rust

    var example: String {
      switch self {
      case .c: "scale"
      case .cpp: "batch_renorm"
      case .swift: "dyt"
      case .rust: "rms"
      }
    }
  }

  @Argument(help: "The norm's id, vendor/name.")
  var name: String

  @Option(
    help: ArgumentHelp(
      "One of \(Language.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "language")
  )
  var language: Language = .c

  @Option(help: ArgumentHelp("The folder to make. (default: vendor-name)", valueName: "folder"))
  var out: String?

  @OptionGroup var output: OutputOptions

  func run() throws {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let isWord = { (word: String) in
      word.first?.isLowercase == true
        && word.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }
    }
    guard parts.count == 2, parts.allSatisfy(isWord) else {
      throw NormaError(
        .usage, "'\(name)' is not of the form vendor/name",
        help: "lower-case letters, digits and underscores: acme/scale")
    }
    let (vendor, norm) = (parts[0], parts[1])
    let folder = out ?? "\(vendor)-\(norm)"
    let files = FileManager.default
    guard !files.fileExists(atPath: folder) else {
      throw NormaError(.io, "'\(folder)' is there already", help: "choose another with --out")
    }
    let example = language.example
    let words = [
      ("org.example.\(example)", "org.\(vendor).\(norm)"), ("example/\(example)", name),
      ("example_\(example)", "\(vendor)_\(norm)"),
      ("example-\(example.replacingOccurrences(of: "_", with: "-"))", "\(vendor)-\(norm)"),
      ("ExampleDyT", (vendor + "_" + norm).split(separator: "_").map(\.capitalized).joined()),
      ("ABI ?= ../../Sources/CNormaABI/include", "ABI ?= ."),
    ]
    let folderName = "example-" + example.replacingOccurrences(of: "_", with: "-")
    let source = try InstalledFile(
      checkout: "Plugins/" + folderName, shared: "examples/" + folderName
    )
    .path()
    let header = try InstalledFile.header.path()
    do {
      try copy(source, to: folder, replacing: words)
      // Rust has the header in its own words.
      if language != .rust {
        try files.copyItem(atPath: header, toPath: folder + "/norma_plugin.h")
      }
    } catch {
      throw NormaError(
        .io, "'\(folder)' cannot be written", help: "is there a folder that you may write to?",
        underlying: error)
    }
    let library = "\(folder)/build/\(vendor)_\(norm).so"
    if output.json { return try output.write(json: ["folder": folder, "library": library]) }
    try output.write(lines: [
      StyledText("\(folder)  written; next:"), StyledText("  make -C \(folder)"),
      StyledText("  norma plugins check \(library)"),
      StyledText("  norma plugins trust \(library)"),
      StyledText("  norma norms card \(name) --plugin \(library)"),
    ])
  }

  private func copy(
    _ source: String, to target: String, replacing words: [(String, String)]
  ) throws {
    let files = FileManager.default
    try files.createDirectory(atPath: target, withIntermediateDirectories: true)
    for item in try files.contentsOfDirectory(atPath: source).sorted() where item != "build" {
      var isFolder: ObjCBool = false
      _ = files.fileExists(atPath: source + "/" + item, isDirectory: &isFolder)
      if isFolder.boolValue {
        try copy(source + "/" + item, to: target + "/" + item, replacing: words)
        continue
      }
      var text = try String(contentsOfFile: source + "/" + item, encoding: .utf8)
      for (old, new) in words { text = text.replacingOccurrences(of: old, with: new) }
      try Data(text.utf8).write(to: URL(fileURLWithPath: target + "/" + item))
    }
  }
}
