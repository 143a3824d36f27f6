// Registers a norm of its own, holds it to the contract, loads compiled plugins that are named as
// arguments, and trains the same network with each norm.
import Glibc
import Norma

@main
struct Program {
  static func main() {
    do {
      try run(plugins: Array(CommandLine.arguments.dropFirst()))
    } catch {
      print("\(error)")
      exit(1)
    }
  }

  /// x / (mean(|x|) + epsilon) · gamma over the channels.
  static let absolute = NormDefinition(
    "absolute", summary: "mean absolute value one over the channels"
  ) { n in
    let epsilon = n.real("epsilon", default: 1e-5, Bounds(min: 0), "added to the mean")
    let gamma = n.parameter("gamma", per: .channel, initial: 1, role: .gain, "gain")
    return { x, _ in x / (x.abs().mean(.channel) + epsilon) * gamma }
  }

  static func run(plugins: [String]) throws(NormaError) {
    let registry = NormRegistry.builtIn()
    try registry.register(NormEntry(absolute, source: .builtIn))
    let results = checkNorm(NormSpec("absolute"), in: registry)
    let failed = results.filter { !$0.passed }
    print("absolute: \(results.count - failed.count) of \(results.count) checks hold")
    guard failed.isEmpty else { throw NormaError(.gate, "\(failed[0])") }

    let loader = PluginLoader(services: HostServices(parallelFor: HostServices.overThreads))
    var names = ["none", "layer", "absolute"]
    for path in plugins { names += try loader.load(path, into: registry).norms }

    for name in names {
      let accuracy = try train(name, registry)
      print("\(name): \(Int((100 * accuracy).rounded())) % right")
      guard accuracy > 0.8 else { throw NormaError(.gate, "\(name) did not learn") }
    }
  }

  /// Trains on the sign of sums, and says how many are right.
  static func train(_ norm: String, _ registry: NormRegistry) throws(NormaError) -> Double {
    let model = ModelSpec(
      "signs", input: [16], norm: NormSpec(norm),
      layers: [.linear(32), .norm(), .relu, .linear(2)])
    let batch = 64
    let network = try Network(
      model, registry: registry, batch: batch,
      training: TrainingSpec(optimizer: .adam(rate: 0.01), steps: 200), threads: 2, seed: 1)
    var random = RandomSource(seed: 7, purpose: "example")
    func samples() -> (x: [Float], y: [Int32]) {
      let x = (0..<batch * 16).map { _ in Float(random.normal()) }
      let y = (0..<batch).map { n in Int32(x[n * 16..<n * 16 + 16].reduce(0, +) > 0 ? 1 : 0) }
      return (x, y)
    }
    for step in 0..<200 {
      let (x, y) = samples()
      _ = try network.trainStep(input: x, labels: y, step: step)
    }
    let (x, y) = samples()
    return try network.evaluate(input: x, labels: y).accuracy
  }
}
