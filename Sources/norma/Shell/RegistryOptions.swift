import ArgumentParser
import NormaCore
import NormaNorms

/// Where norms come from besides Norma itself.
struct RegistryOptions: ParsableArguments {
  /// The built-in norms, then whatever else was asked for.
  func registry() throws(NormaError) -> NormRegistry {
    NormRegistry.builtIn()
  }
}
