public import NormaCore

/// Where a data set's samples come from: files or a generator.
public protocol DataSource: Sendable {
  /// The name in the catalog.
  var name: String { get }
  /// One sentence about the set.
  var summary: String { get }
  /// The settings it takes.
  var options: [DataOption] { get }
  /// Whether any first n samples are a fair draw, so that the others need not be read.
  var isShuffled: Bool { get }

  /// Where the set is; throws `input_missing` that says what would provide it.
  func locate() throws(NormaError) -> String
  /// How many samples a part has, read from file headers only.
  func supply(_ part: DataPart, spec: DataSpec) throws(NormaError) -> DataSupply
  /// Reads or makes the first `count` samples of a part.
  func read(_ part: DataPart, first count: Int, spec: DataSpec) throws(NormaError) -> Samples
  /// The bytes of a set that is one text, to be split by position; nil for sets of samples.
  func text() throws(NormaError) -> [UInt8]?
}

extension DataSource {
  /// Sets hold samples unless they say otherwise.
  public func text() throws(NormaError) -> [UInt8]? { nil }
}

/// The two parts that sources distinguish; validation is drawn from the first.
public enum DataPart: String, Sendable {
  /// The samples to train and validate on.
  case training
  /// The samples set apart for the final measurement.
  case test
}

/// How many samples a source has of a part.
public enum DataSupply: Sendable, Hashable {
  /// The source has no such part.
  case absent
  /// That many samples.
  case count(Int)
  /// As many as asked for; `usual` when nothing is asked.
  case unlimited(usual: Int)
}

/// A setting of a generated set.
public struct DataOption: Sendable, Hashable {
  /// The word used in scripts.
  public let name: String
  /// The value when none is given.
  public let initial: Double
  /// The values allowed.
  public let range: ClosedRange<Double>
  /// Whether only whole numbers are allowed.
  public let isInteger: Bool
  /// One phrase about it.
  public let doc: String

  /// Makes a setting.
  public init(
    _ name: String, _ initial: Double, in range: ClosedRange<Double>, isInteger: Bool = false,
    _ doc: String
  ) {
    self.name = name
    self.initial = initial
    self.range = range
    self.isInteger = isInteger
    self.doc = doc
  }
}

extension DataSource {
  /// Checks the settings of `spec`; throws `usage` for an unknown name or a value out of range.
  func checkOptions(_ spec: DataSpec) throws(NormaError) {
    for (word, value) in spec.options.sorted(by: { $0.key < $1.key }) {
      guard let option = options.first(where: { $0.name == word }) else {
        let names = options.map(\.name)
        throw NormaError(
          .usage,
          "data set '\(name)' has no option '\(word)'\(Suggestion.phrase(for: word, among: names))",
          help: names.isEmpty
            ? "it takes train, validate, test, seed and standardize only"
            : "its options are \(names.joined(separator: ", "))")
      }
      let isWhole = value.rounded() == value
      guard option.range.contains(value), isWhole || !option.isInteger else {
        throw NormaError(
          .usage, "option '\(word)' of data set '\(name)' is \(value.plain)",
          help: "use \(option.isInteger ? "a whole number" : "a number") from "
            + "\(option.range.lowerBound.plain) to \(option.range.upperBound.plain)")
      }
    }
  }

  /// The value of a setting, given or initial.
  func value(_ word: String, _ spec: DataSpec) -> Double {
    spec.options[word] ?? options.first { $0.name == word }?.initial ?? 0
  }
}

extension Double {
  /// The number without a trailing `.0`.
  fileprivate var plain: String {
    rounded() == self && abs(self) < 1e15 ? "\(Int(self))" : "\(self)"
  }
}
