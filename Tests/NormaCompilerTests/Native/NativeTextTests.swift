import NormaCompiler
import NormaCore
import NormaGraph
import Testing

/// What plugins get is open in the batch, whatever machine code for one shape does.
@Test(
  "Code of large tensors serves any batch",
  arguments: [
    (FormulaCase.plainVariance, [32, 64, 56, 56], 1, "1, 3136, 64"),
    (FormulaCase.rms, [8192, 64], -1, "0, 0, 64"),
    (FormulaCase.rms, [512, 4096], -1, "0, 0, 4096"),
  ])
func specialsAreOpen(
  _ formula: @escaping FormulaCase.Formula, _ shape: [Int], _ axis: Int, _ sizes: String
) throws {
  let special = try NativeSpecial(
    try program(formula), layout: try TensorLayout(shape: shape, axis: [axis]), lanes: 16,
    name: "it")
  // Behind the sizes: groups, chunk, and the batch, of which 0 is any.
  #expect(special?.text.contains("const special it = {\(sizes), 1, 0, 0,") == true)
}

/// Results do not tell how memory is gone over, only the text does.
@Test(
  "Texts go across the ends of odd rows, and along segments of rows that share places",
  arguments: [
    (FormulaCase.perSample, [4, 6, 14, 14], 1, true, false),
    (FormulaCase.perSample, [4, 6, 16, 16], 1, false, false),
    // Arrays along rows, which are read in parts where rows meet; not where rows are short.
    (FormulaCase.layer, [4, 6, 14, 14], 1, true, false),
    (FormulaCase.layer, [64, 20], -1, false, false),
    (FormulaCase.rms, [1024, 4096], -1, false, true),
    (FormulaCase.rms, [1024, 4096 + 16], -1, false, false),
  ])
func waysOfWriting(
  _ formula: @escaping FormulaCase.Formula, _ shape: [Int], _ axis: Int, _ isAcross: Bool,
  _ hasSegments: Bool
) throws {
  let special = try NativeSpecial(
    try program(formula), layout: try TensorLayout(shape: shape, axis: [axis]), lanes: 16,
    name: "it")
  let text = try #require(special?.text)
  #expect(text.contains("nk_if(own, ") == isAcross)
  #expect(text.contains("float F0p[1024]") == hasSegments)
}

/// Results do not tell what is made once, only the text does.
@Test(
  "What a column has goes into arrays where rows are many, and off the sums at the end",
  arguments: [
    (FormulaCase.groups, [8, 7, 7, 24], true, true),
    (FormulaCase.groups, [8, 2, 2, 24], false, false),
    (FormulaCase.groups, [8, 4, 4, 1026], false, true),
    (FormulaCase.layer, [64, 24], false, false),
  ])
func whatAColumnHas(
  _ formula: @escaping FormulaCase.Formula, _ shape: [Int], _ hasArrays: Bool, _ isCorrected: Bool
) throws {
  let special = try NativeSpecial(
    try program(formula), layout: try TensorLayout(shape: shape, axis: [-1]), lanes: 8, name: "it")
  let text = try #require(special?.text)
  #expect(text.contains("float H") == hasArrays)
  #expect(text.contains(" - Tp") == isCorrected)
}

/// Results do not tell how rows are summed, only the text does.
@Test(
  "Rows up to 64 values are summed many at once", arguments: [(3, false), (20, true), (65, false)])
func shortRowsAtOnce(_ count: Int, _ hasShifts: Bool) throws {
  let special = try NativeSpecial(
    try program(FormulaCase.layer), layout: try TensorLayout(shape: [63, count], axis: [-1]),
    lanes: 16, name: "it")
  let text = try #require(special?.text)
  #expect(text.contains("sums(s") == (count <= 64))
  #expect(text.contains("middles(D") == hasShifts)
}

/// A last batch that is smaller would wait for the compiler otherwise.
@Test("Blocks of columns have one text for all batches of up to 128 rows, and longer ones another")
func blocksOfAnyBatch() throws {
  let workshop = try NativeWorkshop()
  let session = workshop.session(try workshop.wrapper())
  let batch = try program(FormulaCase.plainVariance)
  func compilations(_ rows: Int) throws -> Int {
    let layout = try TensorLayout(shape: [rows, 320], axis: [-1])
    let kernel = try TilesKernel(program: batch, layout: layout, native: session)
    session.settle(within: ample)
    #expect(kernel.executor == "native")
    #expect(kernel.planDescription?.contains("64 channels at a time") == (rows <= 128))
    return workshop.compilations
  }
  #expect(try [128, 96, 37, 129].map(compilations) == [1, 1, 1, 2])
}

private let logarithm: FormulaCase.Formula = { x in
  let r: Expr = (x.meanSquare(.channel) + FormulaCase.epsilon).rsqrt()
  return x * r.log() * FormulaCase.gamma
}

/// Results do not tell how many loops there are, only the text does.
@Test(
  "Steps over the same statistics are one loop, but what a compiler makes no vector of",
  arguments: [
    // Forward: from shifted sums to floats. Backward: what is saved, then what sums give.
    (FormulaCase.rms, 3), (FormulaCase.layer, 3),
    // A logarithm of a statistic stands between.
    (logarithm, 5),
  ])
func stepsAreJoined(_ formula: @escaping FormulaCase.Formula, _ count: Int) throws {
  let special = try NativeSpecial(
    try program(formula), layout: try TensorLayout(shape: [64, 256], axis: [-1]), lanes: 16,
    name: "it")
  let text = try #require(special?.text)
  #expect(text.ranges(of: "APART for").count == count)
}
