import Foundation

/// The memory that the machine has.
package enum MachineMemory {
  /// Refuses what needs as much or more: the system would promise it and then end the process.
  ///
  /// - Throws: `code`, with both sizes.
  package static func require(
    _ bytes: Int, for what: String, code: NormaError.Code = .failure, help: String
  ) throws(NormaError) {
    let available = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    guard bytes >= available else { return }
    throw NormaError(
      code, "\(what) needs \(bytes >> 20) MiB, the machine has \(available >> 20) MiB", help: help)
  }
}
