public import NormaCore

/// Labelled samples in memory, channels-last, as they came from files or a generator.
///
/// Bytes are kept as bytes (a quarter of the memory) and count as value / 255.
public struct Samples: Sendable {
  enum Storage: Sendable {
    case bytes([UInt8])
    case floats([Float])
  }

  /// The shape of one sample: `[height, width, channels]`, or `[features]` for vectors.
  public let shape: [Int]
  /// The class of each sample, in `0..<classCount`.
  public let labels: [Int32]
  /// The number of classes.
  public let classCount: Int
  /// The names of the classes, where they are known.
  public let classNames: [String]?
  /// The bytes that the symbols of a text stand for, each stored as its place here; nil for other samples.
  public let alphabet: [UInt8]?
  let storage: Storage

  /// Makes samples of bytes; throws `data` when the sizes disagree or a label is out of range.
  public init(
    bytes: [UInt8], shape: [Int], labels: [Int32], classCount: Int, classNames: [String]? = nil
  ) throws(NormaError) {
    try self.init(.bytes(bytes), bytes.count, shape, labels, classCount, classNames)
  }

  /// Makes samples of floats; throws `data` when the sizes disagree or a label is out of range.
  public init(
    floats: [Float], shape: [Int], labels: [Int32], classCount: Int, classNames: [String]? = nil
  ) throws(NormaError) {
    try self.init(.floats(floats), floats.count, shape, labels, classCount, classNames)
  }

  private init(
    _ storage: Storage, _ stored: Int, _ shape: [Int], _ labels: [Int32], _ classCount: Int,
    _ classNames: [String]?
  ) throws(NormaError) {
    guard !shape.isEmpty, let size = shape.elementCount, size > 0 else {
      throw NormaError(.data, "samples of the shape \(shape) hold no values")
    }
    guard labels.count <= Int32.max else {
      throw NormaError(.data, "\(labels.count) samples are more than can be numbered")
    }
    guard let expected = [labels.count, size].elementCount, expected == stored else {
      throw NormaError(
        .data,
        "\(stored) values do not make \(labels.count) labelled samples of the shape \(shape)")
    }
    if let index = labels.firstIndex(where: { $0 < 0 || Int($0) >= classCount }) {
      throw NormaError(
        .data, "sample \(index) has the label \(labels[index]), expected 0 to \(classCount - 1)",
        help: "number the classes from 0")
    }
    self.shape = shape
    self.labels = labels
    self.classCount = classCount
    self.classNames = classNames
    self.storage = storage
    alphabet = nil
  }

  /// A text: its bytes as symbols, numbered by the alphabet, or by the bytes that occur where it is nil.
  ///
  /// - Throws: `data` for a byte that is not in the alphabet, with its place.
  public init(text: [UInt8], alphabet given: [UInt8]? = nil) throws(NormaError) {
    var places = [UInt8?](repeating: nil, count: 256)
    var occurs = [Bool](repeating: false, count: 256)
    for byte in text { occurs[Int(byte)] = true }
    let alphabet = given ?? (0...255).filter { occurs[Int($0)] }
    for (place, byte) in alphabet.prefix(256).enumerated() {
      places[Int(byte)] = UInt8(truncatingIfNeeded: place)
    }
    var codes = text
    for i in codes.indices {
      guard let place = places[Int(text[i])] else {
        throw NormaError(
          .data,
          "byte \(text[i]) at position \(i) is not among the \(alphabet.count) symbols that the"
            + " model was trained on",
          help: "use a text of the same characters")
      }
      codes[i] = place
    }
    shape = [1]
    labels = []
    classCount = alphabet.count
    classNames = nil
    self.alphabet = alphabet
    storage = .bytes(codes)
  }

  /// The number of samples.
  public var count: Int { labels.count }
  /// The number of values in one sample.
  public var size: Int { shape.reduce(1, *) }
  /// Whether samples are vectors of features rather than images.
  public var isVectors: Bool { shape.count == 1 }
}
