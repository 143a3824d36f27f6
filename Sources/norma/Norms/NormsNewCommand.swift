import ArgumentParser
import Foundation
import NormaCore
import NormaLua
import NormaNorms
import NormaTerminal

/// `norma norms new`.
struct NormsNewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new",
    abstract: "Write a commented definition to start a norm of your own from.",
    discussion: """
      NAME.lua is written into the current folder, or where --out says: a definition that works as \
      it is, with a word on every part. Nothing is ever overwritten.

      Examples:
        norma norms new mine
        norma norms check mine.lua
        norma run scripts/experiments/first.lua --script mine.lua --set norm=mine
      """)

  @Argument(help: "The norm's name: lower-case letters, digits and _.")
  var name: String

  @Option(help: ArgumentHelp("The folder to write into.", valueName: "folder"))
  var out = "."

  @OptionGroup var output: OutputOptions

  func run() throws {
    let text = try definition()
    let file = URL(fileURLWithPath: out).appendingPathComponent(name + ".lua")
    let shown = out == "." ? name + ".lua" : out + "/" + name + ".lua"
    do {
      try Data(text.utf8).write(to: file, options: .withoutOverwriting)
    } catch CocoaError.fileWriteFileExists {
      throw NormaError(
        .io, "cannot write '\(shown)': File exists",
        help: "choose another name, or --out another folder")
    } catch {
      throw NormaError(
        .io, "cannot write '\(shown)'", help: "is '\(out)' a folder that you may write to?",
        underlying: error)
    }
    if output.json { return try output.write(json: ["norm": name, "file": shown]) }
    if try RegistryOptions.knownNorms().names.contains(name) {
      Failure.warn(
        NormaError(
          .usage, "a norm called '\(name)' is known already; with --script yours takes its place"))
    }
    try output.write(lines: [
      StyledText("\(shown)  written; next:"),
      StyledText("  norma norms show \(name) --script \(shown)"),
      StyledText("  norma norms check \(shown)"),
      StyledText("  norma test \(shown)"),
      StyledText(
        "  norma run scripts/experiments/first.lua --script \(shown) --set norm=\(name)"),
    ])
  }

  /// The text, which is run first: what `norm.define` refuses is not written.
  private func definition() throws(NormaError) -> String {
    if NormRegistry.builtIn().names.contains(name) {
      throw NormaError(.usage, "'\(name)' is built in", help: "choose another name")
    }
    let isWord = name.utf8.enumerated().allSatisfy { index, byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
        || (index > 0 && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte))
    }
    let reserved = [
      "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
      "local",
      "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
    ]
    guard !reserved.contains(name) else {
      throw NormaError(.usage, "'\(name)' is a word of Lua", help: "choose another name")
    }
    guard isWord, !name.isEmpty else {
      throw NormaError(
        .usage, "'\(name)' cannot be the name of a norm",
        help: "lower-case letters, digits and _, as in rms_plus")
    }
    let text = """
      -- A norm is its formula; Norma derives the gradient, compiles both and checks them:
      --   norma norms check \(name).lua
      norm.define("\(name)", {
        doc = "what it does, in a line",
        paper = "authors year, arXiv:0000.00000",

        -- Settings. Also norm.bool { true }, norm.choice { "a", choices = { "a", "b" } }, and for
        -- x:group(s.groups): groups = norm.int { 8, min = 1, divides = "channel" }.
        hyper = { epsilon = norm.real { 1e-5, min = 0, doc = "added under the root" } },

        -- What is learned, and where it starts: a number, a setting's name, or function(d) of d.channel.
        -- Also norm.scalar { 1 }. Running values go into buffer = { ... }, set by s.name:track(value, 0.1).
        param = { gamma = norm.per_channel { 1 }, beta = norm.per_channel { 0 } },

        -- x has roles, not axes: "batch", "space" and "channel"; x:group(n) makes "group" and "member" of
        -- channels. s holds settings, parameters and buffers; a third argument has mode.train.
        -- There are + - * / ^, sqrt rsqrt exp log tanh sigmoid erf abs max min clamp, and the reductions
        -- sum mean variance norm(p, ...) max_over min_over over any roles.
        forward = function(x, s)
          local centred = x - x:mean("channel")
          local scale = (x:variance("channel") + s.epsilon):rsqrt()
          return centred * scale * s.gamma + s.beta
        end,
      })

      -- What you know of it by hand:  norma test \(name).lua
      test("two values become -1 and 1", function()
        local y = norm.\(name) { epsilon = 0 }:apply(tensor { { 1, 3 }, { 2, 8 } })
        expect.close(y, { { -1, 1 }, { -1, 1 } }, 1e-6)
      end)

      """
    let registry = NormRegistry.builtIn()
    do throws(NormaError) {
      let session = try ScriptSession(registry: registry)
      try session.run(text: text, name: name + ".lua")
    } catch {
      throw NormaError(.usage, error.message, help: error.help)
    }
    return text
  }
}
