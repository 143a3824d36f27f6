import NormaCore
import NormaGraph
import NormaNorms

/// A tensor that the kit tries: its layout and how its values are drawn.
struct CheckCase: Sendable {
  /// How the values of `x` are drawn.
  enum Values: String {
    case normal = "0.5 + 1.5 N(0,1)"
    case constant = "12345.678"
    case zero = "0"
    case constantRows = "a constant for each sample"
    case largeMean = "1e6 + N(0,1)"
    case huge = "1e18 N(0,1)"
    case outlier = "N(0,1), one value 1e10"

    /// Whether the values differ by little beside their size: a parameter that shifts them leaves a sum
    /// of terms that cancel.
    var hardlyVaries: Bool {
      switch self {
      case .constant, .zero, .constantRows, .largeMean: true
      case .normal, .huge, .outlier: false
      }
    }
  }

  var layout: TensorLayout
  var values = Values.normal
  /// Whether a norm may refuse the shape: too few values for some statistic.
  var mayBeRefused = false
  /// How many floats the tensors lie off 64-byte alignment.
  var shift = 0

  func description(_ mode: Mode) -> String {
    var text = "shape \(layout.shape), channel axes \(layout.channelAxes)"
    if !layout.isContiguous { text += ", strides \(layout.strides)" }
    if shift != 0 { text += ", \(4 * shift) bytes off alignment" }
    return text + ", x = \(values.rawValue), \(mode.rawValue)"
  }

  /// The input's values.
  func draw(_ random: inout RandomSource) -> [Float] {
    let count = layout.count
    switch values {
    case .normal: return (0..<count).map { _ in Float(0.5 + 1.5 * random.normal()) }
    case .constant: return [Float](repeating: 12345.678, count: count)
    case .zero: return [Float](repeating: 0, count: count)
    case .constantRows:
      let row = max(count / max(layout.shape[0], 1), 1)
      let levels = (0..<max(layout.shape[0], 1)).map { _ in Float(random.normal()) }
      return (0..<count).map { levels[$0 / row] }
    case .largeMean: return (0..<count).map { _ in Float(1e6 + random.normal()) }
    case .huge: return (0..<count).map { _ in Float(1e18 * random.normal()) }
    case .outlier:
      var values = (0..<count).map { _ in Float(random.normal()) }
      if !values.isEmpty { values[count / 2] = 1e10 }
      return values
    }
  }
}

/// The channel counts that suit a norm, found by asking it.
struct ChannelCounts {
  /// Small and odd where possible.
  let small: Int
  /// Two factors of a count that suits.
  let pair: [Int]
  /// Above the width of vector registers, and not a multiple of them where possible.
  let wide: Int
  /// How many samples a part of the batch has, where the norm takes it apart.
  private var chunk = 1
  /// The first count on which the norm's own script failed, and how.
  private(set) var failure: (channels: Int, message: String)?

  /// Finds counts for which a layer can be built.
  ///
  /// - Throws: why the norm refuses every one of them.
  init(_ spec: NormSpec, in registry: NormRegistry) throws(NormaError) {
    var accepted: [Int] = []
    var degenerate: [Int] = []
    var refusal: NormaError?
    for channels in 3...128 {
      do throws(NormaError) {
        let layer = try NormLayer(spec, in: registry, channelShape: [channels])
        let splits = try layer.entry.provider.splits(layer.hyper, channels: channels)
        chunk = splits.chunkSize ?? 1
        // Two values a group are normalized to ±1 whatever they are: the gradient is rounding alone. One
        // says nothing of groups.
        if let groups = splits.groups, groups > 1, channels / groups <= 2 {
          degenerate.append(channels)
        } else {
          accepted.append(channels)
        }
      } catch {
        refusal = error
        if error.code == .script, failure == nil { failure = (channels, error.message) }
      }
    }
    if accepted.isEmpty { accepted = degenerate }
    guard let first = accepted.first, let last = accepted.last else {
      throw refusal ?? NormaError(.gate, "\(spec.name) accepts no channel count from 3 to 128")
    }
    // 7, 5, 3 and 2 are sizes of other axes.
    small =
      accepted.first { ![7, 5, 3, 2].contains($0) && $0 % 2 == 1 && $0 < 16 }
      ?? accepted.first { ![7, 5, 3, 2].contains($0) } ?? first
    let divisible = accepted.first { c in (3..<c).contains { c % $0 == 0 && $0 * $0 != c } } ?? last
    let factor = (3..<max(divisible, 4)).first { divisible % $0 == 0 && $0 * $0 != divisible } ?? 1
    pair = [factor, divisible / factor]
    wide = accepted.first { $0 > 32 && $0 % 4 != 0 } ?? accepted.first { $0 > 32 } ?? last
  }

  /// A layout of a shape, with samples enough for whole parts of the batch: several, but for one sample.
  func layout(
    _ shape: [Int], _ axis: [Int], strides: [Int]? = nil
  ) throws(NormaError) -> TensorLayout {
    var shape = shape
    if chunk > 1, !axis.contains(0), shape[0] > 0 {
      shape[0] = chunk * (shape[0] == 1 ? 1 : max(2, (shape[0] + chunk - 1) / chunk))
    }
    guard let strides else { return try TensorLayout(shape: shape, axis: axis) }
    return try TensorLayout(shape: shape, axis: axis, strides: strides)
  }
}

extension CheckCase {
  /// Ordinary tensors of rank 2 to 5, channels last, second and over several axes.
  static func ordinary(_ c: ChannelCounts) throws(NormaError) -> [CheckCase] {
    var cases: [CheckCase] = []
    func add(_ shape: [Int], _ axis: [Int], mayBeRefused: Bool = false) throws(NormaError) {
      cases.append(
        CheckCase(
          layout: try c.layout(shape, axis), mayBeRefused: mayBeRefused))
    }
    try add([7, c.small], [-1], mayBeRefused: true)
    try add([7, 5, c.small], [-1])
    try add([7, c.small, 5], [1])
    try add([5, 7, 3, c.small], [-1])
    try add([5, c.small, 7, 3], [1])
    try add([3, 2, 5, 7, c.small], [-1])
    try add([3, c.small, 2, 5, 7], [1])
    try add([3, 37, c.wide], [-1])
    try add([3, c.wide, 37], [1])
    try add([5, c.pair[0], 7, c.pair[1]], [1, 3], mayBeRefused: true)
    try add([5, 7] + c.pair, [-2, -1], mayBeRefused: true)
    return cases
  }

  /// Tensors with too little in them for some norm.
  static func degenerate(_ c: ChannelCounts) throws(NormaError) -> [CheckCase] {
    var cases: [CheckCase] = []
    for (shape, axis) in [
      ([1, 5, c.small], [-1]), ([1, c.small, 5], [1]), ([1, c.small], [-1]), ([c.small], [0]),
      (c.pair, [0, 1]), ([7, 1, 1, c.small], [-1]),
    ] {
      cases.append(
        CheckCase(layout: try c.layout(shape, axis), mayBeRefused: true))
    }
    return cases
  }

  /// Values on which float32 sums go wrong.
  static func hard(_ c: ChannelCounts) throws(NormaError) -> [CheckCase] {
    var cases: [CheckCase] = []
    for (shape, axis) in [([7, 5, c.small], [-1]), ([3, c.wide, 37], [1])] {
      let layout = try c.layout(shape, axis)
      for values in [Values.constant, .zero, .constantRows, .largeMean, .huge, .outlier] {
        cases.append(CheckCase(layout: layout, values: values))
      }
    }
    return cases
  }

  /// The same tensors with other strides: rows apart, and the axes stored in another order.
  static func strided(_ c: ChannelCounts) throws(NormaError) -> [CheckCase] {
    var cases: [CheckCase] = []
    func add(_ shape: [Int], _ axis: [Int], _ strides: [Int]) throws(NormaError) {
      let layout = try c.layout(shape, axis, strides: strides)
      cases.append(CheckCase(layout: layout, mayBeRefused: true))
    }
    let n = c.small
    try add([7, 5, n], [-1], [5 * (n + 3), n + 3, 1])
    try add([7, 5, n], [-1], [10 * n + 4, 2 * n, 2])
    try add([7, 5, n], [-1], [5 * n, 1, 5])
    try add([7, n, 5], [1], [5 * n, 1, n])
    try add([5, n, 7, 3], [1], [n * 30, 30, 4, 1])
    return cases
  }

  /// Tensors that do not begin at a multiple of 64 bytes.
  static func misaligned(_ c: ChannelCounts) throws(NormaError) -> [CheckCase] {
    var cases = try ordinary(c)[3...4].map { $0 }
    for index in cases.indices { cases[index].shift = index + 1 }
    return cases
  }

  /// Tensors large enough to be shared out among threads.
  static func large(_ c: ChannelCounts) throws(NormaError) -> [CheckCase] {
    [
      CheckCase(layout: try c.layout([29, 13, 17, c.wide], [-1])),
      CheckCase(layout: try c.layout([29, c.wide, 13, 17], [1])),
      CheckCase(layout: try c.layout([1021, c.wide], [-1]), mayBeRefused: true),
    ]
  }
}
