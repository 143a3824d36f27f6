import CNormaABI
import Foundation
import Testing

/// A struct of the golden layout.
private struct Golden {
  let name: String
  let size: Int
  var fields: [(name: String, offset: Int)] = []

  static let all: [Golden] = {
    var structs: [Golden] = []
    for line in goldenLayout.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      if !line.hasPrefix(" "), words.count == 2, let size = Int(words[1]) {
        structs.append(Golden(name: words[0], size: size))
      } else {
        for word in words {
          let parts = word.split(separator: ":")
          guard let last = structs.indices.last, parts.count == 2, let offset = Int(parts[1]) else {
            continue
          }
          structs[last].fields.append((String(parts[0]), offset))
        }
      }
    }
    return structs
  }()
}

@Suite("The plugin header")
struct LayoutTests {
  static let compilers = [
    ["gcc", "-std=c11"], ["clang", "-std=c11"], ["g++", "-std=c++17"], ["clang++", "-std=c++17"],
  ]
  .filter { Workshop.has($0[0]) }

  @Test("compiles alone and without warnings", arguments: compilers)
  func compiles(_ compiler: [String]) throws {
    let workshop = try Workshop()
    let source = try workshop.write(
      compiler[1].contains("++") ? "alone.cpp" : "alone.c", "#include \"norma_plugin.h\"\n")
    try Workshop.run(
      compiler + ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-c"]
        + ["-I" + Workshop.include, source, "-o", workshop.folder + "/alone.o"])
  }

  @Test("has the golden sizes and offsets", arguments: compilers)
  func layout(_ compiler: [String]) throws {
    let workshop = try Workshop()
    var lines = ["#include <stdio.h>", "#include \"norma_plugin.h\"", "int main(void) {"]
    for type in Golden.all {
      lines.append("printf(\"%d\\n\", (int)sizeof(\(type.name)));")
      for field in type.fields {
        lines.append("printf(\"%d\\n\", (int)offsetof(\(type.name), \(field.name)));")
      }
    }
    lines.append("return 0; }")
    let source = try workshop.write(
      compiler[1].contains("++") ? "layout.cpp" : "layout.c", lines.joined(separator: "\n"))
    let program = workshop.folder + "/layout"
    try Workshop.run(compiler + ["-I" + Workshop.include, source, "-o", program])
    let printed = try Workshop.run([program]).split(separator: "\n").compactMap { Int($0) }
    #expect(printed == Golden.all.flatMap { [$0.size] + $0.fields.map(\.offset) })
  }

  @Test("Swift sees the same sizes and offsets")
  func swift() throws {
    let sizes = [
      "norma_string": MemoryLayout<norma_string>.size,
      "norma_value": MemoryLayout<norma_value>.size,
      "norma_error": MemoryLayout<norma_error>.size,
      "norma_layout": MemoryLayout<norma_layout>.size,
      "norma_tensor": MemoryLayout<norma_tensor>.size, "norma_host": MemoryLayout<norma_host>.size,
      "norma_hyper": MemoryLayout<norma_hyper>.size,
      "norma_constraint": MemoryLayout<norma_constraint>.size,
      "norma_state": MemoryLayout<norma_state>.size, "norma_input": MemoryLayout<norma_input>.size,
      "norma_settings": MemoryLayout<norma_settings>.size,
      "norma_plan": MemoryLayout<norma_plan>.size, "norma_call": MemoryLayout<norma_call>.size,
      "norma_norm": MemoryLayout<norma_norm>.size, "norma_plugin": MemoryLayout<norma_plugin>.size,
      "norma_definition": MemoryLayout<norma_definition>.size,
    ]
    #expect(Dictionary(uniqueKeysWithValues: Golden.all.map { ($0.name, $0.size) }) == sizes)
    func offset(_ type: String, _ field: String) -> Int? {
      Golden.all.first { $0.name == type }?.fields.first { $0.name == field }?.offset
    }
    #expect(offset("norma_call", "saved") == MemoryLayout<norma_call>.offset(of: \.saved))
    #expect(offset("norma_norm", "backward") == MemoryLayout<norma_norm>.offset(of: \.backward))
    #expect(offset("norma_layout", "roles") == MemoryLayout<norma_layout>.offset(of: \.roles))
    #expect(offset("norma_hyper", "minimum") == MemoryLayout<norma_hyper>.offset(of: \.minimum))
    #expect(offset("norma_plugin", "get_norm") == MemoryLayout<norma_plugin>.offset(of: \.get_norm))
  }

  @Test("a tail of zeros is accepted, one that carries meaning is not")
  func tails() {
    var call = norma_call()
    call.struct_size = UInt32(MemoryLayout<norma_call>.size)
    #expect(norma_tail_is_zero(&call, 112) == 1)
    call.thread_scratch_stride = 1 << 40
    #expect(norma_tail_is_zero(&call, 112) == 0)
    #expect(norma_tail_is_zero(&call, 120) == 1)
  }

  @Test("an error is filled within its buffer, whatever its size", arguments: [0, 1, 5, 64])
  func errors(_ capacity: Int) {
    var buffer = [CChar](repeating: 0x55, count: 65)
    buffer.withUnsafeMutableBufferPointer { buffer in
      var error = norma_error()
      error.message = buffer.baseAddress
      error.message_capacity = UInt64(capacity)
      #expect(norma_fail(&error, NORMA_INVALID, NORMA_ABOUT_HYPER, 3, "too large") == NORMA_INVALID)
      #expect(error.message_length == min(capacity, 9))
      #expect(error.index == 3)
      #expect(buffer[Int(error.message_length)] == 0x55)
    }
    #expect(norma_fail(nil, NORMA_ERROR, 0, 0, "x") == NORMA_ERROR)
  }
}
