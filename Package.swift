// swift-tools-version: 6.2
import PackageDescription

/// Every target is compiled in Swift 6 mode with warnings as errors.
let settings: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

/// Raft is generic over what its log carries, and only DeviceCore says what that is. Without the bodies of Consensus at
/// hand DeviceCore calls it through run-time metadata, which costs the simulator a third of its time. `@inlinable`
/// would have to stand at every function, and would make `package` and `private` mean nothing there.
let visibleBodies: [SwiftSetting] = [.unsafeFlags(["-enable-cmo-everything"], .when(configuration: .release))]

/// Whether `MutantSet` can hold a mutant. In debug builds, where the tests show that the checks of the simulator find
/// them; in a release build only with `--traits Mutants` (and a `--scratch-path` of its own): the agent has none.
let mutants: [SwiftSetting] = [
    .define("MUTANTS", .when(configuration: .debug)), .define("MUTANTS", .when(traits: ["Mutants"])),
]

/// Swift's runtime and Foundation inside of the programs: loading them as libraries is most of what a hook, a gate or
/// `baton status` takes, and most of what an idle agent has in memory.
let whole: [LinkerSetting] = [
    .unsafeFlags(
        ["-static-stdlib"]
            + ["CoreFoundation", "_FoundationICU", "_FoundationCollections", "_FoundationCShims", "stdc++"].map {
                "-l\($0)"
            },
        .when(platforms: [.linux], configuration: .release))
]

/// A module under `Sources`, with its tests (if any) under `Tests/<name>Tests`.
func module(
    _ name: String, _ dependencies: [Target.Dependency] = [], tests: [Target.Dependency]? = [], exclude: [String] = [],
    testExclude: [String] = [], settings: [SwiftSetting] = settings
) -> [Target] {
    var targets: [Target] = [
        .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
    ]
    if let tests {
        targets.append(
            .testTarget(
                name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies + tests,
                exclude: testExclude, swiftSettings: settings))
    }
    return targets
}

let pure: [Target] =
    module("Primitives", settings: settings + mutants)
    + module("Consensus", ["Primitives"], testExclude: ["transcripts"], settings: settings + visibleBodies)
    + module("Locks", ["Primitives"])
    + module("SyncRounds", ["Primitives"])
    + module("DeviceCore", ["Primitives", "Consensus", "Locks", "SyncRounds"])
    + module("Simulation", ["Primitives", "Consensus", "Locks", "SyncRounds", "DeviceCore"])
    + module("ScenarioFiles", ["Primitives", "SyncRounds", "DeviceCore", "Simulation"])

let core: [Target.Dependency] = ["Primitives", "Consensus", "Locks", "SyncRounds", "DeviceCore"]
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
]
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let shells: [Target] =
    [.target(name: "CSystemCalls")]
    + module(
        "WireProtocol", core + [.product(name: "SwiftProtobuf", package: "swift-protobuf")], exclude: ["baton.proto"])
    + module(
        "Storage",
        core + [
            "WireProtocol", .product(name: "GRDB", package: "GRDB.swift"),
            .product(name: "Crypto", package: "swift-crypto"),
        ])
    + module(
        "Identity",
        [
            "Primitives", .product(name: "X509", package: "swift-certificates"),
            .product(name: "SwiftASN1", package: "swift-asn1"), .product(name: "Crypto", package: "swift-crypto"),
        ])
    + [
        .systemLibrary(
            name: "COpenSSL", path: "Tests/COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])])
    ]
    + module(
        "MeshTransport",
        [
            "Primitives", "Identity", "CSystemCalls", log,
            .product(name: "NIOSSL", package: "swift-nio-ssl"), nioTLS,
        ] + nio, tests: ["COpenSSL"])
    + [.systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])])]
    + module("GitWorkspace", ["Primitives", "CSystemCalls", "CZlib", log])
    + module("WriterGate", ["Primitives", "CSystemCalls", log])
    + module("ControlSocket", ["Primitives", "CSystemCalls", log] + nio)
    + module("ToolHooks", ["Primitives", "ControlSocket"], testExclude: ["golden"])
    + module(
        "AgentRuntime",
        core + [
            "WireProtocol", "Storage", "Identity", "MeshTransport", "GitWorkspace",
            "WriterGate", "ControlSocket", "ToolHooks", "CSystemCalls", log,
            .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        ])
    + module("GitTwin", ["Primitives", "SyncRounds", "Simulation", "GitWorkspace"])
    + module("SimulateCommand", ["Primitives", "Simulation", "ScenarioFiles", arguments])
    + module(
        "Commands",
        [
            "Primitives", "AgentRuntime", "ControlSocket", "ToolHooks", "Identity", "Storage", "GitWorkspace",
            "WriterGate",
            "SimulateCommand", "GitTwin", "CSystemCalls", log, arguments,
        ], testExclude: ["golden"])

let package = Package(
    name: "baton",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "baton", targets: ["baton"]),
        .executable(name: "baton-simulate", targets: ["baton-simulate"]),
    ],
    traits: [
        .trait(name: "Mutants", description: "Deliberate bugs, chosen at run time, that the simulator must find."),
        .default(enabledTraits: []),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: pure + shells + [
        .executableTarget(
            name: "baton", dependencies: ["Commands"], swiftSettings: settings, linkerSettings: whole),
        .executableTarget(
            name: "baton-simulate", dependencies: ["SimulateCommand", arguments], swiftSettings: settings,
            linkerSettings: whole),
        .testTarget(name: "ArchitectureTests", swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests", dependencies: ["Primitives", "ControlSocket", "AgentRuntime"],
            swiftSettings: settings),
    ]
)
