// swift-tools-version: 6.2
import PackageDescription

// Dependencies, each chosen for years:
// - swift-argument-parser: commands, help and completions; Apple's own, the standard for Swift tools.
// - liblua5.4: the interpreter scripts run in; a system library with a stable C API.
// - libdnnl (oneDNN): convolution, matrix product and pooling at the speed of the hardware.
// - zlib: reading .gz data sets.
// - libedit: line editing in the console.
// - libcrypto (OpenSSL): SHA-256, by which cached kernels are named and verified.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]
let cSettings: [CSetting] = [.treatAllWarnings(as: .error)]

/// A Swift target with the project's settings; `scripts/check-layers` holds its imports to this list.
func module(
  _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
  name: "Norma",
  products: [
    .executable(name: "norma", targets: ["norma"]),
    .library(name: "Norma", targets: ["Norma"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(name: "CNormaABI", cSettings: cSettings),
    .systemLibrary(name: "CLua", pkgConfig: "lua5.4", providers: [.apt(["liblua5.4-dev"])]),
    .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
    .systemLibrary(name: "CEdit", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CSystem", cSettings: cSettings),
    .target(name: "CLuaShim", dependencies: ["CLua"], cSettings: cSettings),
    .target(
      name: "CKernels", cSettings: cSettings, linkerSettings: [.linkedLibrary(":libgomp.so.1")]),
    module("NormaCore", ["CCrypto"]),
    module("NormaGraph", ["NormaCore"]),
    module("NormaSystem", ["NormaCore", "CSystem"]),
    module("NormaCompiler", ["NormaCore", "NormaGraph", "NormaSystem", "CKernels"]),
    module("NormaNorms", ["NormaCore", "NormaGraph", "NormaCompiler"]),
    module(
      "NormaConformance",
      ["NormaCore", "NormaSystem", "NormaGraph", "NormaCompiler", "NormaNorms", "CKernels"]),
    module(
      "NormaPlugins",
      [
        "NormaCore", "NormaSystem", "NormaGraph", "NormaNorms", "NormaConformance", "CNormaABI",
        "CKernels", "CSystem",
      ]),
    module(
      "NormaExport",
      ["NormaCore", "NormaGraph", "NormaCompiler", "NormaNorms", "NormaPlugins", "CNormaABI"],
      exclude: ["Templates"]),
    module(
      "NormaNetwork",
      [
        "NormaCore", "NormaSystem", "NormaGraph", "NormaCompiler", "NormaNorms", "CKernels",
        "COneDNN",
      ]),
    module("NormaData", ["NormaCore", "CZlib"]),
    module(
      "NormaLab",
      ["NormaCore", "NormaNorms", "NormaConformance", "NormaNetwork", "NormaData"]),
    module(
      "NormaLua",
      [
        "NormaCore", "NormaSystem", "NormaGraph", "NormaCompiler", "NormaNorms",
        "NormaConformance", "NormaNetwork", "NormaData", "NormaLab", "CLuaShim",
      ]),
    module("NormaTerminal"),
    // All that a program of yours needs, under one name.
    .target(
      name: "Norma",
      dependencies: [
        "NormaCore", "NormaGraph", "NormaNorms", "NormaConformance", "NormaPlugins", "NormaNetwork",
        "NormaData", "NormaExport",
      ],
      path: "Sources/NormaLibrary", swiftSettings: settings),
    .executableTarget(
      name: "norma",
      dependencies: [
        "NormaCore", "NormaSystem", "NormaGraph", "NormaCompiler", "NormaNorms", "NormaConformance",
        "NormaPlugins", "NormaExport", "NormaNetwork", "NormaData", "NormaLab", "NormaLua",
        "NormaTerminal", "CEdit", "CNormaABI",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "Fuzz",
      dependencies: [
        "NormaCore", "NormaSystem", "NormaNorms", "NormaCompiler", "NormaConformance",
        "NormaPlugins", "NormaExport", "NormaNetwork", "NormaLab", "NormaLua", "CNormaABI",
      ],
      path: "Tests/Fuzz", swiftSettings: settings),
    tests("NormaCoreTests", ["NormaCore"]),
    tests("NormaGraphTests", ["NormaGraph", "NormaCore"]),
    tests("NormaCompilerTests", ["NormaCompiler", "NormaGraph", "NormaCore", "CKernels"]),
    tests(
      "NormaNormsTests",
      ["NormaNorms", "NormaConformance", "NormaCompiler", "NormaGraph", "NormaCore", "NormaData"]),
    tests(
      "NormaPluginsTests",
      ["NormaPlugins", "NormaNorms", "NormaConformance", "NormaCore", "CNormaABI"]),
    tests(
      "NormaNetworkTests",
      ["NormaNetwork", "NormaNorms", "NormaCompiler", "NormaGraph", "NormaCore"]),
    tests("NormaDataTests", ["NormaData", "NormaCore"]),
    tests("NormaLabTests", ["NormaLab", "NormaNorms", "NormaNetwork", "NormaData", "NormaCore"]),
    tests(
      "NormaLuaTests",
      [
        "NormaLua", "CLuaShim", "NormaNorms", "NormaConformance", "NormaNetwork", "NormaCore",
        "NormaLab", "NormaCompiler",
      ]),
    tests("NormaTerminalTests", ["NormaTerminal"]),
    tests("NormaCommandTests", ["norma"]),
  ],
  swiftLanguageModes: [.v6]
)
