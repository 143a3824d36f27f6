import CKernels

/// A plan's tile programs with registers resolved: values by number, what is accumulated, what is
/// written.
struct NativeProgram {
  /// Where an operand comes from.
  enum Source: Hashable {
    case value(Int)
    case tensor(Int32)
    case small(Small)
    /// A number by its bits: NaN is itself, and 0 is not -0.
    case constant(UInt32)

    /// Whether it is one number for all that a vector may hold: of rows that follow one another, too.
    var isOne: Bool {
      switch self {
      case .constant: true
      case .small(let small): small.address.inner == 0 && small.address.row == 0
      case .value, .tensor: false
      }
    }
  }

  /// A small array of floats as tiles address it.
  struct Small: Hashable {
    enum Area: Hashable { case shared, worker, parameter }
    let area: Area
    let offset: Int32
    let address: Address
  }

  /// Strides along the leading rows, the rows of a block, and the inner axis.
  struct Address: Hashable {
    let lead: [Int32]
    let row: Int32
    let inner: Int32

    init(_ view: ck_view) {
      lead = [view.lead.0, view.lead.1, view.lead.2]
      row = view.row_stride
      inner = view.inner_stride
    }
  }

  struct Value: Hashable {
    /// The operation's name in the C table; nil for positions, whose weights are `address`.
    let operation: String?
    let operands: [Source]
    let address: Address?

    /// Whether making it again costs more than reading it from the cache.
    var isCostly: Bool { Value.isCostly(operation) }

    static func isCostly(_ operation: String?) -> Bool {
      ["exp", "log", "tanh", "sigmoid", "erf", "pow"].contains(operation)
    }
  }

  struct Pass {
    var accumulations: [Accumulation] = []
    var outputs: [(tensor: Int32, source: Source)] = []
    /// Values that a later pass finds where this one put them, and those that are found: which place.
    var keeps: [Int: Int] = [:]
    var finds: [Int: Int] = [:]

    /// What is summed and what is written.
    var sources: [Source] { accumulations.flatMap { [$0.a, $0.b] } + outputs.map(\.source) }
  }

  /// Floats of a vector.
  let lanes: Int
  private(set) var values: [Value] = []
  private var numbers: [Value: Int] = [:]
  /// Values less a number that is two floats, one a row or one a column: what is left of the first, and the
  /// second.
  private(set) var centered: [Int: (near: Source, rest: Source)] = [:]
  /// Products of those and a factor, by the fma that makes them.
  private(set) var centeredProducts: [Int: (centered: Source, factor: Source)] = [:]
  /// Whether what a column has once is made once a call of a pass, in an array of a row's length.
  let hasColumnArrays: Bool
  private(set) var passes: [Pass] = []
  /// The tensors that are read or written.
  private(set) var tensors: Set<Int32> = []
  /// The parameters that are read as the caller holds them.
  private(set) var parameters: Set<Int32> = []
  /// How slices are taken apart.
  private(set) var runs: NativeRuns?
  /// How many rows go through all passes before the next do.
  private(set) var rowsAtOnce: Int
  /// How many values of the size of those rows are kept from one pass to another.
  private(set) var keptCount = 0

  /// Arrays of a row's length in which a slice's sums of columns wait in float, while its rows go
  /// through all passes in runs.
  private(set) var waitingCount = 0
  /// How far those are apart.
  private(set) var waitingStride = 0
  /// Where they begin, behind the values that are kept.
  private(set) var waitingStart = 0
  /// Floats that a slice keeps from pass to pass.
  var keptFloats: Int { waitingStart + waitingCount * waitingStride }

  /// The most floats of values that are kept: what lies in the cache beside tensors.
  private static let mostKept = 1 << 14
  /// The longest rows whose columns have arrays of their own: a few of them lie in the first-level cache.
  private static let longestColumnArray = 1024
  /// The rows of a slice that arrays of columns are made for: of fewer they would be much of the work.
  private static let fewestArrayRows = 16
  /// The most doubles of sums beyond a slice that are put aside before a pass that may be run again.
  static let sumsAside = 1 << 13

  /// Resolves the programs of a plan; nil when one needs what native text cannot say.
  init?(_ plan: TilePlan, lanes: Int) {
    self.lanes = lanes
    rowsAtOnce = plan.sliceRows
    hasColumnArrays =
      plan.level != .rows && plan.leadCounts.allSatisfy { $0 == 1 }
      && plan.inner <= NativeProgram.longestColumnArray
      && plan.sliceRows >= NativeProgram.fewestArrayRows
    var registers: [Int32: Source] = [:]
    // A tensor that was written is the value it was given.
    var written: [Int32: Source] = [:]
    for planned in plan.passes {
      var pass = Pass()
      // Between passes over the whole tensor nothing stays at hand: what was written is read.
      if plan.level == .whole { written = [:] }
      for instruction in planned.single.buffer {
        func source(_ view: ck_view) -> Source? {
          switch Int(view.kind) {
          case CK_VIEW_REGISTER: return registers[view.index]
          case CK_VIEW_TENSOR: return written[view.index] ?? .tensor(view.index)
          case CK_VIEW_CONSTANT: return .constant(view.constant.bitPattern)
          default:
            let area: Small.Area =
              switch Int(view.kind) {
              case CK_VIEW_SMALL_SHARED: .shared
              case CK_VIEW_PARAMETER: .parameter
              default: .worker
              }
            return .small(Small(area: area, offset: view.index, address: Address(view)))
          }
        }
        switch Int(instruction.what) {
        case CK_DO_MAP, CK_DO_POSITION:
          var result: Source
          if Int(instruction.what) == CK_DO_POSITION {
            result = number(
              Value(operation: nil, operands: [], address: Address(instruction.a)))
          } else {
            guard let name = ck_operation_name(instruction.operation) else { return nil }
            let arity = Int(ck_operation_arity(instruction.operation))
            let views = [instruction.a, instruction.b, instruction.c].prefix(arity)
            let operands = views.compactMap(source)
            guard operands.count == arity else { return nil }
            let text = String(cString: name)
            if text == "copy" {
              result = operands[0]
            } else {
              result = value(text, operands)
            }
          }
          if Int(instruction.target.kind) == CK_VIEW_TENSOR {
            pass.outputs.append((instruction.target.index, result))
            written[instruction.target.index] = result
          } else {
            registers[instruction.target.index] = result
          }
        default:
          let family: Accumulation.Family =
            switch Int(instruction.what) {
            case CK_DO_SUM: .sum
            case CK_DO_DOT: .dot
            case CK_DO_MOMENTS: .moments
            case CK_DO_MAX: .max
            default: .min
            }
          guard let a = source(instruction.a), let b = source(instruction.b) else { return nil }
          pass.accumulations.append(
            Accumulation(
              family: family, a: a, b: family == .dot ? b : a, offset: instruction.accumulator,
              plane: instruction.accumulator_size, across: instruction.across != 0,
              address: Address(instruction.target)))
        }
      }
      passes.append(pass)
    }
    // What goes beyond slices is wanted only at the end, where gradients are made of the same values;
    // but where a slice has that sum of its own, it is there already.
    if plan.level != .whole, passes.count > 1 {
      for i in passes.indices.dropLast() {
        let own = passes[i].accumulations.filter {
          !$0.across && !$0.isByRow && $0.address.row == 0
        }
        let wanted = passes[i].accumulations.filter(\.across).reduce(0) {
          $0 + $1.plane * $1.planes
        }
        func isLate(_ sum: Accumulation) -> Bool {
          guard sum.across, !sum.isByRow else { return false }
          guard wanted <= NativeProgram.sumsAside else { return true }
          return !isMade(apart(sum, of: own, byRow: false).sum, by: own, byRow: false)
        }
        let all = passes[i].accumulations
        passes[i].accumulations = all.filter { !isLate($0) }
        passes[passes.count - 1].accumulations += all.filter(isLate)
      }
    }
    for view in plan.passes.flatMap({ $0.single.buffer.flatMap { [$0.a, $0.b, $0.c, $0.target] } })
    {
      if Int(view.kind) == CK_VIEW_TENSOR { tensors.insert(view.index) }
      if Int(view.kind) == CK_VIEW_PARAMETER { parameters.insert(view.index) }
    }
    guard passes.allSatisfy({ $0.accumulations.allSatisfy { (0...1).contains($0.address.inner) } })
    else { return nil }
    let results = passes.flatMap { $0.outputs.map(\.tensor) }
    let waiting = sumsThatWait(plan)
    let readCount = tensors.subtracting(results).count
    runs = NativeRuns(plan, passes, readCount: readCount, waitingCount: waiting)
    if let runs { rowsAtOnce = runs.length * runs.rows }
    // Their places follow rows that lie side by side.
    if plan.level == .rows || plan.level == .sample { keepCostlyValues(rowFloats: plan.inner) }
    func aligned(_ floats: Int) -> Int { (floats + 15) / 16 * 16 }
    waitingStart = aligned(keptCount * rowsAtOnce * plan.inner)
    waitingStride = aligned(plan.inner)
    if runs != nil { waitingCount = waiting ?? 0 }
  }

  /// Values that are the same in two passes have one number.
  private mutating func number(_ value: Value) -> Source {
    if let known = numbers[value] { return .value(known) }
    numbers[value] = values.count
    values.append(value)
    return .value(values.count - 1)
  }

  /// A sum less a product with `rest`, taken off the innermost addend, which is one a row or a column as
  /// that is, or nothing; nil where it saves no operation.
  private mutating func difference(_ sum: Source, _ less: Source, _ rest: Source) -> Source? {
    if goTogether(rest, sum) {
      return number(Value(operation: "sub", operands: [sum, less], address: nil))
    }
    guard case .value(let index) = sum else { return nil }
    let operands = values[index].operands
    switch values[index].operation {
    case "mul":
      let negative = number(Value(operation: "neg", operands: [less], address: nil))
      return number(Value(operation: "fma", operands: operands + [negative], address: nil))
    case "fma":
      guard let added = difference(operands[2], less, rest) else { return nil }
      return number(
        Value(operation: "fma", operands: [operands[0], operands[1], added], address: nil))
    default: return nil
    }
  }

  /// An operation's result. A comparison and the choice that it decides are one operation. Where a factor
  /// follows a difference from a mean in two floats, the second float goes with the factor:
  /// (x - high - low) s is (x - high) s + (-low s), of which a row has one, or a column.
  private mutating func value(_ operation: String, _ operands: [Source]) -> Source {
    func plain(_ operation: String, _ operands: [Source]) -> Source {
      number(Value(operation: operation, operands: operands, address: nil))
    }
    switch operation {
    case "center"
    where operands[1...].allSatisfy(isOneARow)
      || operands[1...].allSatisfy(isOneAColumn):
      let near = plain("sub", [operands[0], operands[1]])
      let difference = plain("sub", [near, operands[2]])
      if case .value(let index) = difference { centered[index] = (near, operands[2]) }
      return difference
    case "mul", "fma":
      for (a, factor) in [(operands[0], operands[1]), (operands[1], operands[0])] {
        guard case .value(let index) = a, let (near, rest) = centered[index],
          goTogether(rest, factor)
        else { continue }
        let less = plain("mul", [rest, factor])
        guard operation == "fma" else {
          let product = plain("fma", [near, factor, plain("neg", [less])])
          if case .value(let number) = product { centeredProducts[number] = (a, factor) }
          return product
        }
        if let added = difference(operands[2], less, rest) {
          return plain("fma", [near, factor, added])
        }
      }
      return plain(operation, operands)
    case "select":
      guard case .value(let index) = operands[0], let comparison = values[index].operation,
        NativePrelude.choices[comparison] != nil
      else { return plain(operation, operands) }
      return plain("select_\(comparison)", values[index].operands + operands[1...])
    default: return plain(operation, operands)
    }
  }

  /// Whether all columns of a row have the same.
  func isOneARow(_ source: Source) -> Bool { stays(source, \.inner) }

  /// Whether all rows of a column have the same.
  func isOneAColumn(_ source: Source) -> Bool { stays(source, \.row) }

  /// Whether something is the same wherever one goes in a direction, by its stride.
  private func stays(_ source: Source, _ stride: KeyPath<Address, Int32>) -> Bool {
    switch source {
    case .constant: true
    case .small(let small): small.address[keyPath: stride] == 0
    case .tensor: false
    case .value(let index):
      values[index].operation != nil && values[index].operands.allSatisfy { stays($0, stride) }
    }
  }

  /// Whether what is made of two is made once a row, or once a column.
  private func goTogether(_ a: Source, _ b: Source) -> Bool {
    isOneARow(a) && isOneARow(b) || hasColumnArrays && isOneAColumn(a) && isOneAColumn(b)
  }

  /// The values that a pass makes which all rows of a column have, but not all columns of a row: of those
  /// that are made of one another the last.
  func valuesOfColumns(_ pass: Pass) -> Set<Int> {
    guard hasColumnArrays else { return [] }
    var arrays: Set<Int> = []
    var (seen, pending): (Set<Source>, [Source]) = ([], pass.sources)
    while let source = pending.popLast() {
      guard case .value(let index) = source, seen.insert(source).inserted,
        pass.keeps[index] == nil, pass.finds[index] == nil
      else { continue }
      if isOneAColumn(source), !isOneARow(source) {
        arrays.insert(index)
      } else {
        pending += values[index].operands
      }
    }
    return arrays
  }

  /// Whether a pass makes something costly that none before it kept.
  func makesCostlyValues(_ pass: Pass) -> Bool {
    made(for: pass.sources, finding: pass.finds).contains {
      if case .value(let value) = $0 { values[value].isCostly } else { false }
    }
  }

  /// Some sources and all that they are made of, each once; not values that an earlier pass left, nor
  /// what those and `arrays` are made of.
  func made(
    for sources: [Source], finding found: [Int: Int], arrays: Set<Int> = []
  ) -> [Source] {
    var seen: Set<Source> = []
    var made: [Source] = []
    var pending = Array(sources.reversed())
    while let source = pending.popLast() {
      guard seen.insert(source).inserted else { continue }
      if case .value(let index) = source {
        guard found[index] == nil else { continue }
        if !arrays.contains(index) { pending += values[index].operands.reversed() }
      }
      made.append(source)
    }
    return made
  }

  /// What is costly and wanted by two passes is made by the first.
  private mutating func keepCostlyValues(rowFloats: Int) {
    var maker: [Int: Int] = [:]
    var places: [Int: Int] = [:]
    for number in passes.indices {
      let pass = passes[number]
      var seen: Set<Int> = []
      var pending = pass.sources
      while let source = pending.popLast() {
        guard case .value(let value) = source, seen.insert(value).inserted else { continue }
        if values[value].isCostly, let first = maker[value] {
          let place = places[value] ?? keptCount
          guard (place + 1) * rowsAtOnce * rowFloats <= NativeProgram.mostKept else { continue }
          places[value] = place
          keptCount = max(keptCount, place + 1)
          passes[first].keeps[value] = place
          passes[number].finds[value] = place
        } else {
          maker[value] = number
          pending += values[value].operands
        }
      }
    }
  }
}
