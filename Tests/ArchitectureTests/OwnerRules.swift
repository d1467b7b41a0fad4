/// Things of the world that few modules may touch (style.md, Modules).
extension Rule {
    static let owners: [Rule] = [processes, sockets, clocks]

    private static func owned(
        _ name: String, by modules: [String], why: String, allowances: [Allowance] = [], _ phrases: [Phrase],
        more: @escaping @Sendable (SourceFile) -> [Violation] = { _ in [] }
    ) -> Rule {
        Rule(name: name, why: why, allowances: allowances) { tree in
            tree.sources.filter { !modules.contains($0.target) && !ModuleMap.isPure($0.target) }.flatMap { file in
                phrases.flatMap { $0.violations(in: file) } + more(file)
            }
        }
    }

    static let processes = owned(
        "who starts processes", by: ["GitWorkspace", "WriterGate", "Commands"],
        why: "every child needs a deadline, a process group and somebody who kills it; three modules know how",
        allowances: [
            Allowance(
                path: "Sources/SimulateCommand/Running/FreshProcess.swift",
                reason: "itself once more, to show that nothing of a process gets into a run; it starts no other")
        ],
        [
            "csystem_spawn", "posix_spawn", "posix_spawnp", "fork (", "execv (", "execve (", "popen (", "system (",
            "Process (",
        ]
        .map { Phrase($0, "starts a process") })

    static let sockets = owned(
        "who opens sockets", by: ["MeshTransport", "ControlSocket"],
        why: "each way in is a way in for strangers: two modules authenticate, bound and count what comes",
        allowances: [
            Allowance(
                path: "Sources/AgentRuntime/Addresses.swift", what: "sockaddr_in",
                reason: "reads this machine's addresses for an invite; opens nothing")
        ],
        [
            "socket (", "ServerBootstrap", "ClientBootstrap", "DatagramBootstrap", "NIOPipeBootstrap", "URLSession",
            "sockaddr_in", "sockaddr_in6", "sockaddr_un",
        ].map { Phrase($0, "opens a socket") })

    static let clocks = owned(
        "who reads a clock", by: ["AgentRuntime"],
        why: "leases and deadlines are measured on one clock that counts suspend, read in one place, or they disagree",
        allowances: [
            Allowance(path: "Sources/GitWorkspace/", reason: "deadlines of git's processes, enforced where they run"),
            Allowance(
                path: "Sources/MeshTransport/", reason: "silence of a link and rates of refusals, on NIO's clock"),
            Allowance(path: "Sources/WriterGate/", reason: "every gate has a deadline that its own device enforces"),
            Allowance(path: "Sources/Commands/Demo/DemoClock.swift", reason: "times that the demonstration shows"),
            Allowance(
                path: "Sources/SimulateCommand/Showing/Terminal.swift", what: "clock_gettime",
                reason: "what a run cost, printed apart from what it found"),
        ],
        [
            "ContinuousClock", "SuspendingClock", "NIODeadline", "DispatchTime", "clock_gettime", "gettimeofday",
            "csystem_boot_nanoseconds", "CFAbsoluteTimeGetCurrent", "Date ( )", "time ( nil )",
        ].map { Phrase($0, "reads a clock") }
    ) { $0.clockReads() }
}
