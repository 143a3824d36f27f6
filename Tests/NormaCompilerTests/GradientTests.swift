import NormaCompiler
import NormaCore
import NormaGraph
import Testing

/// Small ones; a stopped gradient and a maximum over everything are not what differences measure.
private let smoothCases = FormulaCase.all.filter { test in
  test.shape.reduce(1, *) < 200
    && !["stopped", "over everything"].contains { test.description.hasPrefix($0) }
}

@Test("The gradient is that of finite differences in Double", arguments: smoothCases)
func gradientsHold(_ test: FormulaCase) throws {
  let layout = try TensorLayout(shape: test.shape, axis: test.axis)
  let reference = try Reference(program: try program(test.formula), layout: layout)
  var random = RandomSource(seed: 11)
  func draw(_ n: Int) -> [Double] { (0..<n).map { _ in random.normal() + 0.2 } }
  var values = Reference.Values(
    inputs: [draw(layout.count)], parameters: [draw(layout.channelCount), [0.7]], hyper: [0.01],
    outputGradient: draw(layout.count))
  let gradient = reference.backward(values)
  func loss() -> Double {
    zip(reference.forward(values)["y"] ?? [], values.outputGradient).map(*).reduce(0, +)
  }
  let h = 1e-6
  for i in stride(from: 0, to: layout.count, by: 7) {
    let x = values.inputs[0][i]
    values.inputs[0][i] = x + h
    let up = loss()
    values.inputs[0][i] = x - h
    let difference = (up - loss()) / (2 * h)
    values.inputs[0][i] = x
    let symbolic = try #require(gradient["input:x"])[i]
    #expect(abs(difference - symbolic) < 1e-5 * max(1, abs(symbolic)))
  }
  let alpha = values.parameters[1][0]
  values.parameters[1][0] = alpha + h
  let up = loss()
  values.parameters[1][0] = alpha - h
  let difference = (up - loss()) / (2 * h)
  let symbolic = try #require(gradient["parameter:alpha"])[0]
  #expect(abs(difference - symbolic) < 1e-5 * max(1, abs(symbolic)))
}
