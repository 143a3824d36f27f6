import Foundation
import NormaCompiler
import NormaConformance
import NormaCore
import NormaGraph
import NormaNorms
import Testing

/// A definition as data: the same formulas after reading, and an error for whatever is damaged.
struct StoredDefinitionTests {
  private static func stored(_ definition: NormDefinition) throws -> StoredDefinition {
    let values = try definition.schema.resolve([:])
    let formulas = try [Mode.train, .infer].map {
      try StoredGraph(definition.graph(hyper: values, channels: 64, mode: $0))
    }
    let conditions = definition.schema.hyper.map { parameter -> StoredDefinition.Condition? in
      switch values[parameter.name] {
      case .bool(let on)?: .bool(on)
      case .int(let n)?: .integer(n)
      case .choice(let word)?: .word(parameter.words.firstIndex(of: word) ?? 0)
      case .real?, .ramp?: nil
      case nil, .some(.none): .notGiven
      }
    }
    return StoredDefinition(
      definition.schema, formulas: formulas,
      variants: [
        .init(conditions: conditions, train: 0, infer: 1, groups: .fixed(32), chunk: nil)
      ])
  }

  @Test("Every built-in norm is the same norm after a round trip", arguments: [Mode.train, .infer])
  func roundTrip(_ mode: Mode) throws {
    for entry in NormRegistry.builtIn().all {
      let definition = try #require(entry.provider.definition)
      let read = try StoredDefinition(reading: Self.stored(definition).text())
        .definition(definition.schema)
      let values = try definition.schema.resolve([:])
      let (a, b) = (
        try definition.program(hyper: values, channels: 64, mode: mode, gradient: true),
        try read.program(hyper: values, channels: 64, mode: mode, gradient: true)
      )
      #expect(
        Formula(try Graph(a.forwardResults + a.backwardResults)).text
          == Formula(try Graph(b.forwardResults + b.backwardResults)).text)
      #expect(read.schema.claims == definition.schema.claims)
    }
  }

  @Test("Damaged text is an error and never a trap")
  func damage() throws {
    let definition = BuiltIns.group
    let data = Array(try Self.stored(definition).text().utf8)
    var random = RandomSource(seed: 5, purpose: "damage")
    var refused = 0
    for _ in 0..<2000 {
      var bytes = data
      for _ in 0...Int(random.uniform() * 3) {
        let at = Int(random.uniform() * Double(bytes.count))
        let digits = Array("0123456789-,[]{}".utf8)
        bytes[at] = digits[Int(random.uniform() * Double(digits.count))]
      }
      do {
        let read = try StoredDefinition(reading: String(decoding: bytes, as: UTF8.self))
          .definition(definition.schema)
        let layer = try NormLayer(
          NormSpec("group"), in: NormRegistry([NormEntry(read, source: .builtIn)]),
          channelShape: [64])
        let harness = try KernelHarness(
          layer: layer, layout: TensorLayout(shape: [2, 3, 64]), mode: .train,
          executor: .reference)
        try harness.forward()
        try harness.backward([Float](repeating: 1, count: 384))
      } catch {
        refused += 1
      }
    }
    #expect(refused > 500)
  }
}
