// swift-tools-version: 6.2
import PackageDescription

// A program of somebody else's, which depends on Norma as a package.
let package = Package(
  name: "program",
  dependencies: [.package(name: "Norma", path: "../..")],
  targets: [
    .executableTarget(
      name: "program", dependencies: [.product(name: "Norma", package: "Norma")])
  ]
)
