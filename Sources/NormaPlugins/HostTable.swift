import CNormaABI
import CSystem
import Foundation

/// The C table through which plugins reach the services of the host.
///
/// SAFETY: the table and its texts are written once, before a plugin sees them, and never freed, since
/// libraries are never unloaded.
final class HostTable: @unchecked Sendable {
  let services: HostServices
  let pointer: UnsafeMutablePointer<norma_host>

  init(services: HostServices) {
    self.services = services
    pointer = .allocate(capacity: 1)
    var host = norma_host()
    host.struct_size = UInt32(MemoryLayout<norma_host>.size)
    host.abi_major = NORMA_ABI_MAJOR
    host.abi_minor = NORMA_ABI_MINOR
    host.name = Self.permanentText("norma")
    host.version = Self.permanentText(services.version)
    host.cpu_features = norma_host_cpu_features()
    host.allocate = { _, size, alignment in
      guard alignment > 0, alignment & (alignment - 1) == 0, size <= UInt64(Int.max) else {
        return nil
      }
      var memory: UnsafeMutableRawPointer?
      let status = posix_memalign(&memory, max(Int(clamping: alignment), 16), Int(size))
      return status == 0 ? memory : nil
    }
    host.release = { _, memory in free(memory) }
    host.parallel_for = { host, threads, count, grain, body, context in
      guard let services = HostTable.services(of: host), let body, count > 0 else { return }
      let caller = norma_here()
      services.parallelFor(max(Int(threads), 1), Int(count), max(Int(grain), 1)) {
        let before = norma_enter(caller)
        body(context, Int64($0), Int64($1), UInt32($2))
        _ = norma_enter(before)
      }
    }
    host.log = { host, level, text in
      guard let services = HostTable.services(of: host) else { return }
      let bytes = UnsafeRawBufferPointer(start: text.data, count: Int(clamping: text.length))
      services.log(.init(rawValue: level) ?? .info, String(decoding: bytes, as: UTF8.self))
    }
    host.is_cancelled = { HostTable.services(of: $0)?.isCancelled() == true ? 1 : 0 }
    host.get_extension = { _, _ in nil }
    pointer.initialize(to: host)
    pointer.pointee.context = Unmanaged.passRetained(self).toOpaque()
  }

  private static func services(of host: UnsafePointer<norma_host>?) -> HostServices? {
    guard let context = host?.pointee.context else { return nil }
    return Unmanaged<HostTable>.fromOpaque(context).takeUnretainedValue().services
  }

  private static func permanentText(_ text: String) -> norma_string {
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: text.utf8.count)
    for (index, byte) in text.utf8.enumerated() { copy[index] = CChar(bitPattern: byte) }
    return norma_string(data: copy, length: UInt64(text.utf8.count))
  }
}
