import ArgumentParser
import Foundation
import NormaCore
import NormaLab
import NormaLua
import NormaNorms
import NormaPlugins
import NormaTerminal

/// Where norms come from besides Norma itself.
struct RegistryOptions: ParsableArguments {
  @Option(
    name: .customLong("script"),
    help: ArgumentHelp("A script whose norms are defined first; repeatable.", valueName: "file.lua")
  )
  var scripts: [String] = []

  @Option(
    name: .customLong("plugin"),
    help: ArgumentHelp(
      "A compiled plugin to load, trusted before; repeatable.", valueName: "library"))
  var plugins: [String] = []

  @OptionGroup(title: "Limits of scripts") var limits: ScriptLimits

  /// Hands over the norms that are known without scripts, then those of scripts.
  ///
  /// Scripts' norms live as long as the interpreter they were written in: until `body` returns.
  func withRegistry<Result>(_ body: (NormRegistry) throws -> Result) throws -> Result {
    let registry = try knownNorms()
    return try withExtendedLifetime(loadScripts(into: registry)) {
      try body(registry)
    }
  }

  /// The norms that are known without scripts.
  ///
  /// - Throws: why a plugin that was named cannot be used.
  func knownNorms() throws(NormaError) -> NormRegistry {
    try Self.knownNorms(plugins, scriptOptions)
  }

  /// The built-in norms, those of compiled plugins, and those whose files are read when asked for; a
  /// refused plugin is warned about.
  static func knownNorms(
    _ plugins: [String] = [], _ options: Interpreter.Options = Interpreter.Options()
  ) throws(NormaError) -> NormRegistry {
    let registry = NormRegistry.builtIn()
    let loader = try PluginLoader.searching(into: registry, named: plugins)
    for record in loader.report.refused {
      if let refusal = record.refusal { Failure.warn(refusal.prefixed("plugin \(record.path)")) }
    }
    for folder in NormSearch.folders(ProcessInfo.processInfo.environment) {
      do throws(NormaError) {
        try NormFolder.offer(folder, to: registry, options: options)
      } catch {
        Failure.warn(error)
      }
    }
    return registry
  }

  /// What scripts may use; what they print goes to standard error.
  private var scriptOptions: Interpreter.Options {
    var options = limits.options
    options.print = { TextStream.error.write($0 + "\n") }
    return options
  }

  /// Runs scripts for the norms they define; what they print goes to standard error.
  private func loadScripts(into registry: NormRegistry) throws(NormaError) -> ScriptSession? {
    guard !scripts.isEmpty else { return nil }
    let session = try session(registry, trains: false)
    try session.load(scripts: scripts)
    return session
  }

  /// A session whose scripts print to standard error and write no results of experiments.
  ///
  /// - Parameter trains: whether experiments run; scripts that are wanted for what they define may have
  ///   some too.
  func session(
    _ registry: NormRegistry, trains: Bool, interrupter: Interrupter? = nil
  ) throws(NormaError) -> ScriptSession {
    var options = scriptOptions
    options.interrupter = interrupter ?? options.interrupter
    let session = try ScriptSession(registry: registry, options: options)
    var lab = LabOptions()
    lab.writes = false
    lab.onlyReads = !trains
    lab.threads = ProcessInfo.processInfo.activeProcessorCount
    lab.version = Norma.version
    try session.registerExperiments(lab: Lab(registry: registry, options: lab))
    return session
  }
}

extension CompletionKind {
  /// The names of norms, for shells that complete arguments.
  static let norms = CompletionKind.custom { _, _, _ in
    (try? RegistryOptions.knownNorms().names) ?? []
  }
}
