import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

package struct DemoOptions: Hashable, Sendable {
    /// A directory of which a copy becomes the workspace; nil: a clone of the checkout that this program was built in.
    package var workspace: String?
    /// Leave the mesh running, and say how to play with it.
    package var keep: Bool

    package init(workspace: String? = nil, keep: Bool = false) {
        self.workspace = workspace
        self.keep = keep
    }
}

/// `baton demo`: a mesh of three on this machine, as separate processes of this program. Whatever it claims, it checks;
/// whichever way it ends, no process of it is left.
package struct DemoRunner: Sendable {
    private let options: DemoOptions
    private let console: Console

    package init(_ options: DemoOptions) { self.init(options, .system) }

    init(_ options: DemoOptions, _ console: Console) {
        self.options = options
        self.console = console
    }

    /// - Returns: 0 if everything was as it was shown; 1 if something was not; 128 + n after signal n.
    package func run() async -> Int32 {
        let narrator = Narrator(console)
        let demo: Demo
        do {
            demo = try Demo(options, narrator)
        } catch {
            narrator.fail("\(error)")
            return Exit.failed
        }
        let caught = Caught()
        let play = Task { try await demo.play() }
        SignalPipe.pass([SIGINT, SIGTERM, SIGHUP]) { number in
            caught.signal.withLock { $0 = $0 ?? number }
            play.cancel()
        }
        do {
            try await play.value
            return Exit.done
        } catch {
            await demo.endEverything()
            if let number = caught.signal.withLock({ $0 }) {
                demo.place.remove()
                narrator.fail("stopped by signal \(number); its processes are ended and its files removed")
                return 128 + number
            }
            narrator.fail("\(CommandFailure(error)?.line ?? "\(error)")")
            narrator.note("the processes are ended; what they left is in \(demo.place.root) (agent.log of each home)")
            return Exit.failed
        }
    }

    private final class Caught: Sendable {
        let signal = Mutex<Int32?>(nil)
    }
}

/// Something that was to be shown is not so.
struct DemoFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// The mesh that is shown. Its acts are in the files `Act...`, in their order here.
actor Demo {
    nonisolated let place: DemoPlace
    nonisolated let narrator: Narrator
    nonisolated let options: DemoOptions
    nonisolated let program: String
    /// Of running agents, by the device's name.
    var agents: [String: Int32] = [:]
    var clients: [String: ClientOfAgent] = [:]
    var writers: [String: DemoWriter] = [:]
    /// How often the writer of a device was started.
    var generations: [String: Int] = [:]

    init(_ options: DemoOptions, _ narrator: Narrator) throws {
        guard let program = Executable.path else { throw DemoFailure("this program does not find itself") }
        self.options = options
        self.narrator = narrator
        self.program = program
        place = try DemoPlace.make()
    }

    func play() async throws {
        try await found()
        try await showRound()
        try await killLeader()
        try await handOff()
        try await wakeStaleLeader()
        try await showStatus()
        try await end()
    }
}
