import NormaCompiler
import NormaCore
import NormaGraph
import NormaNorms
import NormaPlugins

/// Everything there is to say about a norm.
struct NormPage: Encodable {
  struct FormulaText: Encodable {
    /// The mode, nil where all modes share the formula.
    let mode: String?
    let forward: [String]
    let gradient: [String]
    let statistics: [Statistic]
  }

  struct Statistic: Encodable {
    let text: String
    let over: [String]
    let per: [String]
  }

  struct Hyper: Encodable {
    let name: String
    let type: String
    let value: String
    let accepts: String
    let doc: String
    let aliases: [String]
  }

  struct State: Encodable {
    let name: String
    let per: [String]
    let initial: String
    let role: String
    let presentWhen: String?
    let doc: String
  }

  struct Input: Encodable {
    let name: String
    let per: [String]
    let accepts: String
    let doc: String
  }

  let name: String
  let summary: String
  let paper: String
  /// Whether it is made for the weights of a layer.
  let isForWeights: Bool
  /// `derivative`, `partial` or `own`.
  let gradientKind: String
  let inputs: [Input]
  let source: String
  let groups: Int?
  let formulas: [FormulaText]
  let hyper: [Hyper]
  let presets: [String: [String: String]]
  let parameters: [State]
  let buffers: [State]
  let plans: [String: String]

  /// Gathers a norm's page.
  ///
  /// - Parameter plan: what runs the plans that are shown, and with which neighbours; nil shows none.
  /// - Throws: `usage` for an unknown norm, a setting, a shape or a neighbour it cannot take.
  init(
    spec: NormSpec, registry: NormRegistry, layout: TensorLayout, mode: Mode?,
    plan: (executor: Executor, neighbours: [String])?
  ) throws(NormaError) {
    let entry = try registry.entry(spec.name)
    let schema = entry.schema
    name = schema.name
    summary = schema.summary
    paper = schema.paper
    source = entry.source.text
    isForWeights = schema.isForWeights
    gradientKind = schema.gradient.rawValue
    inputs = schema.inputs.map {
      Input(name: $0.name, per: $0.roles.names, accepts: $0.bounds.text, doc: $0.doc)
    }
    let layer = try NormLayer(spec, in: registry, channelShape: layout.channelShape)
    groups = try entry.provider.splits(layer.hyper, channels: layout.channelCount).groups
    var formulas: [FormulaText] = []
    if let definition = entry.provider.definition {
      for mode in mode.map({ [$0] }) ?? [.train, .infer] {
        let program = try definition.program(
          hyper: layer.hyper, channels: layout.channelCount, mode: mode, gradient: true)
        formulas.append(try FormulaText(program, mode: mode))
      }
    }
    if let text = entry.pluginFormula {
      formulas.append(FormulaText(mode: nil, forward: [text], gradient: [], statistics: []))
    }
    if formulas.count == 2, formulas[0].forward == formulas[1].forward {
      formulas = [formulas[0].forAllModes]
    }
    self.formulas = formulas
    hyper = schema.hyper.map { parameter in
      Hyper(
        name: parameter.name, type: parameter.typeName,
        value: parameter.defaultValue.text, accepts: parameter.rangeText,
        doc: parameter.doc,
        aliases: schema.aliases.filter { $0.target == parameter.name }.map(\.name))
    }
    presets = schema.presets.mapValues { $0.mapValues(\.text) }
    parameters = schema.parameters.map(State.init)
    buffers = schema.buffers.map(State.init)
    var plans: [String: String] = [:]
    if let plan {
      var kernels: [(mode: Mode, kernel: any NormKernel)] = []
      for mode in mode.map({ [$0] }) ?? [.train, .infer] {
        let kernel = try layer.kernel(
          for: layout, mode: mode, executor: plan.executor,
          fusion: try Fusion(words: plan.neighbours, mode: mode))
        kernels.append((mode, kernel))
      }
      plan.executor.settle()
      for (mode, kernel) in kernels {
        plans[mode.rawValue] =
          kernel.planDescription ?? "\(kernel.executor): says nothing of its plan"
      }
    }
    self.plans = plans
  }
}

extension NormPage.FormulaText {
  init(_ program: NormProgram, mode: Mode) throws(NormaError) {
    let forward = Formula(try Graph(program.forwardResults))
    self.init(
      mode: mode.rawValue, forward: forward.lines.map(\.description),
      gradient: Formula(try Graph(program.backwardResults)).lines.map(\.description),
      statistics: forward.statistics.map {
        NormPage.Statistic(text: $0.text, over: $0.over.names, per: $0.per.names)
      })
  }

  var forAllModes: Self {
    Self(mode: nil, forward: forward, gradient: gradient, statistics: statistics)
  }
}

extension NormPage.State {
  init(_ spec: StateSpec) {
    let initial =
      switch spec.initial {
      case .number(let value): HyperValue.real(value).text
      case .hyper(let name): name
      case .function: "depends on the sizes"
      }
    self.init(
      name: spec.name, per: spec.roles.names, initial: initial, role: spec.role.rawValue,
      presentWhen: spec.when, doc: spec.doc)
  }
}

extension HyperParameter {
  var typeName: String {
    switch kind {
    case .real: "real"
    case .int: "integer"
    case .bool: "boolean"
    case .choice: "choice"
    }
  }
}

extension HyperValue {
  /// The value as people write it: `1e-5`, not `1e-05`.
  var text: String {
    description.replacing("e-0", with: "e-").replacing("e+0", with: "e+")
  }
}
