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
