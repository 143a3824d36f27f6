import Foundation
import Testing

/// `norma apply` used rightly.
struct ApplyTests {
  private let bench: Workbench

  init() throws { bench = try Workbench() }

  private func apply(_ arguments: [String]) throws -> Command {
    let command = try Command(["apply"] + arguments + ["--out", bench.path("out")])
    try #require(command.status == 0, "\(command.errors)")
    return command
  }

  private func near(_ a: [Float], _ b: [Double], _ limit: Double = 1e-6) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs(Double($0) - $1) <= limit }
  }

  @Test("Layer norm of a row is its deviation over its spread, times gamma plus beta")
  func values() throws {
    let x = try bench.array("x.npy", [2, 3], [1, 2, 6, -1, -1, 2])
    let gamma = try bench.array("g.npy", [3], [1, 2, 3])
    let beta = try bench.array("b.npy", [3], [0, 0, 1])
    let command = try apply([
      "layer", "--input", x, "--param", "gamma=\(gamma)", "--param", "beta=\(beta)", "--hyper",
      "epsilon=0",
    ])
    let result = try bench.read("out/y.npy")
    let (r1, r2) = (1 / (14.0 / 3).squareRoot(), 1 / 2.0.squareRoot())
    #expect(near(result.values, [-2 * r1, -2 * r1, 9 * r1 + 1, -r2, -2 * r2, 6 * r2 + 1]))
    #expect(result.shape == "2, 3")
    #expect(command.output.contains("y.npy  float32 [2, 3]"))
    #expect(command.errors.isEmpty)
    #expect(try bench.names("out") == ["y.npy"])
  }

  @Test("Training with a gradient writes every gradient and every running buffer, and no more")
  func files() throws {
    let x = try bench.array("x.npy", [4, 3], Workbench.numbers(12))
    let dy = try bench.array("dy.npy", [4, 3], Workbench.numbers(12, seed: 2), type: "<f8")
    _ = try apply(["batch", "--input", x, "--grad", dy, "--mode", "train"])
    #expect(
      try bench.names("out") == [
        "buffer_mean.npy", "buffer_variance.npy", "grad_beta.npy", "grad_gamma.npy",
        "grad_input.npy", "y.npy",
      ])
    let beta = try bench.read("out/grad_beta.npy")
    let dyValues = Workbench.numbers(12, seed: 2)
    let sums = (0..<3).map { c in (0..<4).reduce(0) { $0 + dyValues[3 * $1 + c] } }
    #expect(near(beta.values, sums, 1e-5))
    let column = Workbench.numbers(12)
    let means = (0..<3).map { c in (0..<4).reduce(0) { $0 + column[3 * $1 + c] } / 40 }
    #expect(near(try bench.read("out/buffer_mean.npy").values, means))
  }

  @Test("Inference reads the given buffers and writes none")
  func inference() throws {
    let x = try bench.array("x.npy", [1, 2], [3, 5])
    let mean = try bench.array("m.npy", [2], [1, 1])
    let variance = try bench.array("v.npy", [2], [4, 16])
    _ = try apply([
      "batch", "--input", x, "--buffer", "mean=\(mean)", "--buffer", "variance=\(variance)",
      "--hyper", "epsilon=0",
    ])
    #expect(near(try bench.read("out/y.npy").values, [1, 1]))
    #expect(try bench.names("out") == ["y.npy"])
  }

  @Test("A negative axis parses, and channels second equal channels last of the moved array")
  func axes() throws {
    let values = Workbench.numbers(24)
    let second = try bench.array("second.npy", [2, 3, 4], values)
    // Where the element that stands at `i` with channels last stands with channels second.
    let places: [Int] = (0..<24).map { (i: Int) -> Int in
      let (sample, position, channel) = (i / 12, i / 3 % 4, i % 3)
      return sample * 12 + channel * 4 + position
    }
    let moved = places.map { values[$0] }
    let last = try bench.array("last.npy", [2, 4, 3], moved)
    _ = try apply(["layer", "--input", second, "--axis", "-2"])
    let a = try bench.read("out/y.npy").values
    _ = try apply(["layer", "--input", last, "--axis", "-1"])
    let b = try bench.read("out/y.npy").values
    #expect(zip(places, b).allSatisfy { abs(a[$0] - $1) < 1e-6 })
  }

  @Test("Several channel axes: a parameter may be flattened or not, the gradient has their shape")
  func parameterShapes() throws {
    let x = try bench.array("x.npy", [2, 3, 4], Workbench.numbers(24))
    let flat = try bench.array("flat.npy", [12], Workbench.numbers(12, seed: 3))
    let full = try bench.array("full.npy", [3, 4], Workbench.numbers(12, seed: 3))
    let base = ["layer", "--input", x, "--grad", x, "--axis", "1,2"]
    _ = try apply(base + ["--param", "gamma=\(flat)"])
    let a = try bench.read("out/y.npy").values
    _ = try apply(base + ["--param", "gamma=\(full)"])
    #expect(try bench.read("out/y.npy").values == a)
    #expect(try bench.read("out/grad_gamma.npy").shape == "3, 4")
  }

  @Test(
    "An empty batch gives empty results, zero gradients and unchanged buffers",
    arguments: ["tiles", "native", "reference"])
  func empty(executor: String) throws {
    let none = try bench.array("n.npy", [4, 3, 0], [])
    for norm in ["batch", "instance", "layer"] {
      _ = try apply([
        norm, "--input", none, "--grad", none, "--axis", "1", "--executor", executor,
      ])
      #expect(try bench.read("out/y.npy").shape == "4, 3, 0")
    }
    let x = try bench.array("x.npy", [0, 2], [])
    let mean = try bench.array("m.npy", [2], [3, 4])
    _ = try apply([
      "batch", "--input", x, "--grad", x, "--mode", "train", "--buffer", "mean=\(mean)",
      "--executor", executor,
    ])
    #expect(try bench.read("out/y.npy").shape == "0, 2")
    #expect(try bench.read("out/grad_gamma.npy").values == [0, 0])
    #expect(try bench.read("out/buffer_mean.npy").values == [3, 4])
  }

  @Test("One axis is one sample of channels; running statistics serve it too")
  func rankOne() throws {
    let x = try bench.array("x.npy", [4], [1, 2, 3, 4])
    _ = try apply(["layer", "--input", x])
    #expect(try bench.read("out/y.npy").values.reduce(0, +).magnitude < 1e-5)
    _ = try apply(["batch", "--input", x, "--grad", x])
    #expect(near(try bench.read("out/grad_beta.npy").values, [1, 2, 3, 4]))
  }

  @Test("The reference computes float64 input in float64")
  func doublePrecision() throws {
    let x = try bench.array("x.npy", [1, 2], [1e12 + 0.25, 1e12], type: "<f8")
    _ = try apply(["layer", "--input", x, "--hyper", "epsilon=0", "--executor", "reference"])
    #expect(near(try bench.read("out/y.npy").values, [1, -1]))
  }

  @Test("The result has the same bits on any number of threads")
  func threads() throws {
    let x = try bench.array("x.npy", [300, 70], Workbench.numbers(21_000))
    let results = try (1...3).map { threads in
      _ = try apply([
        "batch", "--input", x, "--grad", x, "--mode", "train", "--threads", "\(threads)",
      ])
      return try bench.names("out").map {
        try Data(contentsOf: bench.folder.appending(path: "out/\($0)"))
      }
    }
    #expect(results[0] == results[1] && results[1] == results[2])
  }

  @Test("--json names the files and the executor; --quiet says nothing")
  func summaries() throws {
    let x = try bench.array("x.npy", [2, 3], Workbench.numbers(6))
    let summary = try apply(["rms", "--input", x, "--json"]).json as? [String: Any]
    #expect(summary?["executor"] as? String == "tiles")
    #expect((summary?["files"] as? [[String: Any]])?.first?["shape"] as? [Int] == [2, 3])
    #expect(try apply(["rms", "--input", x, "--quiet"]).output.isEmpty)
  }

  @Test("A preset sets its peer's defaults")
  func preset() throws {
    let x = try bench.array("x.npy", [1, 2], [0.01, -0.01])
    _ = try apply(["layer", "--input", x, "--hyper", "preset=keras"])
    #expect(
      near(try bench.read("out/y.npy").values, [1, -1].map { $0 * 0.01 / 0.0011.squareRoot() }))
  }
}
