import CNormaABI
import Foundation
import NormaCore
import NormaNorms

/// Throws when a name of a hyper-parameter, input or state is not what a script can write.
private func requireName(_ name: String, _ what: String) throws(NormaError) {
  let allowed = name.utf8.allSatisfy {
    (97...122).contains($0) || (48...57).contains($0) || $0 == 95
  }
  guard let first = name.utf8.first, !(48...57).contains(first), allowed else {
    throw NormaError(
      .unavailable, "\(what) '\(name)' is no name",
      help: "use lower-case letters, digits and underscores")
  }
}

extension norma_hyper {
  /// The hyper-parameter as the registry knows it.
  ///
  /// - Throws: `unavailable` for a kind scripts cannot write, or a default outside its own limits.
  func parameter(channelDivisors: [String]) throws(NormaError) -> HyperParameter {
    let name = try self.name.text("hyper-parameter name")
    try requireName(name, "hyper-parameter")
    let words = try texts(choices, count: choice_count, "the choices of '\(name)'")
    let type: HyperParameter.Kind
    switch kind {
    case NORMA_F64: type = .real(bounds)
    case NORMA_I64:
      type = .int(bounds, divides: channelDivisors.contains(name) ? .channel : nil, words: words)
    case NORMA_BOOL: type = .bool
    case NORMA_CHOICE where !words.isEmpty: type = .choice(words)
    case NORMA_CHOICE: throw NormaError(.unavailable, "'\(name)' offers no choices")
    case NORMA_STRING, NORMA_I64_LIST:
      throw NormaError(
        .unavailable, "'\(name)' is a \(kind == NORMA_STRING ? "text" : "list of integers")",
        help: "this Norma takes real numbers, integers, booleans and choices")
    default: throw NormaError(.unavailable, "'\(name)' has unknown kind \(kind)")
    }
    let value: HyperValue
    switch default_value.kind {
    case NORMA_NONE: value = .none
    case NORMA_F64: value = .real(default_value.real)
    case NORMA_I64: value = .int(Int(default_value.integer))
    case NORMA_BOOL: value = .bool(default_value.integer != 0)
    default: value = .choice(try default_value.text.text("the default of '\(name)'"))
    }
    let parameter = HyperParameter(
      name, type, default: value, doc: try doc.text("the doc of '\(name)'"))
    if parameter.isReal, value == .none {
      throw NormaError(.unavailable, "'\(name)' is a real number without a default")
    }
    do throws(NormaError) {
      _ = try parameter.checked(value)
    } catch {
      throw NormaError(.unavailable, "default refused: \(error.message)")
    }
    return parameter
  }

  private var bounds: Bounds {
    var bounds = Bounds()
    if flags & NORMA_HYPER_HAS_MINIMUM != 0 {
      bounds.lower = minimum
      bounds.lowerExcluded = flags & NORMA_HYPER_MINIMUM_EXCLUDED != 0
    }
    if flags & NORMA_HYPER_HAS_MAXIMUM != 0 {
      bounds.upper = maximum
      bounds.upperExcluded = flags & NORMA_HYPER_MAXIMUM_EXCLUDED != 0
    }
    return bounds
  }
}

extension norma_input {
  /// The roles along which it varies.
  func roleSet() throws(NormaError) -> RoleSet {
    try requireName(try name.text("input name"), "input")
    let known = NORMA_ROLE_BATCH | NORMA_ROLE_SPACE | NORMA_ROLE_CHANNEL
    guard roles & ~known == 0 else {
      throw NormaError(
        .unavailable, "an input varies along unknown roles 0x\(String(roles, radix: 16))")
    }
    var set: RoleSet = []
    if roles & NORMA_ROLE_BATCH != 0 { set.formUnion(.batch) }
    if roles & NORMA_ROLE_SPACE != 0 { set.formUnion(.space) }
    if roles & NORMA_ROLE_CHANNEL != 0 { set.formUnion(.channel) }
    return set
  }
}

extension norma_state {
  /// The parameter or buffer as the registry knows it.
  func spec(hyper: [HyperParameter]) throws(NormaError) -> StateSpec {
    let name = try self.name.text("state name")
    try requireName(name, "state")
    let shape: RoleSet
    switch roles {
    case 0: shape = .none
    case NORMA_ROLE_CHANNEL: shape = .channel
    case NORMA_ROLE_GROUP: shape = .group
    case NORMA_ROLE_MEMBER: shape = .member
    default:
      throw NormaError(.unavailable, "'\(name)' varies along roles 0x\(String(roles, radix: 16))")
    }
    let purpose: StateRole
    switch role {
    case NORMA_STATE_GAIN: purpose = .gain
    case NORMA_STATE_SHIFT: purpose = .shift
    case NORMA_STATE_WEIGHT: purpose = .weight
    case NORMA_STATE_RUNNING: purpose = .runningStatistic
    case NORMA_STATE_COUNTER: purpose = .counter
    default: throw NormaError(.unavailable, "'\(name)' has unknown role \(role)")
    }
    let condition = try when.text("the condition of '\(name)'")
    if !condition.isEmpty, hyper.first(where: { $0.name == condition })?.kind != .bool {
      throw NormaError(.unavailable, "'\(name)' depends on '\(condition)', which is no boolean")
    }
    return StateSpec(
      name, per: shape, initial: try initial(of: name, hyper: hyper), role: purpose,
      when: condition.isEmpty ? nil : condition, doc: try doc.text("the doc of '\(name)'"))
  }

  private func initial(of name: String, hyper: [HyperParameter]) throws(NormaError) -> InitialValue
  {
    let source = try initial_hyper.text("the initial value of '\(name)'")
    let factor = initial_factor
    let power = initial_power
    if !source.isEmpty {
      switch hyper.first(where: { $0.name == source })?.kind {
      case .real?, .int?: break
      default:
        throw NormaError(.unavailable, "'\(name)' starts at '\(source)', which is no number")
      }
      return .hyper(source)
    }
    return power == 0
      ? .number(factor)
      : .function { dimensions in factor * pow(Double(dimensions.channel), power) }
  }
}
