public import NormaCore

/// A folder of IDX files, gzipped or not, or of `.npy` pairs.
///
/// IDX: `train-images-idx3-ubyte[.gz]`, `train-labels-idx1-ubyte[.gz]` and the same with `t10k-`.
/// NumPy: `x_train.npy`, `y_train.npy`, `x_test.npy`, `y_test.npy`, or `images.npy`, `labels.npy`.
/// Images are `[count, height, width]` or channels-last with one more axis; vectors `[count, features]`.
public struct DataFolder: DataSource {
  /// The path as the user gave it.
  public let path: String
  /// The name in messages: the path, unless another is given.
  public let name: String
  /// One sentence about the set.
  public let summary = "a folder of IDX or .npy files"
  /// No settings.
  public let options: [DataOption] = []
  /// Files may be sorted by class, so that draws are made from all of them.
  public let isShuffled = false

  /// Makes the source without touching the disk.
  public init(path: String, name: String? = nil) {
    self.path = path
    self.name = name ?? path
  }

  /// The folder; throws `input_missing` when it does not exist or holds no training files.
  public func locate() throws(NormaError) -> String {
    _ = try files(.training)
    return path
  }

  /// The number of samples of a part, from the file's header.
  public func supply(_ part: DataPart, spec: DataSpec) throws(NormaError) -> DataSupply {
    guard part == .training || hasTest() else { return .absent }
    return .count(try itemCount(files(part).images))
  }

  /// Reads the first `count` samples; classes are counted over the labels of both parts.
  public func read(
    _ part: DataPart, first count: Int, spec: DataSpec
  ) throws(NormaError) -> Samples {
    let files = try files(part)
    var highest = try labels(files, first: nil).max() ?? 0
    let other: DataPart = part == .training ? .test : .training
    if let files = try? self.files(other) {
      highest = max(highest, try labels(files, first: nil).max() ?? 0)
    }
    let labels = try labels(files, first: count)
    let images = try images(files, first: count)
    let classes = Int(highest) + 1
    switch images.storage {
    case .bytes(let bytes):
      return try Samples(bytes: bytes, shape: images.shape, labels: labels, classCount: classes)
    case .floats(let floats):
      return try Samples(floats: floats, shape: images.shape, labels: labels, classCount: classes)
    }
  }
}
