import CNormaABI
import NormaCore

/// The tensors of a kernel as the interface describes them, without their data: x and the other inputs,
/// then all states in descriptor order.
///
/// SAFETY: written once by `init`, only read afterwards.
final class KernelLayouts: @unchecked Sendable {
  let inputCount: Int
  let stateCount: Int
  private let layouts: UnsafeMutablePointer<norma_layout>
  /// Views of inputs, then of states, with no data.
  let views: [norma_tensor]

  init(x: TensorLayout, inputs: [RoleSet], states: [RoleSet], groups: Int) {
    inputCount = 1 + inputs.count
    stateCount = states.count
    let count = inputCount + stateCount
    layouts = .allocate(capacity: count)
    let roles = x.shape.indices.map { axis -> UInt32 in
      if x.channelAxes.contains(axis) { return NORMA_ROLE_CHANNEL }
      return axis == 0 ? NORMA_ROLE_BATCH : NORMA_ROLE_SPACE
    }
    var described = [norma_layout(shape: x.shape, strides: x.strides, roles: roles)]
    for varies in inputs {
      // An input as large as x lies as x does.
      if varies == .all {
        described.append(norma_layout(shape: x.shape, strides: x.strides, roles: roles))
        continue
      }
      let shape = zip(x.shape, roles).map { size, role in varies.includes(role) ? size : 1 }
      described.append(norma_layout(shape: shape, roles: roles))
    }
    for varies in states {
      switch varies {
      case .channel:
        let axes = x.channelShape
        described.append(
          norma_layout(shape: axes, roles: axes.map { _ in NORMA_ROLE_CHANNEL }))
      case .group: described.append(norma_layout(shape: [groups], roles: [NORMA_ROLE_GROUP]))
      case .member:
        let members = x.channelCount / max(groups, 1)
        described.append(norma_layout(shape: [members], roles: [NORMA_ROLE_MEMBER]))
      default: described.append(norma_layout(shape: [], roles: []))
      }
    }
    var views: [norma_tensor] = []
    for (index, layout) in described.enumerated() {
      (layouts + index).initialize(to: layout)
      var view = norma_tensor.sized()
      view.layout = UnsafePointer(layouts + index)
      view.bytes = layout.spanBytes
      views.append(view)
    }
    self.views = views
  }

  deinit { layouts.deallocate() }
}

extension RoleSet {
  /// Whether an axis of this role of the interface is one it varies along.
  fileprivate func includes(_ role: UInt32) -> Bool {
    switch role {
    case NORMA_ROLE_BATCH: !isDisjoint(with: .batch)
    case NORMA_ROLE_SPACE: contains(.space)
    default: !isDisjoint(with: .channel)
    }
  }
}

extension norma_layout {
  /// A float32 layout; the default strides are those of C order.
  fileprivate init(shape: [Int], strides: [Int]? = nil, roles: [UInt32]) {
    self = .sized()
    dtype = NORMA_FLOAT32
    rank = UInt32(shape.count)
    let strides = strides ?? TensorLayout.contiguousStrides(shape)
    withUnsafeMutableBytes(of: &self.shape) { bytes in
      for (axis, size) in shape.enumerated() {
        bytes.storeBytes(of: Int64(size), toByteOffset: 8 * axis, as: Int64.self)
      }
    }
    withUnsafeMutableBytes(of: &self.strides) { bytes in
      for (axis, stride) in strides.enumerated() {
        bytes.storeBytes(of: Int64(stride), toByteOffset: 8 * axis, as: Int64.self)
      }
    }
    withUnsafeMutableBytes(of: &self.roles) { bytes in
      for (axis, role) in roles.enumerated() { bytes[axis] = UInt8(role) }
    }
  }

  /// Bytes from the first element to the end of the last one.
  fileprivate var spanBytes: UInt64 {
    var span: Int64 = 1
    withUnsafeBytes(of: shape) { sizes in
      withUnsafeBytes(of: strides) { strides in
        for axis in 0..<Int(rank) {
          let size = sizes.load(fromByteOffset: 8 * axis, as: Int64.self)
          if size == 0 {
            span = 0
            return
          }
          span += (size - 1) * strides.load(fromByteOffset: 8 * axis, as: Int64.self)
        }
      }
    }
    return UInt64(span) * UInt64(MemoryLayout<Float>.size)
  }
}
