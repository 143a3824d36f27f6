import Foundation
import NormaCompiler
import NormaCore
import NormaGraph
import Testing

/// Memory of one call, filled at random.
private struct Bench {
  let layout: TensorLayout
  var call = KernelCall()
  let x: [Float]
  let dy: [Float]
  let gamma: [Float]
  private var owned: [UnsafeMutableRawPointer] = []

  init(
    _ layout: TensorLayout, _ kernel: any NormKernel, threads: Int, x given: [Float]? = nil,
    dy: [Float]? = nil
  ) {
    self.layout = layout
    var random = RandomSource(seed: 5)
    func draw(_ n: Int) -> [Float] { (0..<n).map { _ in Float(random.normal() + 0.2) } }
    let drawn = draw(layout.count)
    x = given ?? drawn
    let drawnGradient = draw(layout.count)
    self.dy = dy ?? drawnGradient
    gamma = draw(layout.channelCount)
    call.hyper = [0.01]
    call.threads = threads
    call.inputs = [UnsafePointer(floats(x))]
    call.outputGradient = UnsafePointer(floats(self.dy))
    call.parameters = [UnsafePointer(floats(gamma)), UnsafePointer(floats([0.7]))]
    call.output = floats(x.map { _ in .nan })
    call.inputGradients = [floats(x.map { _ in .nan })]
    call.parameterGradients = [floats(gamma.map { _ in .nan }), floats([.nan])]
    let memory = kernel.memory(threads: threads)
    call.saved = bytes(memory.savedBytes)
    call.workspace = bytes(memory.workspaceBytes)
  }

  private mutating func bytes(_ count: Int) -> UnsafeMutableRawPointer {
    let p = UnsafeMutableRawPointer.allocate(byteCount: max(count, 64), alignment: 64)
    p.initializeMemory(as: UInt8.self, repeating: 0xff, count: max(count, 64))
    owned.append(p)
    return p
  }
  private mutating func floats(_ values: [Float]) -> UnsafeMutablePointer<Float> {
    let p = bytes(values.count * 4).assumingMemoryBound(to: Float.self)
    p.update(from: values, count: values.count)
    return p
  }
  func read(_ p: UnsafeMutablePointer<Float>?, _ n: Int) -> [Float] {
    p.map { Array(UnsafeBufferPointer(start: $0, count: n)) } ?? []
  }
  func free() { for p in owned { p.deallocate() } }
}

private func error(_ values: [Float], _ reference: [Double]?, least: Double = 1e-3) -> Double {
  guard let reference, reference.count == values.count else { return .infinity }
  let scale = max(reference.map(abs).max() ?? 0, least)
  return zip(values, reference).map { abs(Double($0) - $1) }
    .reduce(0) { $1.isNaN ? .infinity : max($0, $1) } / scale
}

/// One session for all: the C compiler is asked for once, and equal texts are compiled once.
private let session = NativeSession(
  environment: ProcessInfo.processInfo.environment, cores: 2, wait: .seconds(60))

@Test("Tiles agree with Reference, forward and backward", arguments: FormulaCase.all)
func tilesAgree(_ test: FormulaCase) throws { try agrees(test, "tiles") }

/// Compiling takes its time: every eighth form, which is each shape once in a while, or all of them with
/// NORMA_TEST_ALL set.
private let nativeCases: [FormulaCase] = {
  let step = ProcessInfo.processInfo.environment["NORMA_TEST_ALL"] == nil ? 8 : 1
  return stride(from: 0, to: FormulaCase.all.count, by: step).map { FormulaCase.all[$0] }
}()

@Test("Each shape is among those that native code is tested on")
func nativeCasesHaveAllShapes() {
  let tested = nativeCases.map { "\($0.shape) \($0.axis)" }
  #expect(Set(tested).isSuperset(of: FormulaCase.shapes.map { "\($0.0) \($0.1)" }))
}

@Test("Native code agrees with Reference, forward and backward", arguments: nativeCases)
func nativeAgrees(_ test: FormulaCase) throws { try agrees(test, "native") }

/// A text has vectors of one width, by the processor; a compiler makes either run.
@Test("Native code agrees with Reference in vectors of 8 and of 16", arguments: [8, 16])
func vectorWidthsAgree(_ lanes: Int) throws {
  let environment = ProcessInfo.processInfo.environment
  var toolchain = try NativeToolchain(environment: environment)
  toolchain.processor = lanes == 16 ? "flags: avx512f" : "flags: avx2"
  #expect(toolchain.lanes == lanes)
  let session = NativeSession(
    toolchain: .success(toolchain),
    cache: Result { () throws(NormaError) in
      try NativeCache(environment: environment)
    }, environment: environment, cores: 2, wait: .seconds(60))
  let long = FormulaCase.all.filter { $0.shape == [9, 1026] }
  let some = stride(from: 4, to: FormulaCase.all.count, by: 41).map { FormulaCase.all[$0] }
  // Columns of a block end with a vector of 8, not with one of 16.
  let block = FormulaCase(
    description: "batch", shape: [37, 3, 112], axis: [-1], formula: FormulaCase.plainVariance)
  let longs = stride(from: 0, to: long.count, by: 4).map { long[$0] }
  for test in some + longs + [block] + FormulaCase.short {
    try agrees(test, "native", in: session)
  }
}

/// Slices that do not stay in the first-level cache are taken apart where each channel, or group of
/// them, has its own statistics. One of them overflows in float: it alone is done again.
@Test(
  "Runs of channels agree with Reference",
  arguments: [
    ("groups", FormulaCase.groups), ("gated groups", FormulaCase.gatedGroups),
    ("many gated groups", FormulaCase.manyGatedGroups),
    ("gated channels", FormulaCase.gatedChannels), ("gates", FormulaCase.gates),
    ("across groups", FormulaCase.acrossGroups), ("per sample", FormulaCase.perSample),
  ])
func runsAgree(_ name: String, _ formula: @escaping FormulaCase.Formula) throws {
  let test = FormulaCase(description: name, shape: [4, 36, 45, 45], axis: [1], formula: formula)
  try agrees(test, "native")
  guard ["groups", "gated groups"].contains(name) else { return }
  var random = RandomSource(seed: 3)
  let x = (0..<test.shape.reduce(1, *)).map { i in
    let isLarge = (1500..<1600).contains(i) || (150_000..<150_020).contains(i)
    return Float(random.normal() + 0.2) * (isLarge ? 1e20 : 1)
  }
  try agrees(test, "native", x: x)
  // Backward too: products of x and dy, whose sums over the batch are put back first.
  if name == "groups" { try agrees(test, "native", x: x, dy: x) }
}

/// Rows of whole pages that come from memory go along segments of columns. One row overflows in float.
@Test(
  "Long rows agree with Reference",
  arguments: [("layer", FormulaCase.layer), ("rms", FormulaCase.rms), ("dyt", FormulaCase.dyt)])
func longRowsAgree(_ name: String, _ formula: @escaping FormulaCase.Formula) throws {
  let test = FormulaCase(description: name, shape: [1027, 4096], axis: [-1], formula: formula)
  try agrees(test, "native")
  var random = RandomSource(seed: 3)
  let x = (0..<test.shape.reduce(1, *)).map { i in
    Float(random.normal() + 0.2) * (i / 4096 == 5 ? 1e20 : 1)
  }
  try agrees(test, "native", x: x)
}

/// Results are written across the ends of rows, past the cache, on any number of threads.
@Test(
  "Large images of odd sizes agree with Reference",
  arguments: [
    ("groups", FormulaCase.groups), ("per sample", FormulaCase.perSample),
    ("per position", FormulaCase.layer),
  ])
func oddImagesAgree(_ name: String, _ formula: @escaping FormulaCase.Formula) throws {
  let test = FormulaCase(description: name, shape: [41, 36, 55, 53], axis: [1], formula: formula)
  try agrees(test, "native")
  let layout = try TensorLayout(shape: test.shape, axis: test.axis)
  func run(threads: Int, isWanted: Bool) throws -> [[Float]] {
    let kernel = try TilesKernel(program: try program(formula), layout: layout, native: session)
    session.settle()
    var bench = Bench(layout, kernel, threads: threads)
    defer { bench.free() }
    let gradient = bench.call.inputGradients[0]
    if !isWanted { bench.call.inputGradients = [nil] }
    try kernel.forward(bench.call)
    try kernel.backward(bench.call)
    let results = [
      bench.read(bench.call.parameterGradients[0], layout.channelCount),
      bench.read(bench.call.output, layout.count),
    ]
    return isWanted ? results + [bench.read(gradient, layout.count)] : results
  }
  let alone = try run(threads: 1, isWanted: true)
  let isSame = try run(threads: 3, isWanted: true) == alone
  let isSameUnwanted = try run(threads: 2, isWanted: false) == Array(alone.dropLast())
  #expect(isSame && isSameUnwanted)
}

/// Large images whose statistics are channels' go through all passes a channel at a time, few rows a block
/// of columns at a time: their rows lie apart. One channel overflows in float; of another, a coefficient is
/// no float, and tiles step in.
@Test(
  "Channels one after another agree with Reference",
  arguments: [
    ("batch", FormulaCase.plainVariance, [4, 67, 125, 127], 1),
    ("over the batch alone", FormulaCase.overBatch, [4, 67, 125, 127], 1),
    // Rows too long for an unwanted one to lie on the stack.
    ("gated batch", FormulaCase.gatedBatch, [3, 71, 145, 143], 1),
    ("batch", FormulaCase.plainVariance, [37, 3, 112], 2),
    // One block of all columns, which do not end with a vector.
    ("batch", FormulaCase.plainVariance, [16, 8, 83], 2),
    ("over the batch alone", FormulaCase.overBatch, [37, 1, 112], 2),
    ("gated batch", FormulaCase.gatedBatch, [37, 3, 112], 2),
  ])
func channelsAgree(
  _ name: String, _ formula: @escaping FormulaCase.Formula, _ shape: [Int], _ axis: Int
) throws {
  let test = FormulaCase(description: name, shape: shape, axis: [axis], formula: formula)
  let layout = try TensorLayout(shape: test.shape, axis: test.axis)
  let kernel = try TilesKernel(program: try program(formula), layout: layout, native: session)
  session.settle()
  #expect(isByChannel(kernel))
  try agrees(test, "native")
  var random = RandomSource(seed: 3)
  var x = (0..<layout.count).map { _ in Float(random.normal() + 0.2) }
  let (samples, channels, space) = (layout.batchCount, layout.channelCount, layout.spaceCount)
  func index(_ sample: Int, _ channel: Int, _ i: Int) -> Int {
    axis == 1
      ? (sample * channels + channel) * space + i : (sample * space + i) * channels + channel
  }
  for i in 0..<samples * space where (7..<60).contains(i) {
    x[index(i / space, 5, i % space)] *= 1e20
  }
  try agrees(test, "native", x: x)
  guard name == "batch" else { return }
  for i in 0..<samples * space {
    x[index(i / space, 9, i % space)] = i % space == 2 ? 3e38 : 2e38
  }
  try agrees(test, "native", x: x)
}

/// Whether both directions go through all passes a channel, or a block of them, at a time.
private func isByChannel(_ kernel: TilesKernel) -> Bool {
  (kernel.planDescription ?? "").components(separatedBy: " at a time in all ").count == 3
}

/// Running statistics and parameters' gradients come from slices, each of which has one number of them, or
/// one of each of its channels.
@Test(
  "Channels one after another keep running statistics, on any number of threads",
  arguments: [([4, 67, 125, 127], 1), ([61, 2, 960], 2)])
func channelsKeepBuffers(_ shape: [Int], _ axis: Int) throws {
  let roles: RoleSet = [.batch, .space]
  let x = Expr.input("x")
  let mean = Expr.buffer("mean", per: .channel)
  func program(_ update: Expr) throws -> NormProgram {
    try NormProgram(
      inputs: [("x", .all)], parameters: [("gamma", .channel), ("alpha", .none)],
      buffers: [("mean", .channel)], hyper: ["epsilon"],
      output: FormulaCase.plainVariance(x) + mean,
      updates: [("mean", mean * 0.75 + update * 0.25)], gradient: true)
  }
  let layout = try TensorLayout(shape: shape, axis: [axis])
  let (channels, perChannel) = (layout.channelCount, layout.batchCount * layout.spaceCount)
  func run(
    _ program: NormProgram, _ session: NativeSession?, threads: Int, isWanted: Bool = true,
    byChannel: Bool = true
  ) throws -> [Float] {
    let kernel = try TilesKernel(program: program, layout: layout, native: session)
    session?.settle()
    #expect(isByChannel(kernel) == (session != nil && byChannel))
    var bench = Bench(layout, kernel, threads: threads)
    defer { bench.free() }
    var running = (0..<channels).map { Float($0) / 8 }
    let gradient = bench.call.inputGradients[0]
    if !isWanted { bench.call.inputGradients = [nil] }
    try running.withUnsafeMutableBufferPointer { running throws in
      bench.call.buffers = [try #require(running.baseAddress)]
      try kernel.forward(bench.call)
      try kernel.backward(bench.call)
    }
    // Sums of terms of both signs are judged by the root of their number.
    let dgamma = bench.read(bench.call.parameterGradients[0], channels)
    let dalpha = bench.read(bench.call.parameterGradients[1], 1)
    let statistics =
      running + dgamma.map { $0 / Float(perChannel).squareRoot() }
      + dalpha.map { $0 / Float(layout.count).squareRoot() }
    guard isWanted else { return statistics }
    return statistics + bench.read(bench.call.output, layout.count)
      + bench.read(gradient, layout.count)
  }
  func isNear(_ a: [Float], _ b: [Float]) -> Bool {
    zip(a, b).allSatisfy { abs($0 - $1) < 2e-6 * max(1, abs($0)) }
  }
  let ofChannel = try program(x.mean(roles))
  let tiles = try run(ofChannel, nil, threads: 1)
  let native = try run(ofChannel, session, threads: 1)
  #expect(isNear(tiles, native))
  let isSame = try run(ofChannel, session, threads: 3) == native
  #expect(isSame)
  let unwanted = try run(ofChannel, session, threads: 2, isWanted: false)
  #expect(unwanted == Array(native.prefix(2 * channels + 1)))
  // A number of all channels beside a channel's own is known only when channels are gone.
  let before = (0..<channels).map { Float($0) / 8 * 0.75 }
  let quarter = zip(native, before).map { $0 - $1 }.reduce(0, +) / Float(channels)
  let mixed = try run(try program(x.mean(.all)), session, threads: 2, byChannel: false)
  #expect(isNear(before.map { $0 + quarter }, Array(mixed.prefix(channels))))
}

/// A pass that sums whole rows beside columns: a row's sum is written there, the others are added to.
@Test(
  "Sums of rows and of columns in one pass do not add to what was there",
  arguments: ["tiles", "native"])
func mixedSumsAgree(_ executor: String) throws {
  let test = FormulaCase(description: "channel and member", shape: [1, 32768], axis: [-1]) { x in
    let x = x.group(8)
    let whole: Expr = (x.meanSquare(.channel) + FormulaCase.epsilon).rsqrt()
    let part: Expr = (x.meanSquare(.member) + FormulaCase.epsilon).rsqrt()
    return x * whole + x * part
  }
  try agrees(test, executor)
  // Memory that no number was in yet is no trial: not a number is found out.
  let layout = try TensorLayout(shape: test.shape, axis: test.axis)
  let kernel = try TilesKernel(
    program: try program(test.formula), layout: layout,
    native: executor == "native" ? session : nil)
  session.settle()
  let bench = Bench(layout, kernel, threads: 1)
  defer { bench.free() }
  try kernel.forward(bench.call)
  let once = bench.read(bench.call.output, layout.count)
  try kernel.forward(bench.call)
  #expect(bench.read(bench.call.output, layout.count) == once)
}

/// Many short rows are summed at once; those of which one overflows in float, once more and one by one.
@Test(
  "Short rows that overflow agree with Reference", arguments: [[63, 20], [15, 20], [47, 64]])
func shortRowsOverflow(_ shape: [Int]) throws {
  var random = RandomSource(seed: 3)
  let x = (0..<shape[0] * shape[1]).map { i in
    Float(random.normal() + 0.2) * (i / shape[1] == 9 ? 1e20 : 1)
  }
  for (name, formula) in [("layer", FormulaCase.layer), ("rms", FormulaCase.rms)] {
    let test = FormulaCase(description: name, shape: shape, axis: [-1], formula: formula)
    try agrees(test, "native", x: x)
    try agrees(test, "native", x: x, dy: x)
  }
}

/// Of short rows machine code takes fewer at once than the interpreter, which steps in with its own
/// slices where a number is beyond floats.
@Test("Short rows agree with Reference, and with tiles where machine code gives up")
func shortRowsAgree() throws {
  let test = FormulaCase(
    description: "rms of short rows", shape: [701, 20], axis: [-1], formula: FormulaCase.rms)
  try agrees(test, "native")
  let layout = try TensorLayout(shape: test.shape, axis: test.axis)
  let program = try program(test.formula)
  var random = RandomSource(seed: 6)
  // One over the mean of one row is less than a normal float.
  let x = (0..<layout.count).map { $0 / 20 == 500 ? 2e38 : Float(random.normal()) }
  let results = try ["native", "tiles"].map { executor in
    let kernel = try TilesKernel(
      program: program, layout: layout, native: executor == "native" ? session : nil)
    session.settle()
    #expect(kernel.executor == executor)
    let slices = executor == "native" ? "slices of 32 rows" : "slices of 408 rows"
    #expect(kernel.planDescription?.contains(slices) == true)
    let bench = Bench(layout, kernel, threads: 2, x: x)
    defer { bench.free() }
    try kernel.forward(bench.call)
    try kernel.backward(bench.call)
    return bench.read(bench.call.output, layout.count)
      + bench.read(bench.call.inputGradients[0], layout.count)
      + bench.read(bench.call.parameterGradients[0], layout.channelCount)
  }
  let isSame = results[0].map(\.bitPattern) == results[1].map(\.bitPattern)
  #expect(isSame)
}

@Test("NaN is a number like any other to what is compiled", arguments: ["tiles", "native"])
func constantNaN(_ executor: String) throws {
  let layout = try TensorLayout(shape: [2, 20], axis: [-1])
  let kernel = try TilesKernel(
    program: try program { x in Expr.select(x.gt(0), x, .constant(.nan)) }, layout: layout,
    native: executor == "native" ? session : nil)
  session.settle()
  let bench = Bench(layout, kernel, threads: 1)
  defer { bench.free() }
  try kernel.forward(bench.call)
  for (x, y) in zip(bench.x, bench.read(bench.call.output, layout.count)) {
    #expect(x > 0 ? y == x : y.isNaN)
  }
}

@Test("A gradient that nobody wants is no source of another")
func unwantedGradient() throws {
  let layout = try TensorLayout(shape: [3, 40], axis: [-1])
  let kernel = try TilesKernel(
    program: try NormProgram(
      inputs: [("x", .all), ("e", .all)], parameters: [], buffers: [], hyper: [],
      output: (Expr.input("x") + Expr.input("e").max(0)).tanh(), updates: [], gradient: true),
    layout: layout)
  var bench = Bench(layout, kernel, threads: 1)
  defer { bench.free() }
  bench.call.inputs.append(bench.call.inputs[0])
  let wanted = bench.call.inputGradients[0]
  bench.call.inputGradients = [nil, wanted]
  try kernel.forward(bench.call)
  try kernel.backward(bench.call)
  for (i, d) in bench.read(wanted, layout.count).enumerated() {
    let x = Double(bench.x[i])
    let y = tanh(2 * x)
    #expect(abs(Double(d) - (x > 0 ? (1 - y * y) * Double(bench.dy[i]) : 0)) < 1e-5)
  }
}

@Test(
  "A mean of infinities is infinite",
  arguments: [
    [Float.infinity, .infinity, 1, 1, 2, 3], [.infinity, 1], [1, 2, 3, 4, -.infinity],
  ])
func infiniteMeans(_ row: [Float]) throws {
  let layout = try TensorLayout(shape: [1, row.count], axis: [-1])
  let program = try program { x in x - x.mean(.channel) }
  let kernel = try TilesKernel(program: program, layout: layout)
  let bench = Bench(layout, kernel, threads: 1, x: row)
  defer { bench.free() }
  try kernel.forward(bench.call)
  let y = bench.read(bench.call.output, row.count)
  let sign: Float = row.contains(.infinity) ? -1 : 1
  for (x, y) in zip(row, y) {
    #expect(x.isInfinite ? y.isNaN : y == sign * .infinity, "\(x) became \(y)")
  }
}

/// A coefficient that no float holds makes every pass run in double: nothing but results is rounded.
@Test("Tiles in double agree with Reference to the last bit but one", arguments: FormulaCase.all)
func wideTilesAgree(_ test: FormulaCase) throws { try agrees(test, "tiles", wide: true) }

private func agrees(
  _ test: FormulaCase, _ executor: String, wide: Bool = false, x: [Float]? = nil,
  dy: [Float]? = nil, in session: NativeSession = session
) throws {
  let layout = try TensorLayout(shape: test.shape, axis: test.axis)
  let program = try program { x in
    wide ? test.formula(x) + x * FormulaCase.epsilon.pow(30) : test.formula(x)
  }
  let kernel = try TilesKernel(
    program: program, layout: layout, native: executor == "native" ? session : nil)
  session.settle()
  #expect(kernel.executor == executor, "\(session.notes)")
  let bench = Bench(layout, kernel, threads: 1, x: x, dy: dy)
  defer { bench.free() }
  let reference = try Reference(program: program, layout: layout)
  let values = Reference.Values(
    inputs: [bench.x.map(Double.init)],
    parameters: [bench.gamma.map(Double.init), [Double(Float(0.7))]],
    hyper: [0.01], outputGradient: bench.dy.map(Double.init))
  let forward = reference.forward(values)
  let backward = reference.backward(values)
  try kernel.forward(bench.call)
  try kernel.backward(bench.call)
  #expect(
    error(bench.read(bench.call.output, layout.count), forward["y"]) < (wide ? 1e-7 : 1e-6))
  let bound = wide ? 1e-7 : 2e-6
  #expect(
    error(bench.read(bench.call.inputGradients[0], layout.count), backward["input:x"]) < bound)
  let dgamma = bench.read(bench.call.parameterGradients[0], layout.channelCount)
  #expect(error(dgamma, backward["parameter:gamma"]) < bound)
  let dalpha = bench.read(bench.call.parameterGradients[1], 1)
  // One number that terms of both signs cancel in: as many terms of 1 usually leave the root of their
  // number, and where less than an eighth of that is left, the error is judged by an eighth.
  let left = Double(layout.count).squareRoot() / 8
  let usesAlpha = backward["parameter:alpha"] != [0]
  #expect(
    error(dalpha, backward["parameter:alpha"], least: !wide && usesAlpha ? left : 1e-3)
      < (wide ? bound : 4e-6))
}

@Test("Any number of threads gives the same bits")
func threadsAgree() throws {
  for (shape, axis) in [([33, 40, 50], [-1]), ([8, 12, 30, 30], [1]), ([600, 66], [-1])] {
    for (_, formula) in FormulaCase.formulas {
      let layout = try TensorLayout(shape: shape, axis: axis)
      let kernel = try TilesKernel(program: try program(formula), layout: layout)
      var bits: [[UInt32]] = []
      for threads in [1, 2, 3] {
        let bench = Bench(layout, kernel, threads: threads)
        defer { bench.free() }
        try kernel.forward(bench.call)
        try kernel.backward(bench.call)
        bits.append(
          (bench.read(bench.call.output, layout.count)
            + bench.read(bench.call.inputGradients[0], layout.count)
            + bench.read(bench.call.parameterGradients[0], layout.channelCount)
            + bench.read(bench.call.parameterGradients[1], 1)).map(\.bitPattern))
      }
      #expect(bits[0] == bits[1] && bits[1] == bits[2])
    }
  }
}
