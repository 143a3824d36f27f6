public import NormaCore

/// A stretch of a text and the windows it is cut into; a window's labels are the symbols that follow.
struct TextPart: Sendable {
  /// Which symbols of the text.
  let range: Range<Int>
  /// Whether a window begins at every symbol, as training draws them, rather than where the one before
  /// ends.
  let overlaps: Bool
  /// What the part is for, in messages.
  let name: String
  /// Symbols of a window.
  var tokens = 1

  /// Windows side by side; each needs one symbol more, the label of its last.
  var sideBySide: Int { max(0, (range.count - 1) / tokens) }
  var count: Int { overlaps ? max(0, range.count - tokens) : sideBySide }

  func fill(
    _ codes: [UInt8], window: Int, into batch: UnsafeMutablePointer<Float>,
    labels: UnsafeMutablePointer<Int32>
  ) {
    let start = range.lowerBound + (overlaps ? window : window * tokens)
    codes.withUnsafeBufferPointer { codes in
      for i in 0..<tokens {
        batch[i] = Float(codes[start + i])
        labels[i] = Int32(codes[start + i + 1])
      }
    }
  }
}

extension DataSet {
  /// Whether samples are windows of a text.
  public var isText: Bool { text != nil }
  /// How much there is: samples, or the symbols of a text.
  public var extent: Int { text?.range.count ?? count }
  /// What `extent` counts: `samples` or `symbols`.
  public var unit: String { isText ? "symbols" : "samples" }
  /// How many samples make an epoch: all, or as many windows as cover the text once.
  public var samplesPerEpoch: Int { text?.sideBySide ?? count }

  /// The same text in windows of so many symbols; other data as they are.
  ///
  /// - Throws: `data` when the part is too short for one window.
  public func windows(of tokens: Int) throws(NormaError) -> DataSet {
    guard var text, !text.range.isEmpty else { return self }
    guard tokens >= 1, text.range.count > tokens else {
      throw NormaError(
        .data,
        "the \(text.name) part has \(text.range.count) symbols, a window of \(tokens) tokens needs"
          + " \(tokens + 1)",
        help: "use a longer text or fewer tokens")
    }
    text.tokens = tokens
    return DataSet(samples, text: text)
  }
}

extension DataSplits {
  /// The same parts of a text in windows of so many symbols; other data as they are.
  ///
  /// - Throws: `data` when a part is too short for one window.
  public func windows(of tokens: Int) throws(NormaError) -> DataSplits {
    guard train.isText else { return self }
    return DataSplits(
      spec: spec, source: source, train: try train.windows(of: tokens),
      validate: try validate.windows(of: tokens), heldOut: try heldOut?.windows(of: tokens))
  }

  /// A text split by position: training first, then validation, then test.
  init(
    text bytes: [UInt8], _ spec: DataSpec, from source: any DataSource
  ) throws(NormaError) {
    let samples = try Samples(text: bytes)
    let validate = spec.validate ?? bytes.count / 10
    let test = spec.test ?? 0
    let train =
      spec.train ?? max(0, bytes.count - min(max(validate, 0), bytes.count) - max(test, 0))
    for (word, count, least) in [
      ("train", train, 2), ("validate", validate, 0), ("test", test, 0),
    ] where count < least || count > bytes.count {
      throw NormaError(
        .usage, "data set '\(spec.name)': \(word) = \(count) symbols of \(bytes.count)",
        help: "use a number from \(least) to \(bytes.count)")
    }
    guard train + validate + test <= bytes.count else {
      throw NormaError(
        .usage,
        "data set '\(spec.name)' has \(bytes.count) symbols, train = \(train), validate ="
          + " \(validate)" + (test > 0 ? ", test = \(test)" : "") + " ask for more",
        help: "ask for \(bytes.count) or fewer together")
    }
    // Validation and test lie at the end, so that more training moves neither.
    let end = bytes.count - test
    func part(_ range: Range<Int>, _ name: String) -> DataSet {
      DataSet(samples, text: TextPart(range: range, overlaps: name == "training", name: name))
    }
    self.init(
      spec: spec, source: source, train: part(0..<train, "training"),
      validate: part((end - validate)..<end, "validation"),
      heldOut: part(end..<bytes.count, "test"))
  }

  /// The end of a text as the test part: what `test` asks for, else the last tenth.
  static func test(
    text bytes: [UInt8], _ spec: DataSpec, alphabet: [UInt8]?
  ) throws(NormaError) -> DataSet {
    let count = spec.test ?? bytes.count / 10
    guard (1...bytes.count).contains(count) || spec.test == nil else {
      throw NormaError(
        .usage, "data set '\(spec.name)': test = \(count) symbols of \(bytes.count)",
        help: "use a number from 1 to \(bytes.count)")
    }
    return DataSet(
      try Samples(text: bytes, alphabet: alphabet),
      text: TextPart(
        range: (bytes.count - count)..<bytes.count, overlaps: false, name: "test"))
  }
}
