import ArgumentParser
import Foundation
import NormaCore
import NormaLua
import NormaNorms
import NormaTerminal

/// `norma lua-stubs`.
struct LuaStubsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lua-stubs",
    abstract: "Write what an editor needs to complete and check scripts.",
    discussion: """
      Writes norma.meta.lua, types of all that scripts see (every norm's hyper-parameters among \
      them), and .luarc.json, which makes lua-language-server read it. A .luarc.json that is there \
      already is left alone. Run it again when norms were added.

      Examples:
        norma lua-stubs .
        norma lua-stubs experiments --script norms.lua
      """)

  @Argument(help: "The folder of the scripts, made if absent.", completion: .directory)
  var folder: String

  @OptionGroup var registryOptions: RegistryOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let text = try registryOptions.withRegistry { LuaStubs.meta($0) }
    let base = URL(fileURLWithPath: folder)
    var written: [String] = []
    do {
      try FileManager.default.createDirectory(at: base, withIntermediateDirectories: true)
      for (name, content) in [("norma.meta.lua", text), (".luarc.json", LuaStubs.settings)] {
        let file = base.appendingPathComponent(name)
        if name == ".luarc.json", FileManager.default.fileExists(atPath: file.path) { continue }
        try Data(content.utf8).write(to: file, options: .atomic)
        written.append(folder == "." ? name : folder + "/" + name)
      }
    } catch {
      throw NormaError(.io, "'\(folder)' cannot be written to", underlying: error)
    }
    if output.json {
      try output.write(json: written)
    } else {
      try output.write(lines: written.map { StyledText($0, .cyan) + "  written" })
    }
  }
}
