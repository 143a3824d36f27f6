import Foundation
import Testing

/// Norms in files of their own, found on the search path.
struct NormFolderTests {
  private func norms(_ bench: Workbench, _ files: [String: String]) throws {
    for (name, text) in files {
      try Data(text.utf8).write(to: bench.folder.appending(path: name))
    }
  }

  @Test("A file of the search path is a norm by its name, and is read only when asked for")
  func found() throws {
    let bench = try Workbench()
    try norms(
      bench,
      [
        "half.lua": "norm.define(\"half\", { forward = function(x, s) return x * 0.5 end })",
        "broken.lua": "norm.define(",
      ])
    let environment = ["NORMA_PLUGIN_PATH": bench.folder.path]
    let page = try Command(["norms", "show", "half"], environment: environment)
    #expect(page.status == 0 && page.errors.isEmpty && page.output.contains("y = 0.5 * x"))
    // A list reads all; one that cannot be read is told and left out.
    let list = try Command(["norms", "list"], environment: environment)
    #expect(list.status == 0 && list.output.contains("\nhalf "))
    #expect(list.errors.contains("broken.lua:1:"))
    #expect(try Command(["norms", "show", "broken"], environment: environment).status == 65)
  }

  @Test("A script's own norm comes before one of the search path; a file must define its name")
  func order() throws {
    let bench = try Workbench()
    try norms(
      bench,
      [
        "dyt.lua": "norm.define(\"dyt\", { forward = function(x, s) return x * 2 end })",
        "other.lua": "norm.define(\"another\", { forward = function(x, s) return x end })",
      ])
    let environment = ["NORMA_PLUGIN_PATH": bench.folder.path]
    // Before the zoo's.
    let mine = try Command(["norms", "show", "dyt"], environment: environment)
    #expect(mine.output.contains("y = 2 * x"))
    let wrong = try Command(["norms", "show", "other"], environment: environment)
    #expect(wrong.status == 65)
    #expect(wrong.errors.contains("the file of 'other' defines no norm of that name"))
    #expect(wrong.errors.contains(bench.path("other.lua")))
  }

  @Test("A folder that others may write to is not read")
  func writable() throws {
    let bench = try Workbench()
    try norms(bench, ["half.lua": "norm.define(\"half\", { forward = function(x) return x end })"])
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o777], ofItemAtPath: bench.folder.path)
    let found = try Command(
      ["norms", "show", "half"], environment: ["NORMA_PLUGIN_PATH": bench.folder.path])
    #expect(found.status == 64 && found.errors.contains("others may write there"))
  }
}
