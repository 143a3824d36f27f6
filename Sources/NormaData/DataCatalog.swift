internal import Foundation
public import NormaCore

/// The data sets known by name; a path stands for a folder of files, or for a text.
public struct DataCatalog: Sendable {
  /// The registered sources.
  public var sources: [any DataSource]

  /// Makes a catalog; the default holds `fashion-mnist`, `jargon-text`, `spirals` and `shapes`.
  public init(
    sources: [any DataSource] = [FashionMNIST(), TextFile.jargon, Spirals(), Shapes()]
  ) {
    self.sources = sources
  }

  /// The registered names.
  public var names: [String] { sources.map(\.name) }

  /// The source that `name` stands for: a registered one, else a folder, else a text file.
  ///
  /// - Throws: `usage` for an unknown name, with the nearest that exists.
  public func source(_ name: String) throws(NormaError) -> any DataSource {
    if let source = sources.first(where: { $0.name == name }) { return source }
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: name, isDirectory: &isFolder)
    if exists && isFolder.boolValue { return DataFolder(path: name) }
    if exists || !(name as NSString).pathExtension.isEmpty { return TextFile(path: name) }
    if name.contains("/") { return DataFolder(path: name) }
    throw NormaError(
      .usage, "there is no data set '\(name)'\(Suggestion.phrase(for: name, among: names))",
      help: "the sets are \(names.joined(separator: ", ")); "
        + "a folder of IDX or .npy files, or a text, is given by its path, such as ./\(name)")
  }

  /// Loads the training and validation parts that `spec` asks for.
  ///
  /// - Throws: `usage`, `input_missing`, `io` or `data`.
  public func load(_ spec: DataSpec) throws(NormaError) -> DataSplits {
    try DataSplits(spec, from: source(spec.name))
  }

  /// Loads the test part alone, standardised by statistics that were saved with a model; of a text the
  /// last tenth, unless `spec` says how many symbols, numbered by the saved alphabet.
  ///
  /// - Throws: `usage`, `input_missing`, `io` or `data`.
  public func test(
    _ spec: DataSpec, standardization: Standardization?, alphabet: [UInt8]? = nil
  ) throws(NormaError) -> DataSet {
    let source = try source(spec.name)
    if let bytes = try source.text() {
      return try DataSplits.test(text: bytes, spec, alphabet: alphabet)
    }
    guard try source.supply(.test, spec: spec) != .absent else {
      let part = try DataSplits(spec, from: source).test()
      return try DataSet(part.samples, rows: part.rows, standardization: standardization)
    }
    return try DataSplits.test(spec, from: source, standardization: standardization)
  }

  /// What is known about one set on this machine.
  public struct Status: Sendable {
    /// The set's name.
    public let name: String
    /// One sentence about it.
    public let summary: String
    /// Where it is, or nil when it is missing.
    public let location: String?
    /// How to get it, when it is missing.
    public let help: String?
  }

  /// Which sets are found, where, and how to get the missing ones.
  public func status() -> [Status] {
    sources.map { source in
      do throws(NormaError) {
        return Status(
          name: source.name, summary: source.summary, location: try source.locate(), help: nil)
      } catch {
        return Status(
          name: source.name, summary: source.summary, location: nil,
          help: error.help ?? error.message)
      }
    }
  }
}
