import NormaCore
import NormaData

extension ScriptTensor {
  /// Reads an `.npy` file beside the script.
  static func load(_ name: String, _ call: CallContext) throws(NormaError) -> ScriptTensor {
    guard name.hasSuffix(".npy"), !name.hasPrefix("/") else {
      throw call.error(
        "'\(name)' is no .npy file beside the script", help: "write tensor.load \"x.npy\"")
    }
    let path = try call.interpreter.pathBesideScript(
      name, call.function, missing: "cannot read '\(name)'")
    let array = try NPY.readFloating(path)
    return try ScriptTensor(shape(array.shape, owner: call.function), array.floats)
  }
}
