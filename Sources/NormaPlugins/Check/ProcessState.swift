import CNormaABI
import Glibc

/// What of this process a plugin must leave alone.
struct ProcessState: Equatable {
  let threads: Int
  let descriptors: Int
  let folder: String
  let locale: String
  let mask: UInt32
  let handlers: [UInt]
  let environment: Set<String>
  let floatControl: UInt64

  /// As it is now.
  static var now: ProcessState {
    ProcessState(
      threads: entries("/proc/self/task"), descriptors: entries("/proc/self/fd"),
      folder: getcwd(nil, 0).map { path in
        defer { free(path) }
        return String(cString: path)
      } ?? "",
      locale: setlocale(LC_ALL, nil).map { String(cString: $0) } ?? "",
      mask: creationMask(), handlers: (1...31).map(handler), environment: variables(),
      floatControl: norma_host_float_control())
  }

  /// The first thing that is not as it was; `descriptors` may grow by the one that loading takes.
  func difference(from before: ProcessState, descriptors allowed: Int = 0) -> String? {
    if threads > before.threads { return "it started \(threads - before.threads) thread(s)" }
    if descriptors > before.descriptors + allowed {
      return "it left \(descriptors - before.descriptors - allowed) file(s) open"
    }
    if folder != before.folder { return "it changed the working directory to '\(folder)'" }
    if locale != before.locale { return "it changed the locale to '\(locale)'" }
    if mask != before.mask { return "it changed the creation mask" }
    if let signal = handlers.indices.first(where: { handlers[$0] != before.handlers[$0] }) {
      return "it changed the handler of signal \(signal + 1)"
    }
    if let variable = environment.symmetricDifference(before.environment).sorted().first {
      return "it changed the environment variable '\(variable.prefix { $0 != "=" })'"
    }
    if floatControl != before.floatControl {
      return "it changed the floating-point mode (-ffast-math when linking turns subnormals off)"
    }
    return nil
  }

  private static func entries(_ path: String) -> Int {
    guard let folder = opendir(path) else { return 0 }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    return count
  }

  private static func creationMask() -> UInt32 {
    let mask = umask(0)
    umask(mask)
    return mask
  }

  private static func handler(_ signal: Int) -> UInt {
    var action = sigaction()
    guard sigaction(Int32(signal), nil, &action) == 0 else { return 0 }
    return withUnsafeBytes(of: &action) { $0.loadUnaligned(as: UInt.self) }
  }

  private static func variables() -> Set<String> {
    var result: Set<String> = []
    var next = environ
    while let entry = next.pointee {
      result.insert(String(cString: entry))
      next += 1
    }
    return result
  }
}
