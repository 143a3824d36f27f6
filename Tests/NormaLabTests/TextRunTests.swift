import Foundation
import NormaCore
import NormaData
import NormaLab
import NormaNetwork
import NormaNorms
import Testing

private let model = ModelSpec(
  "letters", input: [8], vocabulary: .data, norm: NormSpec("rms"),
  layers: [
    .embed(16, positions: true), .residual([.norm(), .attention(heads: 2)]), .norm(),
    .linearToVocabulary,
  ])

private func experiment(_ path: String, _ model: ModelSpec = model) -> ExperimentSpec {
  ExperimentSpec(
    "text", model: ModelBuilder(model), data: DataSpec(path),
    train: TrainPlan(.steps(120), batch: 8, optimizer: .adamW(rate: 1e-2)))
}

@Test("A text is learned; its alphabet is saved, and the weights evaluate on it")
func textRun() throws {
  let scratch = try Scratch()
  let path = scratch.path + "/text.txt"
  let words = String(repeating: "one two three four five six seven. ", count: 60)
  try words.write(toFile: path, atomically: true, encoding: .utf8)
  let result = try lab {
    $0.writes = true
    $0.out = scratch.path + "/r"
  }.run(experiment(path))
  let cell = try #require(result.cells.first)
  #expect(try #require(cell[.validationLoss]) < 1)
  let weights = scratch.path + "/r/final.safetensors"
  let file = try SafeTensors(contentsOf: weights)
  let known = SavedData(reading: file.metadata[CheckpointKey.dataset])
  #expect(known.alphabet == Set(words.utf8).sorted() && known.standardization == nil)
  let network = try Network(
    ModelSpec(savedIn: weights), registry: .builtIn(), batch: 16, training: nil)
  try network.load(from: weights)
  let part = try DataCatalog().test(
    DataSpec(path), standardization: nil, alphabet: known.alphabet)
  let measured = try network.evaluate(on: part)
  #expect(abs(measured.loss - (cell[.validationLoss] ?? 0)) < 1e-6)
  #expect(measured.count == 25 * 8 + 8 || measured.count == 26 * 8)
}

@Test("Models that do not fit a text are refused with what to write")
func textMistakes() throws {
  let scratch = try Scratch()
  let path = scratch.path + "/text.txt"
  try String(repeating: "abcdefghij", count: 30).write(
    toFile: path, atomically: true, encoding: .utf8)
  func message(_ change: (inout ModelSpec) -> Void) throws -> String {
    var changed = model
    change(&changed)
    let text = try #require(throws: NormaError.self) {
      _ = try lab().run(experiment(path, changed))
    }
    return text.description
  }
  #expect(try message { $0.vocabulary = .symbols(9) }.contains("knows 9 symbols, the text has 10"))
  #expect(try message { $0.vocabulary = nil }.contains("takes numbers"))
  #expect(try message { $0.layers.append(.flatten) }.contains("symbols at each of 8 positions"))
  #expect(try message { $0.layers[3] = .linear(4) }.contains("ends in shape [8, 4]"))
  #expect(try message { $0.input = [64] }.contains("a window of 64 tokens needs 65"))
}
