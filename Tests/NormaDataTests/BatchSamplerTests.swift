import NormaCore
import NormaData
import Testing

@Suite("Batches")
struct BatchSamplerTests {
  /// 23 samples of two values, (i, -i), with label i.
  let data: DataSet

  init() throws {
    let samples = try Samples(
      floats: (0..<23).flatMap { [Float($0), -Float($0)] }, shape: [2],
      labels: (0..<23).map { Int32($0) }, classCount: 23)
    data = try DataSet(samples)
  }

  /// The labels of the next batches; checks that values belong to their labels.
  func draw(_ sampler: inout BatchSampler, batches: Int) -> [[Int32]] {
    (0..<batches).map { _ in
      var values = [Float](repeating: .nan, count: 2 * sampler.batchSize)
      var labels = [Int32](repeating: -1, count: sampler.batchSize)
      let count = sampler.fill(from: data, into: &values, labels: &labels)
      for i in 0..<count {
        #expect(values[2 * i] == Float(labels[i]) && values[2 * i + 1] == -Float(labels[i]))
      }
      // Nothing is written behind a smaller last batch.
      #expect(labels[count...].allSatisfy { $0 == -1 })
      #expect(values[(2 * count)...].allSatisfy { $0.isNaN })
      return Array(labels[..<count])
    }
  }

  @Test("An epoch draws every sample once, the next in another order")
  func epochs() throws {
    var sampler = try BatchSampler(count: 23, batchSize: 5, seed: 1, dropLast: false)
    #expect(sampler.batchesPerEpoch == 5)
    let first = draw(&sampler, batches: 5)
    #expect(first.map(\.count) == [5, 5, 5, 5, 3])
    #expect(first.flatMap { $0 }.sorted() == (0..<23).map { Int32($0) })
    let second = draw(&sampler, batches: 5)
    #expect(second.flatMap { $0 }.sorted() == (0..<23).map { Int32($0) })
    #expect(first != second)
    #expect(sampler.position == BatchSampler.Position(epoch: 1, step: 5))
  }

  @Test("Whole batches only, by default")
  func dropLast() throws {
    var sampler = try BatchSampler(count: 23, batchSize: 5, seed: 1)
    #expect(sampler.batchesPerEpoch == 4)
    let batches = draw(&sampler, batches: 9)
    #expect(batches.allSatisfy { $0.count == 5 })
    #expect(sampler.position == BatchSampler.Position(epoch: 2, step: 1))
  }

  @Test("A saved position goes on with the same batches", arguments: [0, 1, 3, 4, 7, 12])
  func resume(after steps: Int) throws {
    var whole = try BatchSampler(count: 23, batchSize: 5, seed: 9)
    let all = draw(&whole, batches: 14)
    var first = try BatchSampler(count: 23, batchSize: 5, seed: 9)
    _ = draw(&first, batches: steps)
    var second = try BatchSampler(count: 23, batchSize: 5, seed: 9, at: first.position)
    #expect(draw(&second, batches: 14 - steps) == Array(all[steps...]))
  }

  @Test("The seed decides the order")
  func seeds() throws {
    var a = try BatchSampler(count: 23, batchSize: 5, seed: 1)
    var b = try BatchSampler(count: 23, batchSize: 5, seed: 1)
    var c = try BatchSampler(count: 23, batchSize: 5, seed: 2)
    let order = draw(&a, batches: 4)
    #expect(draw(&b, batches: 4) == order)
    #expect(draw(&c, batches: 4) != order)
  }

  @Test("Sizes and positions that make no batch are refused")
  func wrong() throws {
    #expect(try failure { _ = try BatchSampler(count: 23, batchSize: 0, seed: 1) }.code == .usage)
    let large = try failure { _ = try BatchSampler(count: 23, batchSize: 24, seed: 1) }
    #expect(large.message.contains("24") && large.message.contains("23"))
    #expect(throws: NormaError.self) {
      try BatchSampler(count: 0, batchSize: 1, seed: 1, dropLast: false)
    }
    for position in [(0, 5), (-1, 0), (0, -1)] {
      let at = BatchSampler.Position(epoch: position.0, step: position.1)
      #expect(throws: NormaError.self) {
        try BatchSampler(count: 23, batchSize: 5, seed: 1, at: at)
      }
    }
  }
}
