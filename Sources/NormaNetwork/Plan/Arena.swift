import NormaCore
import NormaSystem

/// One block of zeroed memory that places in a network are parts of.
final class Arena {
  private let memory: TensorMemory

  /// - Throws: `failure` when the system has no such memory.
  init(bytes: Int) throws(NormaError) {
    try MachineMemory.require(bytes, for: "the network", help: "use a smaller batch or model")
    memory = try TensorMemory(bytes: bytes)
  }

  var base: UnsafeMutableRawPointer { memory.start }
  var bytes: Int { memory.bytes }

  func floats(at offset: Int) -> UnsafeMutablePointer<Float> {
    (base + offset).assumingMemoryBound(to: Float.self)
  }
}
