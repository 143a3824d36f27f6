/// The shape of a tensor and which of its axes form the channel role.
///
/// Axis 0 is the batch unless it is a channel axis (then there is no batch role); every other axis is
/// space. Elements are addressed by `strides`, counted in elements; the default is C order.
public struct TensorLayout: Hashable, Sendable {
  /// Sizes of the axes; rank 1 to 8; an axis may be empty.
  public let shape: [Int]
  /// The axes that form the channel role, ascending, each in `0..<rank`.
  public let channelAxes: [Int]
  /// Distance between neighbours along each axis, in elements.
  public let strides: [Int]

  /// Makes a layout.
  ///
  /// - Parameters:
  ///   - axis: the channel axes; negative ones count from the end.
  ///   - strides: element strides, or nil for C order.
  /// - Throws: `usage` when an axis does not exist or is listed twice, or the rank is not 1 to 8.
  public init(shape: [Int], axis: [Int] = [-1], strides: [Int]? = nil) throws(NormaError) {
    guard (1...8).contains(shape.count) else {
      throw NormaError(
        .usage, "a tensor of rank \(shape.count) cannot be normalized",
        help: "give an array with 1 to 8 axes")
    }
    guard shape.allSatisfy({ $0 >= 0 }) else {
      throw NormaError(.usage, "shape \(shape) has a negative size")
    }
    guard !axis.isEmpty else {
      throw NormaError(.usage, "no channel axis given", help: "the default is axis -1, the last")
    }
    var axes: [Int] = []
    for a in axis {
      let resolved = a < 0 ? a + shape.count : a
      guard shape.indices.contains(resolved) else {
        throw NormaError(
          .usage, "axis \(a) does not exist in shape \(shape)",
          help: "axes run from \(-shape.count) to \(shape.count - 1)")
      }
      guard !axes.contains(resolved) else {
        throw NormaError(.usage, "axis \(a) is listed twice for shape \(shape)")
      }
      axes.append(resolved)
    }
    if let strides, strides.count != shape.count {
      throw NormaError(.usage, "\(strides.count) strides given for shape \(shape)")
    }
    self.shape = shape
    self.channelAxes = axes.sorted()
    self.strides = strides ?? TensorLayout.contiguousStrides(shape)
  }

  /// The strides of C order.
  public static func contiguousStrides(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for i in stride(from: shape.count - 2, through: 0, by: -1) {
      strides[i] = strides[i + 1] * shape[i + 1]
    }
    return strides
  }

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }
  /// The elements as (outer, channels, inner) where the channel axes stand together in C order; else all of
  /// them as one channel.
  package var channelExtent: (outer: Int, channels: Int, inner: Int) {
    let (first, last) = (channelAxes[0], channelAxes[channelAxes.count - 1])
    guard last - first + 1 == channelAxes.count else { return (1, 1, count) }
    return (
      shape[..<first].reduce(1, *), shape[first...last].reduce(1, *),
      shape[(last + 1)...].reduce(1, *)
    )
  }
  /// Whether axis 0 is the batch.
  public var hasBatch: Bool { !channelAxes.contains(0) }
  /// The number of samples; 1 when there is no batch role.
  public var batchCount: Int { hasBatch ? shape[0] : 1 }
  /// The sizes of the channel axes: the shape of a per-channel parameter.
  public var channelShape: [Int] { channelAxes.map { shape[$0] } }
  /// The number of channels.
  public var channelCount: Int { channelShape.reduce(1, *) }
  /// The axes that are neither batch nor channel.
  public var spaceAxes: [Int] {
    shape.indices.filter { !channelAxes.contains($0) && !($0 == 0 && hasBatch) }
  }
  /// The number of positions in space.
  public var spaceCount: Int { spaceAxes.map { shape[$0] }.reduce(1, *) }
  /// The shape of an input that varies along some roles: the axes of the batch, of space and of the
  /// channels, in this order; along all of them the tensor's own.
  public func shape(along roles: RoleSet) -> [Int] {
    if roles == .all { return shape }
    var sizes: [Int] = []
    if roles.contains(.batch), hasBatch { sizes.append(shape[0]) }
    if roles.contains(.space) { sizes += spaceAxes.map { shape[$0] } }
    if roles.contains(.channel) { sizes += channelShape }
    return sizes
  }
  /// Whether the strides are those of C order.
  public var isContiguous: Bool {
    count == 0
      || zip(zip(strides, TensorLayout.contiguousStrides(shape)), shape).allSatisfy {
        $0.0 == $0.1 || $1 == 1
      }
  }
}
