import DeviceCore
import Foundation
import Primitives
import Testing

@testable import Storage

#if canImport(Glibc)
    import Glibc

    private let childVariable = "BATON_STORE_TEST_CHILD"

    /// A second process of this test binary persists a history until it is killed.
    @Suite struct KillTests {
        @Test(.timeLimit(.minutes(2)))
        func killedAtAnyMomentNothingAcknowledgedIsLost() throws {
            var random = SeededGenerator(seed: UInt64(getpid()))
            var interrupted = 0
            for seed in UInt64(1)...12 {
                let scratch = try Scratch()
                try Fixture.create(scratch.path())
                let child = try spawnChild(scratch.path(), seed: seed)
                let wanted = 1 + Int(random.below(120))
                while try acknowledged(scratch) < wanted {
                    guard waitpid(child, nil, WNOHANG) == 0 else {
                        Issue.record("the child ended before it was killed, after \(try acknowledged(scratch)) updates")
                        return
                    }
                    usleep(300)
                }
                usleep(UInt32(random.below(1500)))
                kill(child, SIGKILL)
                waitpid(child, nil, 0)
                if FileManager.default.fileExists(atPath: scratch.path("device.db-wal")) { interrupted += 1 }
                let count = try acknowledged(scratch)
                var history = History(seed: seed)
                for _ in 0..<count { _ = history.next() }
                let last = history.state
                _ = history.next()
                let state = try Fixture.open(scratch.path()).load()
                #expect(state == last || state == history.state, "run \(seed), killed after \(count)")
            }
            #expect(interrupted > 0, "every child had closed its database before it was killed")
        }

        /// The child's part; in a usual run of the tests it does nothing.
        @Test func persistUntilKilled() throws {
            guard let variable = getenv(childVariable) else { return }
            let parts = String(cString: variable).split(separator: "|").map(String.init)
            var history = History(seed: UInt64(parts[1]) ?? 0)
            let store = try Fixture.open(parts[0])
            // The count of what `persist` returned from, where the parent sees it whatever happens to this process.
            let counter = open(parts[0] + ".count", O_WRONLY | O_CREAT, 0o600)
            for count in UInt64(1)...100_000 {
                try store.persist(history.next())
                var bytes = count.bigEndian
                pwrite(counter, &bytes, 8, 0)
            }
        }

        private func acknowledged(_ scratch: Scratch) throws -> Int {
            guard let bytes = FileManager.default.contents(atPath: scratch.path("device.db.count")) else { return 0 }
            return bytes.reduce(0) { $0 << 8 | Int($1) }
        }

        private func spawnChild(_ path: String, seed: UInt64) throws -> pid_t {
            let arguments = ["tests", "--testing-library", "swift-testing", "--filter", "persistUntilKilled"]
            var environment = ProcessInfo.processInfo.environment
            environment[childVariable] = "\(path)|\(seed)"
            var argv = arguments.map { strdup($0) } + [nil]
            var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
            defer { for text in argv + envp { free(text) } }
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
            posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
            var child: pid_t = 0
            let code = posix_spawn(&child, "/proc/self/exe", &actions, nil, &argv, &envp)
            try #require(code == 0, "posix_spawn failed with \(code)")
            return child
        }
    }
#endif
