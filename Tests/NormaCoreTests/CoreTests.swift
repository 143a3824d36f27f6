import Testing

import NormaCore

@Test("Philox gives the published known answers")
func philoxKnownAnswers() {
  let zero = RandomSource.philox(counter: 0, stream: 0, seed: 0)
  #expect(
    [zero.0, zero.1, zero.2, zero.3] == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
  let ones = RandomSource.philox(counter: .max, stream: .max, seed: .max)
  #expect(
    [ones.0, ones.1, ones.2, ones.3] == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
}

@Test("A mistyped name finds the nearest, a foreign one finds none")
func suggestions() {
  let names = ["batch", "group", "instance", "layer", "rms"]
  #expect(Suggestion.nearest(to: "gruop", among: names) == "group")
  #expect(Suggestion.nearest(to: "lyer", among: names) == "layer")
  #expect(Suggestion.nearest(to: "zzz", among: names) == nil)
}

@Test("Layouts resolve negative axes and name what is wrong")
func layouts() throws {
  let layout = try TensorLayout(shape: [7, 5, 3, 2], axis: [-3])
  #expect(layout.channelAxes == [1])
  #expect(layout.channelCount == 5)
  #expect(layout.spaceCount == 6)
  #expect(layout.batchCount == 7)
  let whole = try TensorLayout(shape: [4, 3], axis: [0, 1])
  #expect(!whole.hasBatch && whole.channelCount == 12 && whole.batchCount == 1)
  #expect(throws: NormaError.self) { try TensorLayout(shape: [2, 3], axis: [2]) }
  #expect(throws: NormaError.self) { try TensorLayout(shape: [2, 3], axis: [1, -1]) }
}
