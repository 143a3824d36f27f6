import CKernels
package import NormaCore

extension Network {
  /// Forward and backward of arbitrary data with a given output gradient, without an update: for tests.
  ///
  /// - Returns: the output, and the input's gradient if the network was built to give it.
  package func probe(
    input: [Float], outputGradient: [Float], step: Int = 0
  ) throws(NormaError) -> (output: [Float], inputGradient: [Float]) {
    guard let program = trainingProgram, let gradient = program.outputGradient else {
      throw NormaError(.usage, "this network does not train")
    }
    let count = batch * outputShape.reduce(1, *)
    guard input.count == batch * spec.input.reduce(1, *), outputGradient.count == count else {
      throw NormaError(.data, "wrong number of values")
    }
    ck_serial_libraries()
    for (i, value) in input.enumerated() { program.input[i] = value }
    let run = run(step: step)
    try program.forward(run)
    let output = Array(UnsafeBufferPointer(start: program.output, count: count))
    for (i, value) in outputGradient.enumerated() { gradient[i] = value }
    try program.backward(run)
    let inputGradient = program.inputGradient.map {
      Array(UnsafeBufferPointer(start: $0, count: input.count))
    }
    return (output, inputGradient ?? [])
  }
}
