import Dispatch
import Glibc
package import NormaCore
import NormaSystem
import Synchronization

/// A C compiler of this machine, with the flags that make its code fast here.
package struct NativeToolchain: Sendable {
  /// The environment variable that names the compiler.
  package static let variable = "NORMA_CC"
  /// The compilers looked for when it is not set, in this order.
  package static let names = ["cc", "clang", "gcc"]
  /// What gcc and clang are both told.
  package static let standardFlags =
    [
      "-std=gnu11", "-O3", "-shared", "-fPIC", "-fno-math-errno", "-fno-trapping-math",
      "-ffp-contract=fast", "-pipe", "-w",
      // A name of the text never stands for one that this process has already.
      "-fno-semantic-interposition", "-Wl,-Bsymbolic",
    ] + processorFlags

  #if arch(x86_64)
    private static let processorFlags = ["-march=native", "-mprefer-vector-width=512"]
  #else
    private static let processorFlags = ["-mcpu=native"]
  #endif

  /// The compiler's absolute path.
  package let compiler: String
  /// What it says about itself.
  package let version: String
  /// The flags of every compilation.
  package var flags = NativeToolchain.standardFlags
  /// The processor's identity and feature words.
  package var processor: String
  /// Floats in a register of the processor, twice as many where it has only 4: the vectors of a text.
  /// Compilers take wider ones apart through memory.
  package var lanes: Int {
    processor.split(whereSeparator: \.isWhitespace).contains("avx512f") ? 16 : 8
  }
  /// When a compilation counts as hung and is ended.
  package var timeLimit = Duration.seconds(60)
  private let environment: [String: String]

  /// Finds the compiler: the one `NORMA_CC` names, else the first of `names` on `PATH` that answers.
  ///
  /// - Throws: `unavailable` when there is none, or the one named cannot be used.
  package init(environment: [String: String]) throws(NormaError) {
    self.environment = environment
    processor = ProcessorIdentity.current()
    let chosen = environment[Self.variable].flatMap { $0.isEmpty ? nil : $0 }
    for name in chosen.map({ [$0] }) ?? Self.names {
      guard let path = Self.program(name, environment) else { continue }
      do throws(NormaError) {
        version = try Self.version(of: path, environment)
        compiler = path
        return
      } catch {
        if chosen != nil { throw Self.refusal("\(Self.variable): \(error.message)") }
      }
    }
    if let chosen {
      throw Self.refusal("\(Self.variable) names '\(chosen)', which is no program that exists")
    }
    throw NormaError(
      .unavailable, "no C compiler (\(Self.names.joined(separator: ", "))) answers on PATH",
      help: "install gcc or clang, or name a compiler in \(Self.variable)")
  }

  /// The name of a text's machine code: no two differ in text, compiler, flags or processor.
  package func key(for text: String) throws(NormaError) -> Digest {
    var content: [UInt8] = []
    // Lengths keep the end of one field and the start of the next apart.
    for field in ["norma native 1", text, version] + flags + [processor] {
      content += Array("\(field.utf8.count)\n".utf8) + Array(field.utf8)
    }
    return try Digest(of: content)
  }

  /// Compiles the text of one C file; returns the bytes of the shared library.
  ///
  /// - Throws: `unavailable` with the compiler's first words when it fails, crashes, hangs or writes
  ///   something else; `io` when there is no room for its temporary files.
  func compile(_ text: String) throws(NormaError) -> [UInt8] {
    let scratch = try ScratchFolder(environment: environment)
    let library = scratch.path + "/unit.so"
    try run(flags + ["-x", "c", "-", "-o", library, "-lm"], input: text, in: scratch.path)
    return try bytes(of: library)
  }

  /// One file of a library of several.
  package struct Source: Sendable {
    let text: String
    let flags: [String]

    package init(text: String, flags: [String]) {
      self.text = text
      self.flags = flags
    }
  }

  /// Compiles several files at once, each with flags of its own besides, and links them.
  ///
  /// - Throws: as `compile`.
  package func library(
    _ sources: [Source], linking linkFlags: [String]
  ) throws(NormaError) -> [UInt8] {
    let scratch = try ScratchFolder(environment: environment)
    let folder = scratch.path
    let failures = Mutex<[NormaError]>([])
    DispatchQueue.concurrentPerform(iterations: sources.count) { number in
      let source = sources[number]
      do throws(NormaError) {
        try run(
          flags + source.flags + ["-c", "-x", "c", "-", "-o", "\(folder)/\(number).o"],
          input: source.text, in: folder)
      } catch {
        failures.withLock { $0.append(error) }
      }
    }
    if let failure = failures.withLock({ $0.first }) { throw failure }
    let library = folder + "/library.so"
    let objects = sources.indices.map { "\(folder)/\($0).o" }
    try run(["-shared"] + objects + ["-o", library] + linkFlags + ["-lm"], input: "", in: folder)
    return try bytes(of: library)
  }

  private func run(
    _ arguments: [String], input: String, in folder: String
  ) throws(NormaError) {
    var settings = environment
    settings["TMPDIR"] = folder
    settings["LC_ALL"] = "C"
    let run = try ChildProcess(
      compiler, arguments, environment: settings, input: SealedMemory(Array(input.utf8)),
      within: timeLimit)
    try Self.check(run, "the C compiler '\(compiler)'")
  }

  private func bytes(of library: String) throws(NormaError) -> [UInt8] {
    guard let file = Descriptor(open(library, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)),
      let bytes = file.contents()
    else { throw Self.refusal("the C compiler '\(compiler)' wrote no library") }
    do throws(NormaError) {
      _ = try ELFFile(bytes)
    } catch {
      throw Self.refusal("the C compiler '\(compiler)' wrote no usable library: \(error.message)")
    }
    return bytes
  }

  /// The absolute path of the program that the name or path stands for.
  private static func program(_ name: String, _ environment: [String: String]) -> String? {
    let candidates =
      name.contains("/")
      ? [name]
      : (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
    return candidates.first { path in
      var status = stat()
      return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        && access(path, X_OK) == 0
    }
  }

  private static func version(
    of path: String, _ environment: [String: String]
  ) throws(NormaError) -> String {
    var settings = environment
    settings["LC_ALL"] = "C"
    let run = try ChildProcess(
      path, ["--version"], environment: settings, input: SealedMemory([]), within: .seconds(10))
    try check(run, "'\(path) --version'")
    return run.output
  }

  private static func check(_ run: ChildProcess, _ what: String) throws(NormaError) {
    let outcome: String
    switch run.ending {
    case .exited(0): return
    case .exited(let status): outcome = "failed with status \(status)"
    case .signalled(let signal): outcome = "was ended by signal \(signal)"
    case .timedOut: outcome = "did not end in time"
    }
    let lines = run.output.split(separator: "\n").prefix(3).map { String($0.prefix(200)) }
    let words = lines.isEmpty ? "" : ": " + lines.joined(separator: " / ")
    throw refusal("\(what) \(outcome)\(words)")
  }

  private static func refusal(_ message: String) -> NormaError {
    NormaError(
      .unavailable, message, help: "name a working gcc or clang in \(variable), or unset it")
  }
}
