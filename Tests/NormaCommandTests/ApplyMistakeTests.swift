import Foundation
import Testing

/// `norma apply` used wrongly: each mistake is named with its place, its value and its remedy.
struct ApplyMistakeTests {
  private let bench: Workbench

  init() throws { bench = try Workbench() }

  private func refused(
    _ arguments: [String], status: Int32, saying parts: [String],
    at location: SourceLocation = #_sourceLocation
  ) throws {
    let out = arguments.contains("--out") ? [] : ["--out", bench.path("out")]
    let command = try Command(["apply"] + arguments + out)
    #expect(command.status == status, "\(command.errors)", sourceLocation: location)
    #expect(command.output.isEmpty, sourceLocation: location)
    #expect(command.errors.hasPrefix("norma: "), sourceLocation: location)
    for part in parts {
      #expect(
        command.errors.contains(part), "\(part) in \(command.errors)", sourceLocation: location)
    }
    #expect(!FileManager.default.fileExists(atPath: bench.path("out")), sourceLocation: location)
  }

  @Test("Files that are missing, damaged or of another kind")
  func files() throws {
    let x = try bench.array("x.npy", [2, 3], Workbench.numbers(6))
    let whole = try Data(contentsOf: URL(filePath: x))
    try whole.dropLast(5).write(to: bench.folder.appending(path: "short.npy"))
    try Data("hello, world".utf8).write(to: bench.folder.appending(path: "text.npy"))
    let fortran = try bench.array("f.npy", [2, 3], Workbench.numbers(6), fortran: true)
    let integers = try bench.array("i.npy", [2, 3], [1, 2, 3, 4, 5, 6], type: "<i4")
    let scalar = try bench.array("s.npy", [], [1])
    let deep = try bench.array("d.npy", [Int](repeating: 1, count: 9), [1])
    let missing = bench.path("none.npy")
    try refused(["layer", "--input", missing], status: 66, saying: [missing, "hint: "])
    try refused(["layer", "--input", x, "--grad", missing], status: 66, saying: [missing])
    try refused(
      ["layer", "--input", bench.path("short.npy")], status: 65,
      saying: ["short.npy", "truncated", "152", "147", "hint: "])
    try refused(["layer", "--input", bench.path("text.npy")], status: 65, saying: ["text.npy"])
    try refused(
      ["layer", "--input", fortran], status: 65,
      saying: ["f.npy", "Fortran order", "hint: ", "ascontiguousarray"])
    try refused(
      ["layer", "--input", integers], status: 65, saying: ["<i4", "float32", "hint: "])
    try refused(["layer", "--input", scalar], status: 65, saying: ["rank 0", "hint: "])
    try refused(["layer", "--input", deep], status: 65, saying: ["rank 9", "1 to 8"])
    let vast = try bench.array("v.npy", [0, 1 << 40, 1 << 40], [])
    try refused(["layer", "--input", vast], status: 65, saying: ["v.npy", "hint: "])
    try refused(["layer", "--input", bench.folder.path], status: 74, saying: ["hint: "])
    // A file with holes, as large as its header says: more than a machine has memory.
    let many = 1 << 40
    let huge = try bench.array("h.npy", [0, many], [])
    let header = try String(contentsOfFile: huge, encoding: .isoLatin1)
    try header.replacing("(0,\(many)", with: "(1,\(many)")
      .write(toFile: huge, atomically: false, encoding: .isoLatin1)
    // Not every file system has files of that size.
    guard truncate(huge, 128 + 4 * many) == 0 else { return }
    try refused(
      ["layer", "--input", huge], status: 65,
      saying: ["h.npy", "needs 4194304 MiB", "the machine has", "hint: "])
  }

  @Test("Shapes that do not fit")
  func shapes() throws {
    let x = try bench.array("x.npy", [2, 3], Workbench.numbers(6))
    let other = try bench.array("o.npy", [3, 2], Workbench.numbers(6))
    let four = try bench.array("four.npy", [4], Workbench.numbers(4))
    try refused(
      ["layer", "--input", x, "--grad", other], status: 65, saying: ["[3, 2]", "[2, 3]", "hint: "])
    try refused(
      ["layer", "--input", x, "--param", "gamma=\(four)"], status: 65,
      saying: ["four.npy", "[4]", "'gamma'", "[3]", "hint: "])
    try refused(
      ["batch", "--input", x, "--buffer", "mean=\(four)"], status: 65, saying: ["'mean'", "[3]"])
    try refused(
      ["layer", "--input", x, "--axis", "2"], status: 64, saying: ["x.npy", "axis 2", "-2 to 1"])
    try refused(
      ["layer", "--input", x, "--axis", "-3"], status: 64, saying: ["axis -3", "hint: "])
    try refused(["layer", "--input", x, "--axis", "0,0"], status: 64, saying: ["twice"])
    try refused(
      ["layer", "--input", x, "--axis", "last"], status: 64, saying: ["'last'", "hint: "])
    try refused(
      ["group", "--input", x, "--hyper", "groups=2"], status: 64, saying: ["'groups'", "1 3"])
    let one = try bench.array("one.npy", [1, 3], [1, 2, 3])
    try refused(
      ["batch", "--input", one, "--mode", "train"], status: 64,
      saying: ["norm.batch", "is of one value", "[1, 3]", "hint: "])
  }

  @Test("Names and values that do not exist, with the nearest that does")
  func names() throws {
    let x = try bench.array("x.npy", [2, 3], Workbench.numbers(6))
    try refused(["lyer", "--input", x], status: 64, saying: ["'lyer'", "did you mean 'layer'?"])
    try refused(
      ["layer", "--input", x, "--param", "gama=\(x)"], status: 64,
      saying: ["'gama'", "did you mean 'gamma'?"])
    try refused(
      ["batch", "--input", x, "--buffer", "man=\(x)"], status: 64, saying: ["did you mean 'mean'?"])
    try refused(
      ["batch", "--input", x, "--hyper", "decay=\(Int.min)"], status: 64, saying: ["'momentum'"])
    try refused(["rms", "--input", x, "--buffer", "mean=\(x)"], status: 64, saying: ["has none"])
    try refused(
      ["layer", "--input", x, "--hyper", "epsilom=1"], status: 64,
      saying: ["did you mean 'epsilon'?"])
    try refused(
      ["layer", "--input", x, "--hyper", "epsilon=-1"], status: 64, saying: [">= 0", "got -1"])
    try refused(
      ["layer", "--input", x, "--hyper", "epsilon=nan"], status: 64, saying: ["'epsilon'", "nan"])
    try refused(
      ["layer", "--input", x, "--hyper", "epsilon"], status: 64, saying: ["name=value", "hint: "])
    try refused(
      ["layer", "--input", x, "--hyper", "scale=false", "--param", "gamma=\(x)"], status: 64,
      saying: ["'gamma'", "'scale' is false"])
    try refused(
      ["rms", "--input", x, "--param", "gamma=\(x)", "--param", "gamma=\(x)"], status: 64,
      saying: ["twice"])
    try refused(
      ["layer", "--input", x, "--mode", "tran"], status: 64, saying: ["'tran'", "infer"])
    try refused(["layer", "--input", x, "--threads", "0"], status: 64, saying: ["1 to 1024"])
    try refused(["layer"], status: 64, saying: ["--input"])
  }

  @Test("A folder that cannot be written, before anything is computed")
  func folder() throws {
    let x = try bench.array("x.npy", [2, 3], Workbench.numbers(6))
    try refused(
      ["layer", "--input", x, "--out", "/proc/norma"], status: 74,
      saying: ["/proc/norma", "hint: "])
    try refused(
      ["layer", "--input", x, "--out", x], status: 74, saying: ["it is a file", "hint: "])
  }

  @Test("Values beyond float32 are told, not hidden")
  func overflow() throws {
    let x = try bench.array("x.npy", [1, 2], [1e300, 1], type: "<f8")
    let command = try Command(["apply", "layer", "--input", x, "--out", bench.path("out")])
    #expect(command.status == 0)
    #expect(command.errors.contains("warning: 1 of the 2 values"))
  }

  @Test("Results that are no numbers, or larger than a float, are told")
  func losses() throws {
    let x = try bench.array("x.npy", [3, 2], Workbench.numbers(6))
    let negative = try bench.array("v.npy", [2], [-1, -1])
    func warnings(_ arguments: [String]) throws -> String {
      let command = try Command(["apply", "batch", "--out", bench.path("out")] + arguments)
      #expect(command.status == 0)
      return command.errors
    }
    let spoiled = try warnings(["--input", x, "--buffer", "variance=\(negative)"])
    #expect(spoiled.contains("6 of the 6 values of y.npy are no finite numbers"), "\(spoiled)")
    #expect(try warnings(["--input", x, "--mode", "train"]) == "")
    // What went in as NaN comes out as NaN.
    let nan = try bench.array("nan.npy", [3, 2], [.nan, 1, 2, 3, 4, 5])
    #expect(try warnings(["--input", nan]) == "")
    let large = try bench.array(
      "large.npy", [3, 2], Workbench.numbers(6).map { $0 * 1e60 }, type: "<f8")
    let train = ["--mode", "train", "--executor", "reference"]
    let buffers = try warnings(["--input", large] + train)
    #expect(buffers.contains("2 of the 2 values of buffer_variance.npy are beyond float32"))
    let huge = try bench.array(
      "huge.npy", [3, 2], Workbench.numbers(6).map { $0 * 1e300 }, type: "<f8")
    #expect(try warnings(["--input", huge] + train).contains("beyond float64"))
  }

  @Test("A file that was read is not written over, but for a buffer that goes on")
  func overwriting() throws {
    let x = try bench.array("y.npy", [3, 2], Workbench.numbers(6))
    let before = try Data(contentsOf: URL(fileURLWithPath: x))
    let command = try Command(["apply", "rms", "--input", x, "--out", bench.path(".")])
    #expect(command.status == 64 && command.errors.contains("would take the place of '\(x)'"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: x)) == before)
    let arguments = [
      "apply", "batch", "--input", x, "--mode", "train", "--out", bench.path("out"), "--buffer",
    ]
    let mean = try bench.array("mean.npy", [2], [1, 2])
    #expect(try Command(arguments + ["mean=\(mean)"]).status == 0)
    let first = try bench.read("out/buffer_mean.npy").values
    #expect(try Command(arguments + ["mean=\(bench.path("out/buffer_mean.npy"))"]).status == 0)
    #expect(try bench.read("out/buffer_mean.npy").values != first)
  }
}
