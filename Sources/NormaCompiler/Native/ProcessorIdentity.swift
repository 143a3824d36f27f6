import Glibc
import NormaSystem

/// What decides which machine code the compiler makes for this processor and which it can run.
package enum ProcessorIdentity {
  private static let fields: Set<String> = [
    "vendor_id", "cpu family", "model", "flags",
    "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features",
  ]

  /// This machine's; empty when the system does not tell.
  static func current() -> String {
    guard let file = Descriptor(open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC)) else { return "" }
    // The system takes its time for each core, and the first says all.
    var bytes = [UInt8](repeating: 0, count: 1 << 14)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes {
        read(file.number, $0.baseAddress?.advanced(by: count), $0.count - count)
      }
      guard got > 0 else { break }
      count += got
      if bytes[..<count].contains([10, 10]) { break }
    }
    return summary(of: String(decoding: bytes[..<count], as: UTF8.self))
  }

  /// The first processor's identity and sorted feature words in the text of `/proc/cpuinfo`.
  package static func summary(of text: String) -> String {
    var lines: [String] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.isEmpty { break }
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      let name = parts[0].trimmingSuffix { $0.isWhitespace }
      guard fields.contains(String(name)) else { continue }
      let words = parts[1].split(whereSeparator: \.isWhitespace).sorted()
      lines.append("\(name): \(words.joined(separator: " "))")
    }
    return lines.sorted().joined(separator: "\n")
  }
}

extension Substring {
  fileprivate func trimmingSuffix(while isLeftOut: (Character) -> Bool) -> Substring {
    var rest = self
    while let last = rest.last, isLeftOut(last) { rest.removeLast() }
    return rest
  }
}
