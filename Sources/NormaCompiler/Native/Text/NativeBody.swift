/// The statements of one loop body: values become vectors, each computed once.
struct NativeBody {
  let program: NativeProgram
  let pass: NativeProgram.Pass
  /// Floats of a row.
  let inner: Int
  /// How many of a vector's floats are real, at the end of rows; nil for whole vectors.
  let tail: Int?
  /// The index of the first column in the loop.
  let column: String
  /// The row within its block, for small arrays; the element from which columns count.
  let row: String
  let start: String
  /// The first column in a row, for small arrays along it.
  let inRow: String
  /// The values that lie in arrays along columns.
  let arrays: Set<Int>
  /// Distinguishes copies of a body in one scope.
  let suffix: String
  /// Names known from outside the body.
  var names: [NativeProgram.Source: String] = [:]
  private(set) var statements: [String] = []

  init(
    _ loops: NativeLoops, tail: Int?, column: String, row: String, start: String,
    suffix: String, names: [NativeProgram.Source: String] = [:], inRow: String? = nil
  ) {
    program = loops.program
    pass = loops.pass
    inner = loops.inner
    self.tail = tail
    self.column = column
    self.row = row
    self.start = start
    self.inRow = inRow ?? column
    arrays = loops.arrays
    self.suffix = suffix
    self.names = names
  }

  /// The name of a vector with the operand's values.
  mutating func vector(_ source: NativeProgram.Source) -> String {
    if let known = names[source] { return known }
    let expression: String
    switch source {
    case .constant(let value): expression = "bc(\(NativeBody.number(Float(bitPattern: value))))"
    case .tensor(let index): expression = load("t\(index) + \(start) + \(column)")
    case .small(let small):
      let place = NativeBody.place(small, row: row)
      expression = small.address.inner == 0 ? "bc(*(\(place)))" : load("\(place) + \(inRow)")
    case .value(let index) where pass.finds[index] != nil:
      expression = load(kept(pass.finds[index] ?? 0))
    case .value(let index) where arrays.contains(index):
      expression = load("\(NativeBody.array(index)) + \(inRow)")
    case .value(let index):
      let value = program.values[index]
      if let operation = value.operation {
        let operands = value.operands.map { vector($0) }.joined(separator: ", ")
        let ofOne = operation == "pow" && value.operands[1].isOne ? "_one" : ""
        expression = "nk_\(operation)\(ofOne)(\(operands))"
      } else if let address = value.address {
        let base = NativeBody.offset(address, row: row)
        expression = "iota(\(base) + \(column) * \(address.inner), \(address.inner))"
      } else {
        expression = "bc(0)"
      }
    }
    let name = "v\(names.count)\(suffix)"
    statements.append("vf \(name) = \(expression);")
    names[source] = name
    if case .value(let index) = source, let place = pass.keeps[index] {
      let at = kept(place)
      statements.append(tail.map { "stn(\(at), \(name), \($0));" } ?? "st(\(at), \(name));")
    }
    return name
  }

  /// Where a value lies that is kept from one pass to another.
  private func kept(_ place: Int) -> String {
    "kept + \(place * program.rowsAtOnce * inner) + (\(start) - from * \(inner)) + \(column)"
  }

  mutating func add(_ statement: String) { statements.append(statement) }

  private func load(_ pointer: String) -> String {
    tail.map { "ldn(\(pointer), \($0))" } ?? "ld(\(pointer))"
  }

  /// The array along columns where a value lies.
  static func array(_ index: Int) -> String { "H\(index)" }

  /// The index that leading rows and the row within a block give.
  static func offset(_ address: NativeProgram.Address, row: String) -> String {
    var terms = address.lead.enumerated().filter { $0.element != 0 }.map { "l\($0) * \($1)" }
    if address.row != 0 { terms.append("(\(row)) * \(address.row)") }
    return terms.isEmpty ? "0" : terms.joined(separator: " + ")
  }

  static func place(_ small: NativeProgram.Small, row: String) -> String {
    let base =
      switch small.area {
      case .shared: "SF + \(small.offset)"
      case .worker: "WF + \(small.offset)"
      case .parameter: "P\(small.offset)"
      }
    return "\(base) + \(offset(small.address, row: row))"
  }

  /// A float so written that nothing is lost.
  static func number(_ value: Float) -> String {
    if value.isNaN { return "__builtin_nanf(\"\")" }
    if value.isInfinite { return value < 0 ? "-__builtin_inff()" : "__builtin_inff()" }
    let digits = "\(abs(value))"
    return (value.sign == .minus ? "-" : "") + digits + "f"
  }
}
