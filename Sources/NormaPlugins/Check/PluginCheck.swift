public import NormaCore
import NormaConformance
import NormaNorms

/// The checks of a compiled plugin, each run by itself so that it can be run in a process of its own.
///
/// Level 0 reads the file and runs none of its code, 1 loads it, 2 holds its functions to the rules of the
/// interface, 3 its results to the contract that every norm keeps, 4 its use of memory to what it asked for.
public struct PluginCheck: Sendable {
  /// A check, or a few that only make sense together.
  public struct Item: Sendable, Hashable {
    /// What must hold.
    public let name: String
    /// The level, 0 to 4.
    public let level: Int
    /// Whether its results have names of their own.
    public var hasClauses: Bool { [PluginCheck.staticCheck, PluginCheck.contract].contains(name) }
  }

  /// The library's path.
  public let path: String
  /// The seed of everything that is drawn.
  public var seed: UInt64 = 1
  /// Libraries that it may need besides the runtimes of C, C++, OpenMP and Swift.
  public var allowed: [String] = []
  /// Is told what is tried next.
  public var progress: @Sendable (String) -> Void = { _ in }

  /// Where results go, in the order in which they are found.
  public typealias Report = (PluginCheckResult) -> Void

  /// Makes the checks of a library.
  public init(_ path: String) {
    self.path = path
  }

  /// The SHA-256 of the library.
  ///
  /// - Throws: as loading it would, when it cannot be read or others may write it.
  public func digest() throws(NormaError) -> Digest { try PluginFile(path).digest }

  /// All checks, by level.
  public static let items: [Item] =
    [Item(name: staticCheck, level: 0)] + loading.map { Item(name: $0.name, level: 1) }
    + interface.map { Item(name: $0.name, level: 2) }
    + [Item(name: contract, level: 3), Item(name: together.name, level: 3)]
    + memory.map { Item(name: $0.name, level: 4) }

  static let staticCheck = "the file is a plugin's"
  static let contract = "the norm keeps the contract of norms"

  /// A check of the library, or of each of its norms: throws what is wrong.
  struct LoadedCheck: Sendable {
    typealias OfLibrary = @Sendable (PluginCheck, PluginFile) throws(NormaError) -> Void
    typealias OfNorm = @Sendable (PluginCheck, PluginNorm, NormRegistry) throws(NormaError) -> Void
    let name: String
    var library: OfLibrary?
    var norm: OfNorm?

    init(_ name: String, library: @escaping OfLibrary) {
      self.name = name
      self.library = library
    }

    init(_ name: String, norm: @escaping OfNorm) {
      self.name = name
      self.norm = norm
    }
  }

  /// Runs one of `items` in this process.
  public func run(_ item: Item, _ report: Report) {
    func tell(_ norm: String, _ body: () throws(NormaError) -> Void) {
      do throws(NormaError) {
        try body()
        report(PluginCheckResult(item.name, level: item.level, norm: norm, .pass))
      } catch {
        let help = error.help.map { ["try: " + $0] } ?? []
        let text = ([error.message] + error.notes + help).joined(separator: "; ")
        report(PluginCheckResult(item.name, level: item.level, norm: norm, .fail, text))
      }
    }
    let checks = Self.loading + Self.interface + [Self.together] + Self.memory
    let check = checks.first { $0.name == item.name }
    do throws(NormaError) {
      let file = try PluginFile(path)
      if item.name == Self.staticCheck { return checkFile(file, report) }
      if let body = check?.library {
        return tell("") { () throws(NormaError) in try body(self, file) }
      }
      let (norms, registry) = try load(file)
      for norm in norms {
        guard let body = check?.norm else {
          checkContract(norm, registry, report)
          continue
        }
        tell(norm.schema.name) { () throws(NormaError) in try body(self, norm, registry) }
      }
    } catch {
      let failure = error
      tell("") { () throws(NormaError) in throw failure }
    }
  }

  /// Loads the library and registers its norms.
  func load(_ file: PluginFile) throws(NormaError) -> ([PluginNorm], NormRegistry) {
    let plugin = try LoadedPlugin(file, host: HostTable(services: Self.services))
    let registry = NormRegistry(plugin.entries)
    return (plugin.entries.compactMap { $0.provider as? PluginNorm }, registry)
  }

  /// Threads as a plugin gets them from Norma: on several workers, in no fixed order.
  static let services = HostServices(parallelFor: HostServices.overThreads)

  /// Throws what does not hold.
  static func expect(_ holds: Bool, _ message: @autoclosure () -> String) throws(NormaError) {
    if !holds { throw NormaError(.gate, message()) }
  }
}
