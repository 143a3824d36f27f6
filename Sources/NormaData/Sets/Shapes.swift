internal import Foundation
public import NormaCore

/// Small grayscale images of one drawn figure each, at random place, size and brightness with noise.
public struct Shapes: DataSource {
  /// The figures, by label.
  public static let classNames = ["circle", "square", "triangle", "cross", "ring", "diamond"]

  /// The name in the catalog.
  public let name = "shapes"
  /// One sentence about the set.
  public let summary = "generated: grayscale images of circles, squares, triangles, crosses, ..."
  /// The settings.
  public let options = [
    DataOption("classes", 4, in: 2...6, isInteger: true, "how many of the six figures"),
    DataOption("size", 28, in: 8...256, isInteger: true, "width and height in pixels"),
    DataOption("noise", 0.1, in: 0...1, "deviation of the noise; 1 is the brightest pixel"),
  ]
  /// Samples do not depend on each other.
  public let isShuffled = true

  /// Makes the source.
  public init() {}

  /// Always there.
  public func locate() -> String { "generated" }

  /// As many as asked for.
  public func supply(_ part: DataPart, spec: DataSpec) -> DataSupply {
    .unlimited(usual: part == .training ? 4000 : 1000)
  }

  /// Draws the first `count` images; image i depends only on the seed, the part and i.
  public func read(
    _ part: DataPart, first count: Int, spec: DataSpec
  ) throws(NormaError) -> Samples {
    let classes = Int(value("classes", spec))
    let side = Int(value("size", spec))
    let noise = Float(value("noise", spec))
    guard let bytes = [count, side, side].elementCount, bytes < 1 << 34 else {
      throw NormaError(
        .usage, "\(count) images of \(side) x \(side) pixels do not fit in memory",
        help: "ask for fewer or smaller images")
    }
    var random = RandomSource(seed: spec.seed, purpose: "shapes.\(part.rawValue)")
    let pixels = [UInt8](unsafeUninitializedCapacity: bytes) { buffer, initialized in
      for i in 0..<count {
        let image = UnsafeMutableBufferPointer(
          rebasing: buffer[(i * side * side)..<((i + 1) * side * side)])
        Shapes.draw(i % classes, side: side, noise: noise, random: &random, into: image)
      }
      initialized = bytes
    }
    return try Samples(
      bytes: pixels, shape: [side, side, 1], labels: (0..<count).map { Int32($0 % classes) },
      classCount: classes, classNames: Array(Shapes.classNames[..<classes]))
  }

  private static func draw(
    _ figure: Int, side: Int, noise: Float, random: inout RandomSource,
    into image: UnsafeMutableBufferPointer<UInt8>
  ) {
    let extent = Double(side)
    let radius = Float(random.uniform(0.2, 0.38) * extent)
    let room = extent / 2 - Double(radius)
    let centerX = Float(extent / 2 + random.uniform(-room, room))
    let centerY = Float(extent / 2 + random.uniform(-room, room))
    let ground = Float(random.uniform(0, 0.25))
    let ink = Float(random.uniform(0.6, 1))
    // The sum of two uniform numbers has a deviation of 1 / sqrt(6).
    let amplitude = noise * Float(6).squareRoot()
    for row in 0..<side {
      for column in 0..<side {
        let x = (Float(column) + 0.5 - centerX) / radius
        let y = (Float(row) + 0.5 - centerY) / radius
        // Half a pixel of soft edge on either side.
        let cover = min(max(0.5 - distance(figure, x, y) * radius, 0), 1)
        let bits = random.next32()
        let error = Float(bits & 0xffff) / 65536 + Float(bits >> 16) / 65536 - 1
        let value = ground + (ink - ground) * cover + amplitude * error
        image[row * side + column] = UInt8(min(max(value * 255, 0), 255))
      }
    }
  }

  /// The distance of a point from a figure of radius 1, negative inside.
  private static func distance(_ figure: Int, _ x: Float, _ y: Float) -> Float {
    switch figure {
    case 0: (x * x + y * y).squareRoot() - 1
    case 1: max(abs(x), abs(y)) - 0.85
    case 2: max(0.8660254 * abs(x) - 0.5 * y, y) - 0.5
    case 3: min(max(abs(x) - 1, abs(y) - 0.3), max(abs(x) - 0.3, abs(y) - 1))
    case 4: abs((x * x + y * y).squareRoot() - 0.8) - 0.2
    default: (abs(x) + abs(y) - 1) * 0.7071068
    }
  }
}
