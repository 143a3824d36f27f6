import Foundation

/// The built `norma`, run as people run it.
struct Command {
  let status: Int32
  let output: String
  let errors: String

  /// Runs the binary that was built with these tests, or another program.
  init(_ arguments: [String], environment: [String: String] = [:], program: URL? = nil) throws {
    let process = Process()
    process.executableURL = try program ?? Self.binary.get()
    process.arguments = arguments
    // Nothing of the machine that runs the tests may decide what they see.
    let kept = ["PATH", "HOME", "LD_LIBRARY_PATH"]
    process.environment = ProcessInfo.processInfo.environment.filter { kept.contains($0.key) }
      .merging(environment) { $1 }
    let folder = FileManager.default.temporaryDirectory
    let files = [UUID(), UUID()].map { folder.appending(path: "norma-\($0)") }
    let handles = try files.map { file in
      try Data().write(to: file)
      return try FileHandle(forWritingTo: file)
    }
    defer { for file in files { try? FileManager.default.removeItem(at: file) } }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = handles[0]
    process.standardError = handles[1]
    try process.run()
    process.waitUntilExit()
    status = process.terminationReason == .exit ? process.terminationStatus : -1
    output = try String(contentsOf: files[0], encoding: .utf8)
    errors = try String(contentsOf: files[1], encoding: .utf8)
  }

  /// The output as JSON.
  var json: Any { get throws { try JSONSerialization.jsonObject(with: Data(output.utf8)) } }

  struct NotBuilt: Error {}

  /// The folder of the whole project.
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The binary that was built with these tests.
  static let binary: Result<URL, any Error> = Result {
    let arguments = CommandLine.arguments
    var folders = [URL(filePath: arguments[0]).deletingLastPathComponent()]
    if let option = arguments.firstIndex(of: "--test-bundle-path"), option + 1 < arguments.count {
      folders.insert(URL(filePath: arguments[option + 1]).deletingLastPathComponent(), at: 0)
    }
    folders.append(root.appending(path: ".build/release"))
    for folder in folders {
      let file = folder.appending(path: "norma")
      if FileManager.default.isExecutableFile(atPath: file.path) { return file }
    }
    throw NotBuilt()
  }
}
