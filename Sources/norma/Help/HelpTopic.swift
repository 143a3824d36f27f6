import NormaCore
import NormaLab
import NormaNetwork

/// What `norma help TOPIC` tells that belongs to no single command.
struct HelpTopic: Sendable {
  let name: String
  let summary: String
  let text: @Sendable () -> String

  static let all = [
    formulas, models, experiments, measures, folders, status, environment,
  ]

  /// The list of topics.
  static var list: String {
    let width = all.map(\.name.count).max() ?? 0
    return all.map { topic in
      "  \(topic.name)\(String(repeating: " ", count: width + 2 - topic.name.count))\(topic.summary)\n"
    }.joined()
  }

  /// The topic that `norma help NAME` asks for; nil where it is a command's name, or nothing.
  ///
  /// - Throws: `usage`, with the nearest, for what is neither.
  static func asked(_ arguments: [String], commands: [String]) throws(NormaError) -> String? {
    guard arguments.count == 2, arguments[0] == "help", !arguments[1].hasPrefix("-") else {
      return nil
    }
    let name = arguments[1]
    if name == "topics" { return "Topics of norma help:\n\n" + list }
    if let topic = all.first(where: { $0.name == name }) { return topic.text() }
    guard !commands.contains(name) else { return nil }
    let known = commands + all.map(\.name)
    throw NormaError(
      .usage,
      "there is no command and no topic '\(name)'" + Suggestion.phrase(for: name, among: known),
      help: "the topics are \(all.map(\.name).joined(separator: ", "))")
  }

  private static let formulas = HelpTopic(
    name: "formulas", summary: "how a norm is written in Lua",
    text: {
      """
      A norm is a formula over roles: batch, space, channel, and group and member of split channels.

        norm.define("mine", {
          doc   = "what it does",
          hyper = { epsilon = norm.real { 1e-5, min = 0 } },     -- real, int, bool, choice
          param = { gamma = norm.per_channel { 1 } },            -- learned; per_channel, scalar, per
          buffer = { mean = norm.per_channel { 0 } },            -- tracked: s.mean:track(value, momentum)
          forward = function(x, s, mode)                         -- mode.train tells the modes apart
            return x * ((x^2):mean("channel") + s.epsilon):rsqrt() * s.gamma
          end,
        })

      In forward: + - * / ^, abs sign square sqrt rsqrt exp log tanh sigmoid erf max min clamp, lt le gt ge \
      eq where, sum mean variance mean_square max_over min_over norm count over roles, group chunk slice \
      window size stop concat. Gradients are derived. `norma norms check FILE.lua` proves the norm, \
      `norma norms show NAME --script FILE.lua` shows formula and gradient, `norma lua-stubs .` tells an \
      editor all words with their types.

      """
    })

  private static let models = HelpTopic(
    name: "models", summary: "the layers that models are made of",
    text: {
      var text = """
        model("net", { input = { 28, 28, 1 }, norm = "batch",      -- every nn.norm() becomes it
          nn.conv { 32, kernel = 3 }, nn.norm(), nn.relu(), nn.flatten(), nn.linear { 10 } })

        Shapes are without the batch, channels last. The layers, the first option without its name:


        """
      for schema in LayerCatalog.schemas {
        text += "nn.\(schema.kind)   \(schema.doc)\n"
        for option in schema.options {
          let usual = option.defaultValue.map { ", usually \($0)" } ?? ""
          text += "    \(option.name)   \(option.doc): \(option.rangeText)\(usual)\n"
        }
        if case .option(let name)? = schema.norm { text += "    \(name)   a norm\n" }
      }
      return text
    })

  private static let experiments = HelpTopic(
    name: "experiments", summary: "what an experiment is made of",
    text: {
      """
      local r = experiment {
        name = "compare", model = "net", options = { depth = 4 }, norm = "rms",
        data = dataset "fashion-mnist" { train = 10000, validate = 2000 },
        sweep = { { "norm", { "batch", norm.group { groups = 8 } } }, { "batch", { 128, 2 } },
                  { "rate", { 0.1, 0.01 } }, { "seed", { 1, 2, 3 } } },  -- or an option of the model
        seed = 1,                      -- where it is not swept
        train = { epochs = 3,          -- or steps = 500
          batch = 128, optimizer = optim.sgd { rate = 0.1, momentum = 0.9 },
          schedule = schedule.cosine { warm_up = 100 }, clip = 1, rate_scale = "linear",
          stop = { value = "val_loss", patience = 3, least = 0.001 } },  -- ends with the last weights
        observe = 100,                 -- norms are watched every so many steps; false for never
        budget = { minutes = 30 },     -- cells that find no time are rows that say so
        watch = { "val_accuracy" },    -- what print(r) shows
        test = true }                  -- measures the test part at the end

      print(r:table { rows = "norm", columns = "batch", value = "accuracy", spread = "interval" })
      print(r:compare { "batch", "group", value = "loss", at = { batch = 2 } })
      print(r:compare { 0.1, 0.01, axis = "rate", value = "loss", at = { norm = "batch" } })
      print(r:mean { value = "loss", at = { norm = "batch" } })
      r:best { by = "accuracy" }:save "best.safetensors"
      r:report "report.html"

      """
    })

  private static let measures = HelpTopic(
    name: "measures", summary: "what runs end with, by the names that commands and scripts take",
    text: {
      Measure.allCases.map { "\($0.rawValue)   \($0.meaning)\n" }.joined()
    })

  private static let folders = HelpTopic(
    name: "folders", summary: "what a run leaves, and how it is gone on with",
    text: {
      """
      A run's folder holds plain files:
        run.json                 all that determines the run, the norms' formulas, where it ran
        events.jsonl             what happened, a JSON object a line: run step norms eval epoch done
        lua/                     the scripts as they were
        checkpoint.safetensors   while it is not done: weights, optimizer, buffers, where it stands
        final.safetensors        the weights
      A sweep's folder holds a numbered folder a cell, sweep.json (means, deviations and 95 % intervals \
      over seeds) and report.html.

      --resume goes on where a run stood, byte for byte; cells that are done are kept. Ctrl-C once writes \
      a checkpoint and ends with status 130, twice ends at once.

      """
    })

  private static let status = HelpTopic(
    name: "status", summary: "what a command's exit status says",
    text: {
      """
      0     it did what was asked
      1     it failed
      2     a check or a comparison did not hold
      3     training diverged
      64    the command line is wrong
      65    a script, an experiment or data is wrong
      66    a file or a data set is missing
      69    a plugin or a library cannot be used
      70    a defect of Norma
      74    reading or writing failed
      130   interrupted (143 by SIGTERM), with a checkpoint written

      """
    })

  private static let environment = HelpTopic(
    name: "environment", summary: "the variables that norma reads",
    text: {
      """
      NORMA_CC            the C compiler; else cc, clang, gcc
      NORMA_CACHE         where compiled code is kept; else XDG_CACHE_HOME or ~/.cache
      NORMA_PLUGIN_PATH   folders of compiled plugins, separated by colons
      NORMA_LOCK          the file of trusted plugins
      NO_COLOR, TERM=dumb, FORCE_COLOR, COLUMNS   what terminals show

      """
    })
}

extension Measure {
  /// A few words.
  fileprivate var meaning: String {
    switch self {
    case .accuracy: "share right: of the validation part, else the test part, else in training"
    case .loss: "mean loss of the same samples"
    case .trainAccuracy: "share right in the last epoch of training"
    case .trainLoss: "mean loss in the last epoch of training"
    case .validationAccuracy: "share of the validation part that is right"
    case .validationLoss: "mean loss of the validation part"
    case .testAccuracy: "share of the test part that is right"
    case .testLoss: "mean loss of the test part"
    case .stepTime: "milliseconds a training step, the median"
    case .seconds: "seconds the run took"
    case .parameters: "learned values"
    }
  }
}
