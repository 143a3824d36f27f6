internal import NormaCore

extension DataFolder {
  /// Values and sample shape of the first `count` images or vectors.
  func images(
    _ files: Files, first count: Int
  ) throws(NormaError) -> (storage: Samples.Storage, shape: [Int]) {
    guard files.images.hasSuffix(".npy") else {
      let file = try IDX(files.images)
      let shape = try sampleShape(file.shape, files.images)
      return (.bytes(try file.read(first: count)), shape)
    }
    let file = try NPYFile(files.images)
    let shape = try sampleShape(file.shape, files.images)
    let array = try file.read(first: count)
    if case .uint8(let bytes) = array.values { return (.bytes(bytes), shape) }
    let values = array.floats
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw NormaError(
        .data, "'\(files.images)' holds \(values[bad]) at element \(bad), expected finite numbers")
    }
    return (.floats(values), shape)
  }

  private func sampleShape(_ shape: [Int], _ file: String) throws(NormaError) -> [Int] {
    guard (2...4).contains(shape.count), shape.allSatisfy({ $0 > 0 }) else {
      throw NormaError(
        .data, "'\(file)' has the shape \(shape), which is no set of samples",
        help: "use [count, features], [count, height, width] or [count, height, width, channels]")
    }
    return Array(shape.dropFirst()) + (shape.count == 3 ? [1] : [])
  }

  /// The first `count` labels, or all; throws `data` when there is not one an image.
  func labels(_ files: Files, first count: Int?) throws(NormaError) -> [Int32] {
    let images = try itemCount(files.images)
    guard !files.labels.hasSuffix(".npy") else { return try arrayLabels(files, images, count) }
    let file = try IDX(files.labels)
    try checkLabels(file.shape, files, images)
    return try file.read(first: count ?? images).map { Int32($0) }
  }

  /// The size of axis 0, from the header.
  func itemCount(_ path: String) throws(NormaError) -> Int {
    guard !path.hasSuffix(".npy") else {
      let file = try NPYFile(path)
      return file.shape.first ?? 0
    }
    let file = try IDX(path)
    return file.shape[0]
  }

  private func arrayLabels(
    _ files: Files, _ images: Int, _ count: Int?
  ) throws(NormaError) -> [Int32] {
    let file = try NPYFile(files.labels)
    try checkLabels(file.shape, files, images)
    let array = try file.read(first: count)
    guard let integers = array.integers else {
      throw NormaError(
        .data, "'\(files.labels)' holds labels of type \(array.dtype), expected integers",
        help: "save them with array.astype('int32')")
    }
    if let bad = integers.firstIndex(where: { $0 < 0 || $0 > 1_000_000 }) {
      throw NormaError(
        .data, "'\(files.labels)' holds the label \(integers[bad]) at sample \(bad)",
        help: "number the classes from 0")
    }
    return integers.map { Int32(truncatingIfNeeded: $0) }
  }

  private func checkLabels(
    _ shape: [Int], _ files: Files, _ images: Int
  ) throws(NormaError) {
    guard shape == [images] else {
      throw NormaError(
        .data,
        "'\(files.labels)' has the shape \(shape), expected [\(images)]: one label for each of the "
          + "samples in '\(files.images)'")
    }
  }
}
