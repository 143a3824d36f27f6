import NormaCore
import NormaData

/// The numbers of a tensor in either precision.
enum Numbers {
  case file(NPYArray)
  case repeated(Double, count: Int)

  var floats: [Float] {
    switch self {
    case .file(let array): array.floats
    case .repeated(let value, let count): [Float](repeating: Float(value), count: count)
    }
  }

  /// Whether none is NaN or infinite, also as float32 if that is what goes in.
  func isFinite(asFloats: Bool) -> Bool {
    switch self {
    case .file(let array): array.isFinite(asFloats: asFloats)
    case .repeated(let value, _): value.isFinite
    }
  }

  var doubles: [Double] {
    switch self {
    case .file(let array): array.doubles
    case .repeated(let value, let count): [Double](repeating: value, count: count)
    }
  }
}

extension NPYArray {
  /// Whether no element is NaN or infinite, also as float32 if that is what goes in.
  func isFinite(asFloats: Bool) -> Bool {
    switch values {
    case .float32(let floats): floats.allSatisfy(\.isFinite)
    case .float64(let doubles): doubles.allSatisfy { asFloats ? Float($0).isFinite : $0.isFinite }
    default: true
    }
  }
}
