import Logging
import MeshTransport
import Primitives
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The agent as a process: signals, logging, exit code.
package enum AgentProcess {
    /// Runs until it is told to stop (SIGTERM, SIGINT, `baton down`); returns the exit code.
    /// - Parameter isMetered: what the system says of this device's link; nil where it says nothing.
    package static func run(
        home path: String, listen: String?, logger: Logger, isMetered: @escaping @Sendable () async -> Bool? = { nil }
    ) async throws(SetupFailure) -> Int32 {
        let home = Home(path)
        guard home.hasMesh else {
            throw SetupFailure(
                code: ExitCode.noMesh, message: "there is no mesh in \(home.path)",
                hint: "found one with: baton init DIR, or join one with: baton join DIR")
        }
        var address: TransportAddress?
        if let listen {
            guard let parsed = TransportAddress(listen) else {
                throw SetupFailure(
                    code: ExitCode.usage, message: "'\(listen)' is no address", hint: "use --listen HOST:PORT")
            }
            address = parsed
        }
        signal(SIGPIPE, SIG_IGN)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(
                        service: Agent(home: home, listen: address, logger: logger, isMetered: isMetered),
                        successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .cancelGroup)
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await group.run()
            return ExitCode.done
        } catch let failure as SetupFailure {
            throw failure
        } catch {
            throw SetupFailure(code: ExitCode.failed, message: "the agent failed: \(error)", hint: "see its log")
        }
    }
}
