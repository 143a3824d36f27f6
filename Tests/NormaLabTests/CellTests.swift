import NormaCore
import NormaLab
import NormaNetwork
import NormaNorms
import Testing

@Test("Cells come in the order of the lists, the last axis fastest")
func order() throws {
  let spec = spiralExperiment([norms("rms", "batch"), axis("seed", 2, 1)])
  let labels = try spec.cells(.builtIn()).map(\.label)
  #expect(
    labels == [
      "norm=rms seed=2", "norm=rms seed=1", "norm=batch seed=2", "norm=batch seed=1",
    ])
}

@Test("--set replaces a swept list in its place, and sets what is not swept")
func overrides() throws {
  let spec = spiralExperiment([norms("rms", "batch"), axis("batch", 4, 8)])
  let changed = try spec.applying([
    SettingOverride(parsing: "norm=group(groups=8)"), SettingOverride(parsing: "seed=7"),
    SettingOverride(parsing: "epochs=3"),
  ])
  let cells = try changed.cells(.builtIn())
  #expect(
    cells.map(\.label) == [
      "norm=group(groups=8) batch=4 seed=7", "norm=group(groups=8) batch=8 seed=7",
    ])
  #expect(cells.map(\.seed) == [7, 7])
  #expect(changed.train.length == .epochs(3))
}

@Test(
  "Wrong settings name the setting and a remedy",
  arguments: [
    ("nrom=rms", "no such setting; did you mean 'norm'?"), ("batch=0", "'batch' must be"),
    ("batch=2.5", "'batch' must be"), ("norm=rsm", "no norm named 'rsm'; did you mean 'rms'?"),
    ("norm=group(gruops=2)", "did you mean 'groups'?"), ("epochs=many", "whole number"),
    ("norm=group(groups", "is no norm"), ("=3", "not of the form key=value"),
    ("batch", "not of the form key=value"),
  ])
func wrongOverrides(text: String, message: String) {
  let error = #expect(throws: NormaError.self) {
    let change = try SettingOverride(parsing: text)
    _ = try spiralExperiment().applying([change]).cells(.builtIn())
  }
  #expect(error?.message.contains(message) == true, "\(error?.message ?? "nothing")")
  #expect(error?.code == .usage)
}

@Test("Axes that cannot be are refused before anything trains")
func wrongAxes() {
  func message(_ axes: [SweepAxis]) -> String {
    do {
      _ = try spiralExperiment(axes).cells(.builtIn())
      return "no error"
    } catch { return error.message }
  }
  #expect(message([axis("sede", 1)]).contains("no axis 'sede'; did you mean 'seed'?"))
  #expect(message([axis("seed", 1), axis("seed", 2)]).contains("swept twice"))
  #expect(message([axis("seed")]).contains("no values"))
  #expect(message([axis("seed", -1)]).contains("'seed' must be"))
  #expect(message([SweepAxis("norm", [.plain(.number(3))])]).contains("3 is no norm"))
}

@Test("A norm cannot be varied in a model without a slot for it")
func noSlot() {
  var spec = spiralExperiment([norms("rms")])
  spec.model = ModelBuilder(
    ModelSpec("bare", input: [2], layers: [.linear(8), .norm(NormSpec("layer")), .linear(3)]))
  let error = #expect(throws: NormaError.self) { try spec.cells(.builtIn()) }
  #expect(error?.message.contains("no slot") == true)
}

@Test("A linear rate scale takes the rate as that of batch 128")
func rateScale() throws {
  var spec = spiralExperiment([axis("batch", 2, 128)], rate: 0.5)
  spec.train.rateScale = .linear
  #expect(try spec.cells(.builtIn()).map(\.optimizer.rate) == [0.5 * 2 / 128, 0.5])
}

@Test("Options of a model may be swept; unknown ones are refused with the nearest")
func modelOptions() throws {
  var spec = spiralExperiment([axis("width", 4, 8)])
  spec.model = ModelBuilder("wide", options: ["width": .number(2)]) { options in
    guard case .number(let width)? = options["width"] else { return spiralModel }
    return ModelSpec("wide", input: [2], layers: [.linear(Int(width)), .linear(3)])
  }
  let widths = try spec.cells(.builtIn()).map { $0.model.layers[0].options["units"] }
  #expect(widths == [.number(4), .number(8)])
  let error = #expect(throws: NormaError.self) { try spec.model.build(["wdith": .number(1)]) }
  #expect(error?.message.contains("did you mean 'width'?") == true)
}
