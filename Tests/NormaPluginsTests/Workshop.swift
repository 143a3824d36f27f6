import Foundation
import NormaCore
import NormaNorms
import NormaPlugins

/// Where tests build plugins as a third party would: a folder of its own, the machine's compiler, and
/// nothing of Norma's but the header.
final class Workshop: Sendable {
  /// The root of the repository.
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
  /// The folder of the plugin header.
  static let include = root + "/Sources/CNormaABI/include"

  let folder: String

  init() throws {
    let path = NSTemporaryDirectory() + "/norma-plugins-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    // The loader reports paths without links, and /tmp may be one.
    guard let real = realpath(path, nil) else { throw CocoaError(.fileNoSuchFile) }
    defer { free(real) }
    folder = String(cString: real)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  struct Failure: Error, CustomStringConvertible { let description: String }

  /// Runs a program and returns what it prints.
  @discardableResult
  static func run(_ arguments: [String]) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: arguments.joined(separator: " ") + "\n" + text)
    }
    return text
  }

  /// Whether the machine has a program.
  static func has(_ program: String) -> Bool { (try? run([program, "--version"])) != nil }

  /// Writes a file into the folder and returns its path.
  func write(_ name: String, _ text: String) throws -> String {
    let path = folder + "/" + name
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    return path
  }

  /// Compiles C text to a library and returns its path.
  func library(
    _ name: String, _ source: String, _ options: [String] = []
  ) throws -> String {
    let file = try write(name + ".c", source)
    let path = folder + "/" + name + ".so"
    try Self.run(
      ["cc", "-std=c11", "-O1", "-fPIC", "-shared", "-I" + Self.include, "-o", path, file] + options
    )
    return path
  }

  /// Builds the example by its own Makefile and returns the library's path.
  func scale() throws -> String {
    try Self.run(
      ["make", "-s", "-C", Self.root + "/Plugins/example-scale", "BUILD=" + folder])
    return folder + "/example_scale.so"
  }
}
