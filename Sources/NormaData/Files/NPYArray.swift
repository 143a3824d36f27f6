/// An array read from an `.npy` file, in C order.
public struct NPYArray: Sendable {
  /// The elements in the type of the file.
  public enum Values: Sendable {
    /// 32-bit floating point, `<f4`.
    case float32([Float])
    /// 64-bit floating point, `<f8`.
    case float64([Double])
    /// Unsigned bytes, `|u1`.
    case uint8([UInt8])
    /// 32-bit integers, `<i4`.
    case int32([Int32])
    /// 64-bit integers, `<i8`.
    case int64([Int64])
  }

  /// Sizes of the axes; empty for a scalar, and any axis may be empty.
  public let shape: [Int]
  /// The elements.
  public let values: Values

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// NumPy's name of the element type.
  public var dtype: String {
    switch values {
    case .float32: "float32"
    case .float64: "float64"
    case .uint8: "uint8"
    case .int32: "int32"
    case .int64: "int64"
    }
  }

  /// The elements rounded to 32-bit floating point.
  public var floats: [Float] {
    switch values {
    case .float32(let v): v
    case .float64(let v): v.map { Float($0) }
    case .uint8(let v): v.map { Float($0) }
    case .int32(let v): v.map { Float($0) }
    case .int64(let v): v.map { Float($0) }
    }
  }

  /// The elements in 64-bit floating point.
  public var doubles: [Double] {
    switch values {
    case .float32(let v): v.map { Double($0) }
    case .float64(let v): v
    case .uint8(let v): v.map { Double($0) }
    case .int32(let v): v.map { Double($0) }
    case .int64(let v): v.map { Double($0) }
    }
  }

  /// The elements as integers, or nil when the type is a floating-point one.
  public var integers: [Int64]? {
    switch values {
    case .float32, .float64: nil
    case .uint8(let v): v.map { Int64($0) }
    case .int32(let v): v.map { Int64($0) }
    case .int64(let v): v
    }
  }
}
