import CKernels
import NormaGraph
import Testing

@Test("The Swift and the C list of operations name the same ones with the same operands")
func tablesAgree() {
  var arities: [String: Int] = [:]
  for i in 0..<Int32(CK_OP_COUNT) {
    if let name = ck_operation_name(i) {
      arities[String(cString: name)] = Int(ck_operation_arity(i))
    }
  }
  for operation in Elementwise.all { #expect(arities[operation.name] == operation.arity) }
  // What C has besides serves the executor only.
  let extra = Set(arities.keys).subtracting(Elementwise.all.map(\.name))
  #expect(extra == ["copy", "center", "fma"])
}

@Test("Tile loops compute what the Swift entry says, for every way operands repeat")
func tileLoopsAgree() throws {
  let n = 37
  let values: [Float] = (0..<n).map { Float($0 - 18) * 0.37 + 0.01 }
  let others: [Float] = (0..<n).map { Float(($0 * 7) % n - 17) * 0.21 }
  for i in 0..<Int32(CK_OP_COUNT) {
    guard let name = ck_operation_name(i).map({ String(cString: $0) }),
      let operation = Elementwise.all.first(where: { $0.name == name })
    else { continue }
    for pattern in 0..<8 {
      let strides = [pattern & 1, pattern >> 1 & 1, pattern >> 2 & 1]
      var z = [Float](repeating: 0, count: n)
      values.withUnsafeBufferPointer { a in
        others.withUnsafeBufferPointer { b in
          z.withUnsafeMutableBufferPointer { z in
            let operands = [a, b, a].enumerated().map {
              ck_operand(data: $1.baseAddress, row_stride: 0, inner_stride: strides[$0])
            }
            ck_map(i)(z.baseAddress, n, operands[0], operands[1], operands[2], 1, n)
          }
        }
      }
      for k in 0..<n {
        let expected = Float(
          operation.evaluate(
            Double(values[k * strides[0]]), Double(others[k * strides[1]]),
            Double(values[k * strides[2]])))
        let tolerance = 4 * Swift.max(expected.ulp, Float.leastNormalMagnitude)
        #expect(
          z[k] == expected || (z[k].isNaN && expected.isNaN) || abs(z[k] - expected) <= tolerance,
          "\(name) pattern \(pattern) at \(k): \(z[k]) instead of \(expected)")
      }
    }
  }
}

@Test(
  "Transcendental functions are within 2 units in the last place, for floats of every size",
  arguments: ["exp", "log", "tanh", "sigmoid", "erf"])
func functionsAreClose(name: String) throws {
  let operation = try #require(Elementwise.all.first { $0.name == name })
  let code = try #require(
    (0..<Int32(CK_OP_COUNT)).first { ck_operation_name($0).map { String(cString: $0) } == name })
  let values = stride(from: UInt32(0), to: .max - 4099, by: 4099).map(Float.init(bitPattern:))
  var z = [Float](repeating: 0, count: values.count)
  values.withUnsafeBufferPointer { x in
    z.withUnsafeMutableBufferPointer { z in
      let operand = ck_operand(data: x.baseAddress, row_stride: 0, inner_stride: 1)
      ck_map(code)(z.baseAddress, z.count, operand, operand, operand, 1, z.count)
    }
  }
  var worst = (error: 0.0, at: Float(0))
  for (x, found) in zip(values, z) {
    let exact = operation.evaluate(Double(x), 0, 0)
    let nearest = Float(exact)
    #expect(found.isNaN == nearest.isNaN, "\(name)(\(x)) is \(found), not \(nearest)")
    guard nearest.isFinite, found != nearest else {
      #expect(nearest.isNaN || found == nearest, "\(name)(\(x)) is \(found), not \(nearest)")
      continue
    }
    let error = abs(Double(found) - exact) / Double(nearest.ulp)
    if error > worst.error { worst = (error, x) }
  }
  #expect(worst.error <= 2, "\(name)(\(worst.at)) is \(worst.error) units off")
}
