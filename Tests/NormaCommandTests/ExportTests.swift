import Foundation
import Testing

/// `norma export`: norms as C that depends on nothing, and as PyTorch modules.
struct ExportTests {
  private static let env = URL(filePath: "/usr/bin/env")

  @Test(
    "C for itself builds without a warning, and its example's gradient is what differences find",
    arguments: ["rms", "group", "batch", "spade", "evonorm_s0"])
  func c(_ norm: String) throws {
    let bench = try Workbench()
    let folder = bench.path("made")
    #expect(try Command(["export", norm, "--to", "c", "-o", folder]).status == 0)
    let built = try Command(
      [
        "cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-o", bench.path("example"),
        folder + "/example.c", folder + "/\(norm).c", "-lm",
      ], program: Self.env)
    #expect(built.status == 0, "\(built.errors.prefix(1000))")
    let run = try Command([], program: URL(filePath: bench.path("example")))
    #expect(run.status == 0)
    let numbers = run.output.split(whereSeparator: { !"-.0123456789".contains($0) })
      .compactMap { Double($0) }.suffix(2)
    let (found, expected) = (numbers.first ?? .nan, numbers.last ?? .nan)
    #expect(abs(found - expected) < 1e-3 && found != 0, "\(run.output)")
    let header = try String(contentsOfFile: folder + "/\(norm).h", encoding: .utf8)
    #expect(header.contains("int \(norm)_forward(") && header.contains("int \(norm)_backward("))
    let alone = try Command(
      [
        "c++", "-std=c++17", "-Wall", "-Werror", "-fsyntax-only", "-x", "c++",
        folder + "/\(norm).h",
      ],
      program: Self.env)
    #expect(alone.status == 0, "\(alone.errors.prefix(500))")
  }

  @Test(
    "C refuses a variance of one value in the modes that take one",
    arguments: [("instance", true, true), ("batch", true, false), ("graph", false, false)])
  func oneValue(_ norm: String, training: Bool, inference: Bool) throws {
    let bench = try Workbench()
    let folder = bench.path("made")
    #expect(try Command(["export", norm, "--to", "c", "-o", folder]).status == 0)
    try """
    #include <stdio.h>
    #include "\(norm).h"
    int main(void) {
      \(norm)_shape shape = {.batch = 1, .space = 1, .channels = 3, .training = 1};
      printf("%d ", \(norm)_refusal(&shape) != NULL);
      shape.training = 0;
      printf("%d ", \(norm)_refusal(&shape) != NULL);
      shape = (\(norm)_shape){.batch = 2, .space = 2, .channels = 3, .training = 1};
      printf("%d", \(norm)_refusal(&shape) != NULL);
    }
    """.write(toFile: folder + "/asks.c", atomically: true, encoding: .utf8)
    let built = try Command(
      ["cc", "-o", bench.path("asks"), folder + "/asks.c", folder + "/\(norm).c", "-lm"],
      program: Self.env)
    #expect(built.status == 0, "\(built.errors.prefix(1000))")
    let found = try Command([], program: URL(filePath: bench.path("asks"))).output
    #expect(found == "\(training ? 1 : 0) \(inference ? 1 : 0) 0")
  }

  @Test("A PyTorch package says what it is, and holds its own tests where torch is there")
  func torch() throws {
    let bench = try Workbench()
    let script = bench.path("mine.lua")
    try """
    norm.define("mine", {
      hyper = { epsilon = norm.real { 1e-5, min = 0 }, groups = norm.int { 4, min = 1, divides = "channel" } },
      param = { gamma = norm.per_channel { 1 }, lift = norm.per("group") { 0.5 } },
      buffer = { size = norm.per_channel { 1 } },
      forward = function(x, s, mode)
        local g = x:group(s.groups)
        if mode.train then s.size:track((x ^ 2):mean("batch", "space"), 0.1) end
        return g * ((g ^ 2):mean("member") + s.epsilon):rsqrt() * s.gamma + s.lift / (s.size + 1)
      end,
    })
    """.write(toFile: script, atomically: true, encoding: .utf8)
    let folder = bench.path("mine_torch")
    let made = try Command([
      "export", "mine", "--script", script, "--id", "acme/mine", "--to", "torch", "-o", folder,
      "--cpu", "native", "--shape", "12x5x48",
    ])
    #expect(made.status == 0 && made.output.contains("mine_torch.Mine"), "\(made.errors)")
    let names = try bench.names("mine_torch")
    for name in ["__init__.py", "_norma.py", "norm.json", "norm.so", "_host.so", "reference.py"] {
      #expect(names.contains(name), "\(name)")
    }
    let python = try Command(["python3", "-c", "import torch"], program: Self.env)
    guard python.status == 0 else {
      print("python3 has no torch: the package's own tests are left out")
      return
    }
    let run = try Command(["python3", folder + "/test_norm.py"], program: Self.env)
    #expect(run.status == 0, "\(run.errors)")
  }

  @Test(
    "What cannot be exported is told",
    arguments: [
      (["rms", "--to", "torch", "-o", "not-a-name"], "no name of a Python package"),
      (["rms", "--to", "cobol", "-o", "x"], "cobol"),
      (["power", "--to", "c", "-o", "x"], "backward"),
      (["nosuch", "--to", "c", "-o", "x"], "no norm named"),
      (["rms", "--to", "c", "-o", "/proc/none/x"], "cannot be written"),
      (["rms", "--to", "c", "-o", "/tmp"], "is there already"),
    ])
  func refusals(_ arguments: [String], _ reason: String) throws {
    let found = try Command(["export"] + arguments)
    #expect(found.status != 0 && found.errors.contains(reason), "\(found.errors)")
  }
}
