// What a plugin in Swift needs around its formulas: copy this file beside yours. It turns errors that are
// thrown into statuses, Swift values into descriptors that live for the process, and closures into work for
// the host's threads. A trap still ends the host: check what you are given, and use &+ where sizes meet.

/// A failure as the interface has it.
struct PluginError: Error {
  var status = NORMA_ERROR
  var about = NORMA_ABOUT_NOTHING
  var index: UInt32 = 0
  var message: String
}

/// Runs what may throw; what it throws becomes a status and a message.
func status(_ error: UnsafeMutablePointer<norma_error>?, _ body: () throws -> Void) -> Int32 {
  do {
    try body()
    return NORMA_OK
  } catch let failure as PluginError {
    return norma_fail(error, failure.status, failure.about, failure.index, failure.message)
  } catch let failure {
    return norma_fail(error, NORMA_ERROR, NORMA_ABOUT_NOTHING, 0, "\(failure)")
  }
}

/// The argument, unless it says something that this plugin was not written for.
func known<Argument>(_ argument: UnsafePointer<Argument>?) throws -> Argument {
  guard let argument else {
    throw PluginError(status: NORMA_INVALID, message: "an argument is missing")
  }
  guard norma_tail_is_zero(argument, UInt32(MemoryLayout<Argument>.size)) != 0 else {
    throw PluginError(status: NORMA_UNSUPPORTED, message: "an argument newer than this plugin")
  }
  return argument.pointee
}

// MARK: descriptors

/// Text of the program, which lives as long as it does.
func text(_ literal: StaticString) -> norma_string {
  norma_string(
    data: UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self),
    length: UInt64(literal.utf8CodeUnitCount))
}

/// Values at a place that stays, for descriptors.
func permanent<Value>(_ values: Value...) -> UnsafePointer<Value> {
  let place = UnsafeMutablePointer<Value>.allocate(capacity: values.count)
  place.initialize(from: values, count: values.count)
  return UnsafePointer(place)
}

/// A struct of the interface, zeroed but for its size, filled by `fill`.
func described<Struct>(_ empty: Struct, _ fill: (inout Struct) -> Void) -> Struct {
  var value = empty
  // Every struct of the interface begins with its size.
  withUnsafeMutableBytes(of: &value) {
    $0.storeBytes(of: UInt32(MemoryLayout<Struct>.size), as: UInt32.self)
  }
  fill(&value)
  return value
}

// MARK: tensors

extension norma_tensor {
  /// The first element; nil: absent, or not wanted.
  var floats: UnsafeMutablePointer<Float>? { data?.assumingMemoryBound(to: Float.self) }
}

/// The index combinations of the axes with some roles: how many, and where each lies.
struct Walk {
  private var axes: [(size: Int, stride: Int)] = []
  private(set) var count = 1

  init(_ layout: norma_layout, _ roles: UInt32) {
    var layout = layout
    let rank = Int(layout.rank)
    withUnsafeBytes(of: &layout.shape) { shape in
      withUnsafeBytes(of: &layout.strides) { strides in
        withUnsafeBytes(of: &layout.roles) { each in
          for axis in 0..<rank where UInt32(each[axis]) & roles != 0 {
            let size = shape.load(fromByteOffset: 8 * axis, as: Int64.self)
            let stride = strides.load(fromByteOffset: 8 * axis, as: Int64.self)
            axes.append((Int(size), Int(stride)))
            count *= Int(size)
          }
        }
      }
    }
  }

  /// Where a combination lies, in elements.
  func offset(_ index: Int) -> Int {
    var (rest, offset) = (index, 0)
    for axis in axes.reversed() {
      offset += rest % axis.size * axis.stride
      rest /= axis.size
    }
    return offset
  }
}

// MARK: threads

/// Runs `body` for every piece below `count` on the host's threads; what a piece does must depend on it alone.
func parallel(
  _ host: UnsafePointer<norma_host>, _ call: norma_call, _ count: Int, _ body: (Int) -> Void
) {
  withoutActuallyEscaping(body) { body in
    var body = body
    withUnsafeMutablePointer(to: &body) { context in
      host.pointee.parallel_for(
        host, call.threads, Int64(count), 1,
        { context, begin, end, _ in
          guard let body = context?.assumingMemoryBound(to: ((Int) -> Void).self) else { return }
          for piece in begin..<end { body.pointee(Int(piece)) }
        }, context)
    }
  }
}
