import ArgumentParser
import Foundation
import NormaCore

/// How many threads a command may use.
struct ThreadOptions: ParsableArguments {
  @Option(help: "How many threads work; results do not depend on it. (default: all cores)")
  var threads: Int?

  /// The number of threads.
  var count: Int { threads ?? ProcessInfo.processInfo.activeProcessorCount }

  func validate() throws {
    guard (1...1024).contains(count) else {
      throw NormaError(.usage, "--threads must be from 1 to 1024, got \(count)")
    }
  }
}
