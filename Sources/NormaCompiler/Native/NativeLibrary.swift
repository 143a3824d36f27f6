import Glibc
import NormaSystem
package import NormaCore

/// Machine code in this process. It stays for the process's life: kernels may be running in it.
package final class NativeLibrary: Sendable {
  // SAFETY: the dynamic loader's functions may be called from any thread.
  private nonisolated(unsafe) let handle: UnsafeMutableRawPointer

  /// Loads the bytes of a shared library, from memory: what was verified is what is loaded.
  ///
  /// - Throws: `unavailable` with the reason when it is none, or not one for this machine.
  package init(_ bytes: [UInt8]) throws(NormaError) {
    _ = try ELFFile(bytes)
    // The loader takes one path for one library, so the path must never name another: it stays open.
    let number = try SealedMemory(bytes).keep()
    guard let handle = dlopen("/proc/self/fd/\(number)", RTLD_NOW | RTLD_LOCAL) else {
      let why = dlerror().map { String(cString: $0) } ?? "unknown reason"
      close(number)
      throw NormaError(.unavailable, "native code cannot be loaded: \(why)")
    }
    self.handle = handle
  }

  /// The address of an exported name; nil when there is none.
  package func symbol(_ name: String) -> UnsafeMutableRawPointer? { dlsym(handle, name) }
}
