import Foundation
import NormaCore
import NormaLua
import NormaNorms
import Testing

@Test("Tensors of numbers: made, indexed, combined, compared")
func tensors() throws {
  try runNorms(
    """
    local t = tensor { { 1, 2 }, { 3, 4 } }
    assert(t.shape[1] == 2 and t.shape[2] == 2 and #t.shape == 2 and t.count == 4 and #t == 2)
    assert(t[2][1] == 3 and t:sum() == 10 and t:mean() == 2.5)
    assert(t + t == 2 * t and t - 1 == tensor { { 0, 1 }, { 2, 3 } } and -t == t * -1)
    assert(t ^ 2 == t:square() and 6 / t == tensor { { 6, 3 }, { 2, 1.5 } })
    assert(t:max(3) == tensor { { 3, 3 }, { 3, 4 } } and t:clamp(2, 3)[1] == tensor { 2, 2 })
    assert(where(t:gt(2), t, 0)[1]:sum() == 0)
    assert(math.sqrt(t:square()) == t)
    assert(t ~= t + 1 and t ~= tensor { 1, 2 })
    local close, difference = t:close(t + 0.5, 0.1)
    assert(not close and difference == 0.5 and t:close(t + 0.5, 0.5))
    assert(tensor.zeros { 2, 3 } == tensor.full({ 2, 3 }, 0))
    assert(tensor.random(7, { 5, 3 }) == tensor.random(7, { 5, 3 }))
    assert(tensor.random(7, { 5, 3 }) ~= tensor.random(8, { 5, 3 }))
    assert(math.abs(tensor.random(7, { 1000 }):mean()) < 0.1)
    assert(tensor.zeros { 0, 3 }.count == 0 and tensor(5):sum() == 5)
    """)
}

@Test("A tensor prints its shape, statistics and the ends of its axes")
func tensorText() throws {
  let values = try runNorms(
    "return tostring(tensor { { 1, 2 }, { 3, 4.5 } }), tostring(tensor { 1,2,3,4,5,6,7,8,9 }),"
      + " tostring(tensor.zeros { 0, 2 })")
  #expect(
    values[0].text == "tensor 2x2   mean 2.625   std 1.293\n  {\n    { 1, 2 }\n    { 3, 4.5 }\n  }")
  #expect(
    values[1].text == "tensor 9   mean 5   std 2.582\n  { 1, 2, 3, ..., 7, 8, 9 }")
  #expect(values[2].text == "tensor 0x2")
}

@Test(
  "Wrong tensors say what is wrong",
  arguments: [
    ("tensor { { 1, 2 }, { 3 } }", "tensor: a row has 1 items, another 2"),
    ("tensor { 1, { 2 } }", "tensor: numbers and lists are mixed"),
    ("tensor { { 1 }, 2 }", "tensor: a list of numbers is expected, got 2"),
    ("tensor { 'a' }", "tensor: a list of numbers is expected, got 'a'"),
    ("tensor()", "tensor: a list of numbers is expected, got nil"),
    ("tensor { x = 1 }", "tensor: no field 'x'"),
    ("tensor.zero { 1 }", "tensor has no 'zero'; did you mean 'zeros'?"),
    (
      "tensor.zeros { 1 << 40, 1 << 40 }",
      "tensor.zeros: shape [1099511627776, 1099511627776] has more than 67108864 elements"
    ),
    ("tensor.zeros { -1 }", "tensor.zeros: [-1] is no shape"),
    ("tensor.random({ 2 }, 1)", "tensor.random: 'seed' must be a whole number, got a table"),
    ("return tensor { 1 }[2]", "tensor: no item [2] in shape [1]"),
    ("return tensor { 1 } + tensor { 1, 2 }", "tensor: '+' of shapes [1] and [2]"),
    ("return tensor { 1 } + 'a'", "tensor: '+' takes tensors and numbers, got 'a'"),
    ("return tensor { 1 }:close(tensor { 1, 2 })", "tensor:close: shapes [1] and [2] differ"),
    (
      "tensor.load '../x.npy'",
      "tensor.load: cannot read '../x.npy': there is no ../x.npy beside the script"
    ),
    ("tensor.load '/etc/passwd'", "tensor.load: '/etc/passwd' is no .npy file beside the script"),
    ("where(1)", "where: a condition and two values are needed, got 1 argument(s)"),
    ("where(1, 2, 3)", "where: the condition must be a tensor, got 1"),
  ])
func tensorMistakes(text: String, message: String) throws {
  let error = try normFailure(of: "\n" + text)
  #expect(error.message == message)
  #expect(error.place?.line == 2)
}

@Test("Files are read under the script's folder only, and the scripts that were read are kept")
func filesBesideScripts() throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "norma-session-\(UUID().uuidString)")
  defer { try? FileManager.default.removeItem(at: folder) }
  let inner = folder.appendingPathComponent("inner")
  try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
  func write(_ text: String, _ path: String) throws {
    try text.write(to: folder.appendingPathComponent(path), atomically: true, encoding: .utf8)
  }
  // One version 1.0 header of 64 bytes in all, then two float32.
  var npy = Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0, 118, 0])
  let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
  npy += Data(header.padding(toLength: 117, withPad: " ", startingAt: 0).utf8) + Data([0x0A])
  for value in [Float(1.5), 2.5] {
    withUnsafeBytes(of: value.bitPattern.littleEndian) { npy += Data($0) }
  }
  try npy.write(to: inner.appendingPathComponent("x.npy"))
  try npy.write(to: folder.appendingPathComponent("outside.npy"))
  try FileManager.default.createSymbolicLink(
    at: inner.appendingPathComponent("link.npy"),
    withDestinationURL: folder.appendingPathComponent("outside.npy"))
  try write(ExampleScripts.norms, "inner/norms.lua")
  try write("norms = 'of the outer folder'", "norms.lua")
  try write("require 'norms'\nreturn tensor.load('x.npy'):sum()", "inner/main.lua")
  try write("require 'norms'\nassert(norms == 'of the outer folder')", "outer.lua")
  try write("return tensor.load '../outside.npy'", "inner/escape.lua")
  try write("return tensor.load 'link.npy'", "inner/link.lua")
  let session = try ScriptSession()
  try session.load(scripts: [folder.appendingPathComponent("outer.lua").path])
  let sum = try session.run(file: inner.appendingPathComponent("main.lua").path)
  #expect(sum.first?.number == 4)
  #expect(session.registry.names.contains("batch_plus"))
  #expect(session.sources.map(\.name) == ["outer.lua", "norms.lua", "main.lua", "norms.lua"])
  #expect(session.sources.last?.text == ExampleScripts.norms)
  for name in ["escape", "link"] {
    do {
      try session.run(file: inner.appendingPathComponent("\(name).lua").path)
      Issue.record("\(name).lua read a file outside its folder")
    } catch {
      #expect(error.message.contains("outside the script's folder"))
    }
  }
}

@Test("Tensors a script drops are collected in time")
func tensorMemory() throws {
  // 4 GiB in all: Lua sees the bytes behind a tensor, or the machine runs out of memory.
  try runNorms("for i = 1, 1000 do local t = tensor.zeros { 1 << 20 } end")
}
