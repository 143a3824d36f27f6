internal import Foundation
public import NormaCore

/// Any file as a text: its bytes are the symbols. Compressed files (`.gz`) are read decompressed.
public struct TextFile: DataSource {
  /// The path as the user gave it.
  public let path: String
  /// The name in messages: the path, unless another is given.
  public let name: String
  /// One sentence about it.
  public let summary: String
  /// No settings.
  public let options: [DataOption] = []
  /// A text is split by position, so nothing is drawn.
  public let isShuffled = true
  private let remedy: String?

  /// Makes the source without touching the disk; `remedy` says how to get the file.
  public init(
    path: String, name: String? = nil, summary: String = "a text file", remedy: String? = nil
  ) {
    self.path = path
    self.name = name ?? path
    self.summary = summary
    self.remedy = remedy
  }

  /// The Jargon File as Debian packages it: 1.7 MB of English.
  public static let jargon = TextFile(
    path: "/usr/share/doc/jargon-text/jargon.txt.gz", name: "jargon-text",
    summary: "the Jargon File, 1.7 million characters of English",
    remedy: "`apt-get install jargon-text` provides it; "
      + "or give the path of any text file as the data set")

  /// The file; throws `input_missing` when it does not exist.
  public func locate() throws(NormaError) -> String {
    guard FileManager.default.fileExists(atPath: path) else {
      throw NormaError(
        .inputMissing,
        remedy == nil ? "there is no file '\(path)'" : "data set '\(name)' is not in '\(path)'",
        help: remedy ?? "check the path")
    }
    return path
  }

  /// The bytes; throws `data` when there are none or too many.
  public func text() throws(NormaError) -> [UInt8]? {
    let file = try InputFile(try locate())
    guard let bytes = try file.rest(atMost: TextFile.most) else {
      throw NormaError(
        .data, "'\(path)' is longer than \(TextFile.most >> 20) MiB", help: "use a part of it")
    }
    guard !bytes.isEmpty else {
      throw NormaError(.data, "'\(path)' is empty", help: "give a file with text in it")
    }
    return bytes
  }

  /// More would not fit in memory with what a run needs besides.
  private static let most = 1 << 30

  /// The number of symbols; a text has no test files.
  public func supply(_ part: DataPart, spec: DataSpec) throws(NormaError) -> DataSupply {
    part == .test ? .absent : .count(try text()?.count ?? 0)
  }

  /// The whole text, in windows of one symbol.
  public func read(
    _ part: DataPart, first count: Int, spec: DataSpec
  ) throws(NormaError) -> Samples {
    try Samples(text: try text() ?? [])
  }
}
