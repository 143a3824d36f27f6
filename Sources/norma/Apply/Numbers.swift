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

/// Memory for float32 numbers, aligned for kernels and never null, even when there are none.
final class AlignedFloats {
  let pointer: UnsafeMutablePointer<Float>
  let count: Int

  init(_ values: [Float]) {
    count = values.count
    let raw = UnsafeMutableRawPointer.allocate(byteCount: max(count * 4, 64), alignment: 64)
    pointer = raw.bindMemory(to: Float.self, capacity: max(count, 16))
    pointer.initialize(repeating: 0, count: max(count, 16))
    for (index, value) in values.enumerated() { pointer[index] = value }
  }

  convenience init(zeros count: Int) { self.init([Float](repeating: 0, count: count)) }

  deinit { pointer.deallocate() }

  var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
}
