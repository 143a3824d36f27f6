internal import Foundation
public import NormaCore

/// Points of the plane on interleaved spiral arms, one arm a class; made by the program.
public struct Spirals: DataSource {
  /// The name in the catalog.
  public let name = "spirals"
  /// One sentence about the set.
  public let summary = "generated: points of the plane on spiral arms, one arm a class"
  /// The settings.
  public let options = [
    DataOption("classes", 3, in: 2...100, isInteger: true, "number of arms"),
    DataOption("turns", 0.75, in: 0...10, "turns of an arm from the centre outwards"),
    DataOption("noise", 0.03, in: 0...10, "deviation added to each coordinate"),
  ]
  /// Samples do not depend on each other.
  public let isShuffled = true

  /// Makes the source.
  public init() {}

  /// Always there.
  public func locate() -> String { "generated" }

  /// As many as asked for.
  public func supply(_ part: DataPart, spec: DataSpec) -> DataSupply {
    .unlimited(usual: part == .training ? 3000 : 1000)
  }

  /// Makes the first `count` points; point i depends only on the seed, the part and i.
  public func read(
    _ part: DataPart, first count: Int, spec: DataSpec
  ) throws(NormaError) -> Samples {
    let classes = Int(value("classes", spec))
    let turns = value("turns", spec)
    let noise = value("noise", spec)
    var random = RandomSource(seed: spec.seed, purpose: "spirals.\(part.rawValue)")
    var points: [Float] = []
    points.reserveCapacity(2 * count)
    for i in 0..<count {
      let radius = random.uniform().squareRoot()
      let angle = 2 * Double.pi * (Double(i % classes) / Double(classes) + turns * radius)
      points.append(Float(radius * cos(angle) + noise * random.normal()))
      points.append(Float(radius * sin(angle) + noise * random.normal()))
    }
    return try Samples(
      floats: points, shape: [2], labels: (0..<count).map { Int32($0 % classes) },
      classCount: classes)
  }
}
