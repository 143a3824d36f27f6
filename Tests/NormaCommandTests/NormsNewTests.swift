import Foundation
import Testing

/// `norma norms new`.
struct NormsNewTests {
  @Test(
    "What is written is a norm that passes its check and its test as it is; nothing is overwritten")
  func new() throws {
    let bench = try Workbench()
    let made = try Command(["norms", "new", "mine", "--out", bench.folder.path])
    #expect(made.status == 0 && made.output.contains("norma norms check"))
    let checked = try Command(
      ["norms", "check", bench.path("mine.lua"), "--executor", "tiles", "--only", "differences"])
    #expect(checked.status == 0, "\(checked.output)\(checked.errors)")
    #expect(checked.output.contains("gradient of 'beta' matches differences"))
    let tested = try Command(["test", bench.path("mine.lua")])
    #expect(tested.status == 0 && tested.output.hasPrefix("pass  "))
    let again = try Command(["norms", "new", "mine", "--out", bench.folder.path])
    #expect(again.status == 74 && again.errors.contains("File exists"))
  }

  @Test("A name that no norm can have is refused, and nothing is written")
  func names() throws {
    let bench = try Workbench()
    for (name, message) in [
      ("rms", "'rms' is built in"), ("real", "reserved name"), ("My Norm", "cannot be the name"),
      ("a/../b", "cannot be the name"), ("x\") os.exit(\"", "cannot be the name"),
    ] {
      let refused = try Command(["norms", "new", name, "--out", bench.folder.path])
      #expect(refused.status == 64 && refused.errors.contains(message), "\(refused.errors)")
    }
    #expect(try bench.names(".").isEmpty)
  }
}
