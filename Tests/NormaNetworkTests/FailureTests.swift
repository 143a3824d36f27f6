import NormaCore
import NormaNetwork
import NormaNorms
import Testing

/// Wrong models, data and runs: each error names the place and the remedy.
@Suite(.serialized) struct FailureTests {
  private func failure(
    _ layers: [LayerSpec], input: [Int] = [8, 8, 3], batch: Int = 4, norm: NormSpec? = nil
  ) -> NormaError? {
    do {
      _ = try Network(
        ModelSpec("cnn", input: input, norm: norm, layers: layers), registry: .builtIn(),
        batch: batch, training: plainSGD)
      return nil
    } catch {
      return error
    }
  }

  @Test func aWrongShapeNamesModelLayerAndLine() throws {
    let place = SourcePlace(file: "models.lua", line: 7)
    let error = try #require(
      failure([
        .flatten, .relu,
        LayerSpec("conv", ["channels": .number(4), "kernel": .number(3)], place: place),
      ]))
    #expect(error.code == .usage)
    #expect(error.place == place)
    #expect(error.message.contains("nn.conv") && error.message.contains("[192]"))
    #expect(error.notes == ["in cnn > layer 3 (models.lua:7)"])
    #expect(error.help != nil)
  }

  @Test func aResidualThatChangesTheShape() throws {
    let error = try #require(failure([.relu, .residual([.conv(5, kernel: 3), .relu])]))
    #expect(error.message.contains("[8, 8, 3]") && error.message.contains("[8, 8, 5]"))
    #expect(error.notes == ["in cnn > layer 2"])
    let inner = try #require(failure([.residual([.relu, .maxPool(9)])]))
    #expect(inner.notes == ["in cnn > layer 1 > layer 2"])
  }

  @Test func options() throws {
    #expect(try #require(failure([LayerSpec("lineer")])).message.contains("did you mean 'linear'"))
    #expect(
      try #require(failure([LayerSpec("linear", ["unit": .number(3)])])).message.contains(
        "did you mean 'units'"))
    #expect(try #require(failure([LayerSpec("linear")])).message.contains("'units' is missing"))
    for bad in [OptionValue.number(0), .number(2.5), .text("many"), .number(.nan)] {
      #expect(
        try #require(failure([LayerSpec("linear", ["units": bad])])).message.contains(
          "must be an integer >= 1"))
    }
    #expect(failure([.dropout(1)]) != nil)
    #expect(failure([.dropout(-0.1)]) != nil)
    #expect(failure([.conv(4, kernel: 11, padding: 0)]) != nil)
    #expect(failure([.maxPool(2, padding: 2)]) != nil)
    #expect(failure([LayerSpec("relu", layers: [.relu]), .linear(2)]) != nil)
    #expect(failure([LayerSpec("relu", norm: NormSpec("layer")), .linear(2)]) != nil)
  }

  @Test func norms() throws {
    #expect(
      try #require(failure([.norm()])).message.contains("neither the layer nor the model"))
    let place = SourcePlace(file: "m.lua", line: 2)
    let error = try #require(
      failure([.conv(6, kernel: 3), .norm(NormSpec("group", ["groups": .int(4)], place: place))]))
    #expect(error.place == place && error.message.contains("must divide"))
    #expect(error.notes == ["in cnn > layer 2"])
    #expect(
      try #require(failure([.norm(NormSpec("gruop"))])).message.contains("did you mean 'group'"))
  }

  @Test func networksWithoutSense() throws {
    #expect(try #require(failure([.relu])).message.contains("nothing to train"))
    #expect(failure([.linear(2)], input: []) != nil)
    #expect(failure([.linear(2)], input: [3, 0]) != nil)
    #expect(failure([.linear(2)], batch: 0) != nil)
    #expect(throws: NormaError.self) {
      _ = try network(
        [.linear(2)], input: [3], batch: 2,
        training: TrainingSpec(optimizer: .sgd(rate: -1), steps: 1))
    }
    #expect(throws: NormaError.self) {
      _ = try network(
        [.linear(2)], input: [3], batch: 2,
        training: TrainingSpec(optimizer: .sgd(rate: 1, nesterov: true), steps: 1))
    }
  }

  @Test func wrongData() throws {
    let net = try network([.linear(3)], input: [2], batch: 2)
    #expect(throws: NormaError.self) { try net.trainStep(input: [1], labels: [0, 1], step: 0) }
    #expect(throws: NormaError.self) { try net.trainStep(input: [1, 2], labels: [0], step: 0) }
    let error = #expect(throws: NormaError.self) {
      try net.trainStep(input: [1, 2, 3, 4], labels: [0, 3], step: 0)
    }
    #expect(error?.message.contains("label 3 of sample 1") == true)
    #expect(throws: NormaError.self) { try net.outputs(for: [1, 2, 3]) }
    let images = try network([.conv(3, kernel: 3)], input: [4, 4, 1], batch: 1)
    #expect(throws: NormaError.self) {
      try images.trainStep(input: [Float](repeating: 0, count: 16), labels: [0], step: 0)
    }
    #expect(throws: NormaError.self) { try net.values("1.linear.wait") }
  }

  @Test func divergenceNamesStepAndLayer() throws {
    let net = try network([.linear(4), .relu, .linear(3)], input: [2], batch: 2)
    try net.set("3.linear.bias", to: [0, .infinity, 0])
    let error = try #require(
      throws: NormaError.self,
      performing: { try net.trainStep(input: [1, 2, 3, 4], labels: [0, 1], step: 41) })
    #expect(error.code == .diverged)
    #expect(error.message.contains("step 41") && error.message.contains("3.linear"))
    #expect(error.notes.contains { $0.contains("3.linear.bias") })

    let huge = try network([.linear(4), .relu, .linear(3)], input: [2], batch: 2)
    try huge.set("1.linear.weight", to: [Float](repeating: 3e38, count: 8))
    let overflow = #expect(throws: NormaError.self) {
      try huge.trainStep(input: [9, 9, 9, 9], labels: [0, 1], step: 0)
    }
    #expect(overflow?.message.contains("1.linear") == true)

    let data = #expect(throws: NormaError.self) {
      try huge.trainStep(input: [.nan, 9, 9, 9], labels: [0, 1], step: 0)
    }
    #expect(data?.message.contains("input") == true)
  }

  @Test func aRunThatDivergesIsStopped() throws {
    let net = try network(
      [.linear(8), .linear(8), .linear(3)], input: [2], batch: 4,
      training: TrainingSpec(optimizer: .sgd(rate: 1e6), steps: 100))
    let error = #expect(throws: NormaError.self) {
      for step in 0..<100 {
        _ = try net.trainStep(input: normal(8, seed: 1), labels: [0, 1, 2, 0], step: step)
      }
    }
    #expect(error?.code == .diverged)
  }
}
