/// One module of `Sources`: what it may import. Style.md, Modules; Package.swift says the same to the compiler.
struct ModuleEntry: Sendable {
    var name: String
    var isPure = false
    /// Modules and packages, as in Package.swift.
    var dependencies: [String] = []
    /// Modules of the platform, each with a reason.
    var platform: [PlatformImport] = []
}

struct PlatformImport: Sendable {
    var name: String
    var reason: String
}

/// In this order: a module imports only what stands above it.
enum ModuleMap {
    static let core = ["Primitives", "Consensus", "Locks", "SyncRounds", "DeviceCore"]
    static let nio = ["NIOCore", "NIOPosix"]
    static let libc = [
        PlatformImport(name: "Glibc", reason: "system calls on descriptors, on Linux"),
        PlatformImport(name: "Darwin", reason: "system calls on descriptors, on macOS"),
        PlatformImport(name: "Musl", reason: "system calls on descriptors, in a static Linux build"),
    ]
    static let mutex = [PlatformImport(name: "Synchronization", reason: "a Mutex around what two threads share")]
    static let essentials = PlatformImport(name: "FoundationEssentials", reason: "JSON without the rest of Foundation")
    static let foundation = [PlatformImport(name: "Foundation", reason: "Data, dates and paths at the edge")]

    static let entries: [ModuleEntry] = [
        ModuleEntry(name: "Primitives", isPure: true),
        ModuleEntry(name: "Consensus", isPure: true, dependencies: ["Primitives"]),
        ModuleEntry(name: "Locks", isPure: true, dependencies: ["Primitives"]),
        ModuleEntry(name: "SyncRounds", isPure: true, dependencies: ["Primitives"]),
        ModuleEntry(
            name: "DeviceCore", isPure: true, dependencies: ["Primitives", "Consensus", "Locks", "SyncRounds"]),
        ModuleEntry(name: "Simulation", isPure: true, dependencies: core),
        ModuleEntry(
            name: "ScenarioFiles", isPure: true,
            dependencies: ["Primitives", "SyncRounds", "DeviceCore", "Simulation"]),
        ModuleEntry(name: "CSystemCalls"),
        ModuleEntry(name: "CZlib"),
        ModuleEntry(
            name: "WireProtocol", dependencies: core + ["SwiftProtobuf"], platform: foundation),
        ModuleEntry(
            name: "Storage", dependencies: core + ["WireProtocol", "GRDB", "Crypto"],
            platform: foundation + libc + mutex),
        ModuleEntry(
            name: "Identity", dependencies: ["Primitives", "X509", "SwiftASN1", "Crypto"], platform: foundation + libc),
        ModuleEntry(
            name: "MeshTransport",
            dependencies: ["Primitives", "Identity", "CSystemCalls", "Logging", "NIOSSL", "NIOTLS"] + nio,
            platform: libc + mutex),
        ModuleEntry(
            name: "GitWorkspace", dependencies: ["Primitives", "CSystemCalls", "CZlib", "Logging"],
            platform: libc + mutex
                + [PlatformImport(name: "Dispatch", reason: "blocking waits for children on threads of their own")]),
        ModuleEntry(
            name: "WriterGate", dependencies: ["Primitives", "CSystemCalls", "Logging"],
            platform: foundation + libc + mutex + [essentials]
                + [PlatformImport(name: "Dispatch", reason: "signals and the ends of wrapped processes as sources")]),
        ModuleEntry(
            name: "ControlSocket", dependencies: ["Primitives", "CSystemCalls", "Logging"] + nio,
            platform: foundation + libc + mutex + [essentials]),
        ModuleEntry(name: "ToolHooks", dependencies: ["Primitives", "ControlSocket"], platform: libc),
        ModuleEntry(
            name: "AgentRuntime",
            dependencies: core + [
                "WireProtocol", "Storage", "Identity", "MeshTransport", "GitWorkspace", "WriterGate", "ControlSocket",
                "ToolHooks", "CSystemCalls", "Logging", "ServiceLifecycle",
            ],
            platform: foundation + libc + mutex + [essentials]
                + [PlatformImport(name: "Dispatch", reason: "file events and signals as sources")]),
        ModuleEntry(name: "GitTwin", dependencies: ["Primitives", "SyncRounds", "Simulation", "GitWorkspace"]),
        ModuleEntry(
            name: "SimulateCommand", dependencies: ["Primitives", "Simulation", "ScenarioFiles", "ArgumentParser"],
            platform: libc + mutex + [PlatformImport(name: "Dispatch", reason: "seeds run side by side on all cores")]),
        ModuleEntry(
            name: "Commands",
            dependencies: [
                "Primitives", "AgentRuntime", "ControlSocket", "ToolHooks", "Identity", "Storage", "GitWorkspace",
                "WriterGate", "SimulateCommand", "GitTwin", "CSystemCalls", "Logging", "ArgumentParser",
            ], platform: foundation + libc + mutex + [essentials]),
        ModuleEntry(name: "baton", dependencies: ["Commands"]),
        ModuleEntry(name: "baton-simulate", dependencies: ["SimulateCommand", "ArgumentParser"]),
    ]

    static func entry(_ name: String) -> ModuleEntry? { entries.first { $0.name == name } }
    static func isPure(_ name: String) -> Bool { entry(name)?.isPure ?? false }

    /// Why a module that is often at hand stays out.
    static func whyNot(_ imported: String, in module: ModuleEntry) -> String {
        if module.isPure {
            switch imported {
            case "Foundation", "FoundationEssentials", "Glibc", "Darwin", "Dispatch":
                return "a pure module touches no clock, file or thread, or a seed no longer replays it"
            case "Logging": return "a pure module returns events; one place makes log lines of them"
            case "Crypto": return "a pure module has no randomness and no keys of its own"
            case "Synchronization": return "a pure module has one owner and shares nothing"
            default: break
            }
        }
        switch imported {
        case "Subprocess": return "only GitWorkspace, WriterGate and Commands start processes"
        case "NIOCore", "NIOPosix", "NIOSSL": return "only MeshTransport and ControlSocket open sockets"
        case "GRDB": return "only Storage knows that there is a database"
        default: return "the arrows of style.md point up the list of modules, and each one has a reason"
        }
    }
}
