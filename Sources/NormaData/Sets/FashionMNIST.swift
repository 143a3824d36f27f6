public import NormaCore

/// Fashion-MNIST as Debian packages it: 60,000 + 10,000 grayscale images of 28 × 28 in ten classes.
///
/// Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking", 2017.
public struct FashionMNIST: DataSource {
  /// The names of the ten classes, by label.
  public static let classNames = [
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
  ]

  /// The name in the catalog.
  public let name = "fashion-mnist"
  /// One sentence about the set.
  public let summary = "60,000 + 10,000 grayscale images of clothes, 28 x 28, 10 classes"
  /// No settings.
  public let options: [DataOption] = []
  /// The authors shuffled the files.
  public let isShuffled = true
  private let folder: DataFolder

  /// Makes the source; `folder` is where the package puts the files.
  public init(folder: String = "/usr/share/datasets/fashion-mnist") {
    self.folder = DataFolder(path: folder, name: name)
  }

  /// The package's folder; throws `input_missing` naming the package.
  public func locate() throws(NormaError) -> String {
    guard (try? folder.files(.training)) != nil, (try? folder.files(.test)) != nil else {
      throw NormaError(
        .inputMissing, "data set '\(name)' is not in '\(folder.path)'",
        help: "`apt-get install dataset-fashion-mnist` provides it; "
          + "or give the path of a folder that holds its four files as the data set")
    }
    return folder.path
  }

  /// The number of samples of a part, from the file's header.
  public func supply(_ part: DataPart, spec: DataSpec) throws(NormaError) -> DataSupply {
    _ = try locate()
    return try folder.supply(part, spec: spec)
  }

  /// Reads the first `count` samples, decompressing no more than those.
  public func read(
    _ part: DataPart, first count: Int, spec: DataSpec
  ) throws(NormaError) -> Samples {
    _ = try locate()
    let files = try folder.files(part)
    let images = try folder.images(files, first: count)
    let labels = try folder.labels(files, first: count)
    guard case .bytes(let bytes) = images.storage else {
      throw NormaError(.data, "'\(files.images)' does not hold bytes")
    }
    return try Samples(
      bytes: bytes, shape: images.shape, labels: labels, classCount: 10,
      classNames: FashionMNIST.classNames
    )
  }
}
