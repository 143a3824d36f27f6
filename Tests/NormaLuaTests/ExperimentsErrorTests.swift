import NormaCore
import Testing

/// An experiment on the small model with `fields` in its table, on the third line.
private func experiment(_ fields: String) -> String {
  smallModel + "experiment { model = 'small', data = points, " + fields + " }"
}

@Test(
  "Mistakes in an experiment name the field, the nearest name and the line",
  arguments: [
    ("train = { epoch = 3 }", "experiment: no field 'epoch' in train; did you mean 'epochs'?"),
    ("sweeps = {}", "experiment: no field 'sweeps'; did you mean 'sweep'?"),
    ("train = { epochs = 0 }", "'epochs' in train must be >= 1, got 0"),
    ("train = { epochs = 'two' }", "'epochs' in train must be a whole number, got 'two'"),
    ("train = { epochs = 1, steps = 2 }", "exclude each other"),
    ("train = { batch = 0 }", "'batch' in train must be >= 1"),
    ("train = { optimizer = 0.1 }", "'optimizer' in train must be an optimizer, got 0.1"),
    ("train = { optimizer = optim.sdg { rate = 1 } }", "no optim.sdg; did you mean 'sgd'?"),
    ("train = { optimizer = optim.sgd {} }", "optim.sgd: 'rate' is missing"),
    ("train = { optimizer = optim.sgd { rate = -1 } }", "'rate' must be"),
    ("train = { optimizer = optim.adam { rate = 1, beta = 1 } }", "did you mean 'beta1'?"),
    ("train = { schedule = schedule.step { every = 0, factor = 1 } }", "'every' must be >= 1"),
    ("train = { rate_scale = 'linaer' }", "did you mean 'linear'?"),
    ("train = { clip = 0 }", "'clip' in train must be > 0"),
    ("sweep = { norm = { 'rms' } }", "sweep is a list of axes"),
    ("sweep = { { 'norm', 'rms' } }", "an axis of sweep must be a name and a list"),
    ("sweep = { { 'nrom', { 'rms' } } }", "no axis 'nrom'; did you mean 'norm'?"),
    ("sweep = { { 'norm', { 'rsm' } } }", "no norm named 'rsm'; did you mean 'rms'?"),
    ("sweep = { { 'norm', { 3 } } }", "a norm is expected, got 3"),
    ("sweep = { { 'batch', { 8, 'x' } } }", "'batch' must be a whole number >= 1, got x"),
    ("watch = { 'acuracy' }", "no measure 'acuracy'; did you mean 'accuracy'?"),
    ("seed = -1", "'seed' must be >= 0"),
    ("options = { width = 2 }", "model 'small' has no option 'width'"),
    ("sweep = { { 'batch', { 97 } } }", "a batch of 97 does not fit in 96 samples"),
  ])
func experimentErrors(fields: String, message: String) throws {
  let error = try #require(try runLab(experiment(fields)).error)
  #expect(error.message.contains(message), "\(error)")
  #expect(error.place?.description == "test.lua:3")
  #expect(error.code.exitStatus == 65)
}

@Test(
  "Mistakes in models and data name what is wrong and the line",
  arguments: [
    ("nn.linera { 3 }", "no layer named 'linera'; did you mean 'linear'?"),
    ("nn.linear { 3, 4 }", "nn.linear: at most 1 item is taken"),
    ("nn.linear {}", "nn.linear: 'units' is missing: give an integer >= 1"),
    ("nn.linear { 0 }", "'units' must be an integer >= 1, or \"vocabulary\", got 0"),
    ("nn.linear { units = print }", "or \"vocabulary\", got a function"),
    ("nn.conv { 3, kernal = 3 }", "nn.conv: no option 'kernal'; did you mean 'kernel'?"),
    ("nn.relu { 1 }", "nn.relu: at most 0 items are taken"),
    ("nn.residual { 'relu' }", "nn.residual: item 1 must be a layer or a list of layers"),
    ("nn.norm 'gruop'", "no norm named 'gruop'; did you mean 'group'?"),
    ("nn.norm { 'group', gruops = 2 }", "no hyper-parameter 'gruops'; did you mean 'groups'?"),
    ("nn.norm { groups = 2 }", "'groups' is given without a norm"),
    ("nn.norm { 'group', groups = {} }", "'groups' must be a number, a boolean or a word"),
    ("model('m', { nn.relu() })", "model 'm': 'input' is missing"),
    ("model('m', { input = { 0 }, nn.relu() })", "'input' must be a list of sizes >= 1"),
    ("model('m', { input = { 2 } })", "model 'm': it has no layers"),
    ("model('m', { input = { 2 }, nrom = 'rms', nn.relu() })", "did you mean 'norm'?"),
    ("model('m', { input = { 2 }, nn.relu(), nil, nn.relu() })", "no item 2"),
    ("model('m', { input = { 2 }, { layer = nn.relu() } })", "in a list of layers"),
    ("model 'cnn'", "no model named 'cnn'"),
    ("dataset 'fashion-mnits'", "did you mean 'fashion-mnist'?"),
    ("dataset 'spirals' { trian = 3 }", "no field 'trian'; did you mean 'train'?"),
    ("dataset 'spirals' { clases = 3 }", "no field 'clases'; did you mean 'classes'?"),
  ])
func declarationErrors(text: String, message: String) throws {
  let error = try #require(try runLab("local a = 1\nlocal x = " + text).error)
  #expect(error.message.contains(message), "\(error)")
  #expect(error.place?.description == "test.lua:2")
  #expect(error.code.exitStatus == 65)
}

@Test("A layer that does not fit names model, layer and the line it was written on")
func shapeErrors() throws {
  let error = try #require(
    try runLab(
      """
      model("m", { input = { 2 },
        nn.linear { 30 },
        nn.norm { "group", groups = 8 },
        nn.linear { 3 } })
      experiment { model = "m", data = dataset "spirals" { train = 64 },
        train = { steps = 1, batch = 8 } }
      """
    ).error)
  #expect(error.message.contains("'groups' must divide the 30 channels, got 8"))
  #expect(error.notes.contains("in m > layer 2 (test.lua:3)"))
  #expect(error.help == "1 2 3 5 6 10 15 30 auto")
  #expect(error.code.exitStatus == 65)
}

@Test("Symbols and numbers are not confused, and wrong words in a model of tokens are named")
func tokenModels() throws {
  func model(_ input: String, _ layers: String) -> String {
    """
    model("gpt", { input = \(input), norm = "rms", options = { width = 8 },
      build = function(o) return { \(layers) } end })

    """
  }
  let good = model(
    "{ tokens = 4, vocabulary = 'data' }",
    "nn.embed { o.width, positions = true }, nn.attention { heads = 2, qk_norm = 'rms' },"
      + " nn.linear { 'vocabulary' }")
  #expect(try runLab(good).error == nil)
  func message(_ text: String) throws -> String {
    try #require(try runLab(text).error).description
  }
  let run = "experiment { model = 'gpt', data = dataset 'spirals' { train = 90 } }"
  #expect(try message(good + run).contains("takes symbols"))
  #expect(try message(model("{ tokens = 0 }", "")).contains("'tokens' must be >= 1"))
  #expect(try message(model("{ tokens = 4, vocab = 5 }", "")).contains("vocabulary"))
  #expect(
    try message(model("{ tokens = 4, vocabulary = 'all' }", "")).contains(
      "'vocabulary' must be \"data\" or a number"))
  for (layer, text) in [
    ("nn.attention { heads = 2, qk_norm = 'rsm' }", "did you mean 'rms'"),
    ("nn.attention { heads = 2, causall = true }", "did you mean 'causal'"),
    ("nn.attention {}", "'heads' is missing"), ("nn.embed { 0 }", "an integer >= 1"),
    ("nn.linear { 'vocabulry' }", "or \"vocabulary\""),
  ] {
    #expect(try message("print(\(layer))").contains(text), "\(layer)")
  }
}
