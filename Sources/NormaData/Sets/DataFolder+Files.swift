internal import Foundation
internal import NormaCore

extension DataFolder {
  /// The two files of a part.
  struct Files {
    let images: String
    let labels: String
  }

  /// Finds a part's files; throws `input_missing` that names what was looked for.
  func files(_ part: DataPart) throws(NormaError) -> Files {
    guard let entries = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw NormaError(
        .inputMissing, "there is no folder '\(path)' to read data from",
        help: "give the path of a folder that holds \(DataFolder.expected)")
    }
    let prefixes = part == .training ? ["train-"] : ["t10k-", "test-"]
    let pairs: [(String?, String?)] =
      prefixes.map { (idx($0 + "images", in: entries), idx($0 + "labels", in: entries)) }
      + (part == .training
        ? [("x_train.npy", "y_train.npy"), ("images.npy", "labels.npy")]
        : [("x_test.npy", "y_test.npy")])
    var halfFound: NormaError?
    for (images, labels) in pairs {
      let images = images.flatMap { entries.contains($0) ? $0 : nil }
      let labels = labels.flatMap { entries.contains($0) ? $0 : nil }
      if let images, let labels {
        return Files(images: "\(path)/\(images)", labels: "\(path)/\(labels)")
      }
      if let present = images ?? labels {
        halfFound = NormaError(
          .inputMissing,
          "folder '\(path)' holds '\(present)' but not the file of \(images == nil ? "images" : "labels") "
            + "that goes with it",
          help: "images and labels come in pairs: \(DataFolder.expected)")
      }
    }
    throw halfFound
      ?? NormaError(
        .inputMissing, "folder '\(path)' holds no \(part.rawValue) files",
        help: "put \(DataFolder.expected) there")
  }

  private static let expected =
    "train-images-idx3-ubyte and train-labels-idx1-ubyte (.gz or not), "
    + "x_train.npy and y_train.npy, or images.npy and labels.npy"

  /// The IDX file whose name starts with `prefix`; the plain one where both are there.
  private func idx(_ prefix: String, in entries: [String]) -> String? {
    entries.filter { $0.hasPrefix(prefix) && $0.contains("idx") && !$0.hasSuffix(".part") }
      .min { ($0.count, $0) < ($1.count, $1) }
  }

  /// Whether there are test files; a lone half of a pair counts, so that it is reported, not ignored.
  func hasTest() -> Bool {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return entries.contains { $0.hasPrefix("t10k-") || $0.hasPrefix("test-") }
      || entries.contains("x_test.npy") || entries.contains("y_test.npy")
  }
}
