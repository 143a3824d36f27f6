import NormaCore

/// How a window slides over an image: sizes, steps, padding and the output's size.
struct Window {
  let height: Int
  let width: Int
  let channels: Int
  let kernel: (height: Int, width: Int)
  let stride: (height: Int, width: Int)
  /// Padding before and after, along height and width.
  let before: (height: Int, width: Int)
  let after: (height: Int, width: Int)
  let outHeight: Int
  let outWidth: Int

  /// Reads `kernel`, `stride` (default given) and `padding`, and checks them against the input.
  init(
    _ options: LayerOptions, input: [Int], defaultStride: (height: Int, width: Int)? = nil
  ) throws(NormaError) {
    let name = "nn.\(options.spec.kind)"
    guard input.count == 3, input.allSatisfy({ $0 > 0 }) else {
      throw NormaError(
        .usage, "\(name): needs [height, width, channels], got \(input)",
        help: input.count < 3 ? "move it before nn.flatten" : nil)
    }
    let kernel = options.size("kernel") ?? (1, 1)
    let stride = options.size("stride") ?? defaultStride ?? kernel
    func pad(_ size: Int, _ kernel: Int, _ stride: Int, _ given: Int?) -> (Int, Int, Int) {
      if let given { return (given, given, (size + 2 * given - kernel) / stride + 1) }
      let out = (size + stride - 1) / stride
      let total = max((out - 1) * stride + kernel - size, 0)
      return (total / 2, total - total / 2, out)
    }
    let given = options.size("padding")
    let vertical = pad(input[0], kernel.height, stride.height, given?.height)
    let horizontal = pad(input[1], kernel.width, stride.width, given?.width)
    guard input[0] + vertical.0 + vertical.1 >= kernel.height,
      input[1] + horizontal.0 + horizontal.1 >= kernel.width
    else {
      throw NormaError(
        .usage,
        "\(name): a kernel of \(kernel.height)x\(kernel.width) does not fit into"
          + " \(input[0])x\(input[1]) with this padding",
        help: "use a smaller kernel, more padding, or fewer pooling layers before it")
    }
    guard vertical.0 < kernel.height, horizontal.0 < kernel.width else {
      throw NormaError(
        .usage, "\(name): padding must be smaller than the kernel",
        help: "the kernel is \(kernel.height)x\(kernel.width)")
    }
    height = input[0]
    width = input[1]
    channels = input[2]
    self.kernel = kernel
    self.stride = stride
    before = (vertical.0, horizontal.0)
    after = (vertical.1, horizontal.1)
    outHeight = vertical.2
    outWidth = horizontal.2
  }
}
