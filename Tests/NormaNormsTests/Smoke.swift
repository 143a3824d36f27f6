import Foundation
import NormaCompiler
import NormaCore
import NormaNorms
import Testing

/// Tiles against Reference on one shape; returns the largest error relative to scale.
func compareSmoke(_ name: String, _ shape: [Int], _ axis: [Int], _ mode: Mode, hyper: [String: HyperValue] = [:], offset: Double = 0) throws -> [String: Double] {
  let registry = NormRegistry.builtIn()
  let layout = try TensorLayout(shape: shape, axis: axis)
  let layer = try NormLayer(NormSpec(name, hyper), in: registry, channelShape: layout.channelShape)
  let kernel = try layer.kernel(for: layout, mode: mode, executor: .tiles)
  var rng = RandomSource(seed: 3)
  func random(_ n: Int, _ o: Double = 0) -> [Float] { (0..<n).map { _ in Float(rng.normal() + o) } }
  let x = random(layout.count, offset)
  let dy = random(layout.count)
  let params = layer.parameters.map { random($0.count, 1) }
  var buffers = layer.buffers.map { random($0.count, 3).map { abs($0) } }
  let definition = BuiltIns.definitions.first { $0.schema.name == name }!
  let program = try definition.program(hyper: layer.hyper, channels: layout.channelCount, mode: mode, gradient: true)
  let reference = try Reference(program: program, layout: layout)
  let values = Reference.Values(inputs: [x.map(Double.init)], parameters: params.map { $0.map(Double.init) }, buffers: buffers.map { $0.map(Double.init) }, hyper: layer.realHyper, outputGradient: dy.map(Double.init))
  let fw = reference.forward(values)
  let bw = reference.backward(values)
  let mem = kernel.memory(threads: 2)
  let saved = UnsafeMutableRawPointer.allocate(byteCount: max(64, mem.savedBytes), alignment: 64)
  let work = UnsafeMutableRawPointer.allocate(byteCount: max(64, mem.workspaceBytes), alignment: 64)
  memset(work, 0xff, mem.workspaceBytes)
  defer { saved.deallocate(); work.deallocate() }
  var y = [Float](repeating: .nan, count: layout.count)
  var dx = y
  var dparams = params.map { $0.map { _ in Float.nan } }
  var result: [String: Double] = [:]
  func error(_ a: [Float], _ b: [Double]?) -> Double {
    guard let b else { return .infinity }
    let scale = b.map { abs($0) }.max() ?? 0
    let e = zip(a, b).map { abs(Double($0) - $1) }.reduce(0) { $1.isNaN ? .infinity : max($0, $1) }
    return scale > 0 ? e / scale : e
  }
  var call = KernelCall()
  call.hyper = layer.realHyper
  call.saved = saved
  call.workspace = work
  call.threads = 2
  x.withUnsafeBufferPointer { xp in
    call.inputs = [xp.baseAddress!]
  }
  let xp = UnsafeMutablePointer<Float>.allocate(capacity: layout.count)
  xp.update(from: x, count: layout.count)
  call.inputs = [UnsafePointer(xp)]
  call.parameters = params.map { p in let q = UnsafeMutablePointer<Float>.allocate(capacity: p.count); q.update(from: p, count: p.count); return UnsafePointer(q) }
  let bufs = buffers.map { p in let q = UnsafeMutablePointer<Float>.allocate(capacity: p.count); q.update(from: p, count: p.count); return q }
  call.buffers = bufs
  let yp = UnsafeMutablePointer<Float>.allocate(capacity: layout.count)
  call.output = yp
  try kernel.forward(call)
  y = Array(UnsafeBufferPointer(start: yp, count: layout.count))
  let dyp = UnsafeMutablePointer<Float>.allocate(capacity: layout.count)
  dyp.update(from: dy, count: layout.count)
  call.outputGradient = UnsafePointer(dyp)
  let dxp = UnsafeMutablePointer<Float>.allocate(capacity: layout.count)
  call.inputGradients = [dxp]
  let dps = params.map { UnsafeMutablePointer<Float>.allocate(capacity: $0.count) }
  call.parameterGradients = dps
  try kernel.backward(call)
  dx = Array(UnsafeBufferPointer(start: dxp, count: layout.count))
  result["y"] = error(y, fw["y"])
  result["dx"] = error(dx, bw["input:x"])
  for (i, p) in layer.parameters.enumerated() {
    dparams[i] = Array(UnsafeBufferPointer(start: dps[i], count: p.count))
    result["d" + p.spec.name] = error(dparams[i], bw["parameter:" + p.spec.name])
  }
  if mode == .train { for (i, b) in layer.buffers.enumerated() {
    buffers[i] = Array(UnsafeBufferPointer(start: bufs[i], count: b.count))
    result["b" + b.spec.name] = error(buffers[i], fw["buffer:" + b.spec.name])
  } }
  return result
}

@Test func smoke() throws {
  for (shape, axis) in [([7, 5], [-1]), ([7, 5, 6], [-1]), ([7, 6, 5], [1]), ([5, 7, 3, 6], [-1]), ([5, 6, 7, 3], [1]), ([3, 2, 5, 7, 6], [-1]), ([3, 6, 5, 7, 2], [1]), ([4, 6, 40, 50], [1]), ([64, 1000], [-1]), ([3, 5000], [-1]), ([5, 40, 50, 6], [3]), ([1, 6, 5], [1]), ([300, 6], [1]), ([5, 6, 7, 4], [1, 3]), ([2, 64, 90, 6], [-1]), ([2, 6, 64, 90], [1]), ([6, 5], [0]), ([3, 4, 6], [-2, -1])] {
    for name in ["batch", "layer", "group", "instance", "rms"] {
      for mode in Mode.allCases {
        let hyper: [String: HyperValue] = name == "group" ? ["groups": .int(2)] : [:]
        do {
          let r = try compareSmoke(name, shape, axis, mode, hyper: hyper)
          let bad = r.filter { $0.value > 3e-7 }
          if !bad.isEmpty { print("BAD", name, shape, axis, mode, bad) }
          #expect(bad.isEmpty)
          let r2 = try compareSmoke(name, shape, axis, mode, hyper: hyper, offset: 1e6)
          let bad2 = r2.filter { $0.value > 3e-7 }
          if !bad2.isEmpty { print("BAD1e6", name, shape, axis, mode, bad2) }
        } catch { print("ERR", name, shape, axis, mode, error) }
      }
    }
  }
}
