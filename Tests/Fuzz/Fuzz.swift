import Foundation
import NormaCore
import NormaLab
import NormaLua
import NormaNetwork
import NormaNorms

/// Random scripts, and the same few norms again and again: what `scripts/fuzz` runs.
///
/// Scripts are mutations of the zoo, and random calls of all that scripts see with all kinds of arguments,
/// determined by a seed and their number. Nothing that a script does may
/// end the process: errors are what is expected of it.
@main
struct Fuzz {
  static func main() throws {
    var options = ["seed": 1, "from": 0, "count": 1000, "cycles": 0, "show": -1, "plugins": 0]
    var isThreads = false
    var zoo = "Plugins/zoo"
    var library: String?
    var arguments = CommandLine.arguments.dropFirst()
    while let name = arguments.popFirst() {
      if name == "--threads" {
        isThreads = true
        continue
      }
      guard let value = arguments.popFirst() else { usage() }
      if name == "--zoo" {
        zoo = value
      } else if name == "--library" {
        library = value
      } else if let number = Int(value), options[String(name.dropFirst(2))] != nil {
        options[String(name.dropFirst(2))] = number
      } else {
        usage()
      }
    }
    if let cycles = options["cycles"], cycles > 0 { return try Leaks.run(cycles) }
    if isThreads { return try PluginFuzz.threads(library) }
    if let count = options["plugins"], count > 0 {
      return try PluginFuzz.run(count, seed: UInt64(options["seed"] ?? 1), library: library)
    }
    let scripts = try Scripts(zoo: zoo, seed: UInt64(options["seed"] ?? 1))
    if let show = options["show"], show >= 0 {
      print(scripts.script(show))
      return
    }
    let first = options["from"] ?? 0
    var counts: [String: Int] = [:]
    for number in first..<first + (options["count"] ?? 0) {
      // Whoever reads this after a crash knows which script it was.
      try Data("\(number)\n".utf8).write(to: URL(filePath: "/dev/stderr"))
      counts[run(scripts.script(number)), default: 0] += 1
    }
    print(counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
  }

  private static func usage() -> Never {
    print(
      "fuzz [--seed N] [--from N] [--count N] [--show N] [--zoo FOLDER] | --cycles N"
        + " | --plugins N [--library FILE.so] | --threads --library FILE.so")
    exit(64)
  }

  /// Runs a script and what it defines; says how far it came.
  private static func run(_ text: String) -> String {
    var options = Interpreter.Options()
    options.print = { _ in }
    options.memoryBytes = 32 << 20
    options.seconds = 0.2
    options.instructions = 2_000_000
    do throws(NormaError) {
      let lab = LabOptions(writes: false)
      let laboratory = Lab(registry: .builtIn(), options: lab)
      let before = Set(laboratory.registry.names)
      let session = try ScriptSession(registry: laboratory.registry, options: options)
      try session.registerExperiments(lab: laboratory)
      do throws(NormaError) {
        try session.run(text: text, name: "fuzz.lua")
      } catch {
        return "refused"
      }
      var result = "defined nothing"
      for name in laboratory.registry.names where !before.contains(name) {
        do throws(NormaError) {
          try session.run(text: use(name), name: "use.lua")
          result = "ran"
        } catch {
          result = "defined, then refused"
        }
      }
      return result
    } catch {
      return "no session"
    }
  }

  /// A script that applies a norm, forward and backward, and trains a model with it.
  private static func use(_ name: String) -> String {
    """
    local made = norm["\(name)"]()
    local x = tensor.random(1, { 4, 3, 6 })
    for _, mode in ipairs { "train", "infer" } do
      for _, executor in ipairs { "tiles", "reference" } do
        local o = { mode = mode, executor = executor }
        made:apply(x, o)
        made:gradient(x, x, o)
      end
    end
    model("m", { input = { 2 }, norm = made, nn.linear { 6 }, nn.norm(), nn.linear { 3 } })
    experiment { model = "m", data = dataset "spirals" { train = 32, validate = 8 },
      train = { steps = 2, batch = 8, optimizer = optim.sgd { rate = 0.1 } } }
    """
  }
}

extension LabOptions {
  fileprivate init(writes: Bool) {
    self.init()
    self.writes = writes
  }
}

/// Mutations of scripts.
private struct Scripts {
  private let files: [[String]]
  private let pool: [String]
  private let seed: UInt64

  private static let nasty = [
    "0", "-1", "1e308", "(0/0)", "(1<<62)", "nil", "{}", "x", "s", "math.huge", "\"channel\"",
    "true",
    "('x'):rep(1000000)", ":group(0)", ":group(3)", ":chunk(2)", ":slice(\"channel\", 1, 2)",
    "function() end",
    "setmetatable({}, {})", "coroutine.wrap(function() end)", "norm", "norm.define",
    "tensor { 1, 2 }",
    ":stop()", ":mean(\"batch\")", "(", ")", "end", ",", "..", "^", "==", "x:apply(x)",
    "pcall(error)",
    "load('return 1')()", "require \"x\"", "s.gamma", "mode", "nn.relu()", "model",
    "where(x, x, 1)",
    "concat(x, x)", "for i = 1, 100 do x = x * x end", "while true do end", "local x <close> = x",
  ]

  init(zoo: String, seed: UInt64) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: zoo).filter {
      $0.hasSuffix(".lua")
    }
    files = try names.sorted().map { name in
      let text = try String(contentsOfFile: zoo + "/" + name, encoding: .utf8)
      return Scripts.tokens(text)
    }
    pool = files.joined().filter { !$0.allSatisfy(\.isWhitespace) } + Scripts.nasty
    self.seed = seed
  }

  private static func tokens(_ text: String) -> [String] {
    var tokens: [String] = []
    for character in text {
      let isWord = character.isLetter || character.isNumber || character == "_"
      if isWord, let last = tokens.last?.last, last.isLetter || last.isNumber || last == "_" {
        tokens[tokens.count - 1].append(character)
      } else {
        tokens.append(String(character))
      }
    }
    return tokens
  }

  private static func kind(_ token: String) -> Int {
    guard let first = token.first else { return 0 }
    return first.isNumber ? 2 : first.isLetter || first == "_" ? 1 : 0
  }

  func script(_ number: Int) -> String {
    number % 4 == 3 ? RandomCalls.script(number, seed: seed) : mutation(number)
  }

  private func mutation(_ number: Int) -> String {
    var random = RandomSource(seed: seed, purpose: "script \(number)")
    var tokens = files[random.index(below: files.count)]
    for _ in 0..<1 + random.index(below: 3) {
      // Names and numbers most of the time: signs in other places are seldom Lua.
      let isAny = random.index(below: 5) == 0
      let solid = tokens.indices.filter {
        isAny ? !tokens[$0].allSatisfy(\.isWhitespace) : Scripts.kind(tokens[$0]) > 0
      }
      guard let at = solid.isEmpty ? nil : solid[random.index(below: solid.count)] else { break }
      let length = min(1 + random.index(below: 4), tokens.count - at)
      switch random.index(below: 16) {
      case 0: tokens.removeSubrange(at..<at + length)
      case 1: tokens.insert(contentsOf: tokens[at..<at + length], at: at)
      case 2: tokens.swapAt(at, solid[random.index(below: solid.count)])
      case 3:
        let other = files[random.index(below: files.count)]
        let start = random.index(below: other.count)
        tokens.insert(contentsOf: other[start..<min(start + 12, other.count)], at: at)
      case 4, 5: tokens[at] = Scripts.nasty[random.index(below: Scripts.nasty.count)]
      default:
        // What stands in the same place elsewhere is most likely to be Lua still.
        let kind = Scripts.kind(tokens[at])
        let alike = pool.filter { Scripts.kind($0) == kind }
        tokens[at] = alike[random.index(below: alike.count)]
      }
    }
    return tokens.joined()
  }
}

/// The same norms defined, built, trained and dropped again and again.
private enum Leaks {
  static func run(_ cycles: Int) throws {
    print("cycle  resident KiB")
    for cycle in 0...cycles {
      try once()
      if cycle % max(cycles / 10, 1) == 0 { print("\(cycle)  \(resident())") }
    }
  }

  private static func once() throws {
    var options = Interpreter.Options()
    options.print = { _ in }
    let registry = NormRegistry.builtIn()
    let session = try ScriptSession(registry: registry, options: options)
    try session.run(
      text: """
        norm.define("one", { param = { gamma = norm.per_channel { 1 } },
          forward = function(x, s) return x * (x:mean_square("channel") + 1e-5):rsqrt() * s.gamma end })
        norm.define("two", { buffer = { m = norm.per_channel { 0 } },
          forward = function(x, s, mode)
            local m = s.m
            if mode.train then m = x:mean("batch", "space") s.m:track(m, 0.1) end
            return x - m end })
        norm.define("three", { forward = function(x) return (x:slice("channel", 1, 2):mean("channel") + x):tanh() end })
        """, name: "leak.lua")
    for name in ["one", "two", "three"] {
      let spec = ModelSpec(
        "m", input: [4], layers: [.linear(6), .norm(NormSpec(name)), .relu, .linear(2)])
      let network = try Network(
        spec, registry: registry, batch: 4,
        training: TrainingSpec(optimizer: .sgd(rate: 0.1), steps: 4))
      _ = try network.trainStep(
        input: (0..<16).map { Float($0) / 16 }, labels: [0, 1, 0, 1], step: 0)
    }
  }

  private static func resident() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4
  }
}
