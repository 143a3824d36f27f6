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

  var doubles: [Double] {
    switch self {
    case .file(let array): array.doubles
    case .repeated(let value, let count): [Double](repeating: value, count: count)
    }
  }
}
