import NormaConformance
import NormaCore
import NormaNorms
import Testing

/// The loops that norms are measured against, and the shapes they are measured on.
struct BenchmarkTests {
  private static let ways = MemoryTraffic.Way.Move.allCases.flatMap { move in
    [1, 3].map { MemoryTraffic.Way(move, threads: $0) }
  }

  @Test(
    "Every way to move makes y equal x and dx the sum, and writes nothing else",
    arguments: [1, 15, 16, 17, 300, 4099], [0, 1])
  func traffic(count: Int, shift: Int) {
    // Tensors that start on a cache line, or one float beside it.
    let stride = (count + shift + 31) / 16 * 16
    let base = UnsafeMutableRawPointer.allocate(byteCount: 16 * stride, alignment: 64)
    defer { base.deallocate() }
    let floats = base.assumingMemoryBound(to: Float.self)
    func tensor(_ number: Int) -> UnsafeMutablePointer<Float> { floats + number * stride + shift }
    for way in Self.ways {
      for passes in [1, 2] {
        for i in 0..<4 * stride { floats[i] = -7 }
        for i in 0..<count { (tensor(0)[i], tensor(2)[i]) = (Float(i), Float(1000 - 2 * i)) }
        let traffic = MemoryTraffic(
          x: tensor(0), y: tensor(1), dy: tensor(2), dx: tensor(3), count: count)
        traffic.forward(passes: passes, way)
        traffic.backward(passes: passes, way)
        #expect((0..<count).allSatisfy { tensor(1)[$0] == Float($0) }, "\(way.text)")
        #expect((0..<count).allSatisfy { tensor(3)[$0] == Float(1000 - $0) }, "\(way.text)")
        let beside = (count..<count + 16).allSatisfy { tensor(1)[$0] == -7 && tensor(3)[$0] == -7 }
        #expect(beside, "\(way.text)")
      }
    }
  }

  private func shapes(_ name: String, _ hyper: [String: HyperValue] = [:]) throws -> [[Int]] {
    try NormBenchmark.defaultLayouts(for: NormSpec(name, hyper), in: .builtIn()).map(\.shape)
  }

  @Test("Rows come first for norms of a position's channels, images for those that span space")
  func defaults() throws {
    let layer = try shapes("layer")
    #expect(layer.first == [4096, 1024] && layer.count == 8)
    #expect(Set(layer.map(\.count)) == [2, 4])
    #expect(try shapes("rms") == layer)
    for name in ["batch", "group"] {
      let images = try shapes(name)
      #expect(images.prefix(4).allSatisfy { $0.count == 4 } && images.count == 8, "\(name)")
    }
    // A vector has one value for each statistic of instance norm: nothing to measure.
    #expect(try shapes("instance").allSatisfy { $0.count == 4 })
    let axes = try NormBenchmark.defaultLayouts(for: NormSpec("batch"), in: .builtIn())
      .map(\.channelAxes)
    #expect(Set(axes) == [[1], [3]])
  }

  @Test("Default shapes that a norm refuses are left out; a norm that refuses all says why")
  func refused() throws {
    // 64 groups divide every number of channels but the 32 of the small images.
    #expect(try shapes("group", ["groups": .int(64)]).count == 6)
    #expect(throws: NormaError.self) { try shapes("group", ["groups": .int(7)]) }
    #expect(throws: NormaError.self) { try shapes("lyer") }
  }

  @Test("The plan tells how often inputs are read: twice where statistics span the tensor")
  func passes() throws {
    let layout = try TensorLayout(shape: [8, 4, 4, 32])
    func passes(_ name: String, _ mode: Mode) throws -> TensorPasses? {
      try NormLayer(NormSpec(name), in: .builtIn(), channelShape: [32])
        .kernel(for: layout, mode: mode, executor: .tiles).tensorPasses
    }
    let batch = try #require(try passes("batch", .train))
    #expect(batch.forward == 2 && batch.backward == 2 && batch.keepsInput)
    let tensor = 4 * layout.count
    #expect(batch.forwardBytes == 3 * tensor && batch.backwardBytes == 5 * tensor)
    #expect(try passes("batch", .infer)?.forward == 1)
    for name in ["layer", "rms", "group", "instance"] {
      let found = try #require(try passes(name, .train))
      #expect(found.forward == 1 && found.backward == 1, "\(name)")
      #expect(found.forwardBytes == 2 * tensor && found.backwardBytes == 3 * tensor, "\(name)")
    }
  }

  @Test("A tensor without elements or beyond memory is refused")
  func memory() throws {
    for shape in [[0, 5], [1 << 20, 1 << 24]] {
      let layout = try TensorLayout(shape: shape)
      #expect(throws: NormaError.self) { try NormBenchmark.requireMemory(layout) }
    }
    try NormBenchmark.requireMemory(TensorLayout(shape: [4, 5]))
  }
}
