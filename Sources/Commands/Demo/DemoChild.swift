import CSystemCalls

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A process that the demonstration started, in a group of its own, with its words in two files.
struct DemoChild: Sendable {
    let pid: Int32
    private let words: String

    struct Ended: Sendable {
        /// 128 + n for signal n.
        var status: Int32
        var output: String
        var errors: String
        /// The last line that it complained with, without the program's name.
        var complaint: String {
            let last = errors.split(separator: "\n").last ?? output.split(separator: "\n").last ?? "no reason given"
            return last.hasPrefix("baton: ") ? String(last.dropFirst(7)) : String(last)
        }
    }

    /// - Parameters:
    ///   - environment: what is added to ours; what Baton and git would take from ours is left out.
    ///   - words: where its stdout and stderr go, `.out` and `.err`.
    static func start(_ arguments: [String], environment: [String: String], words: String) throws -> DemoChild {
        let files = [open("/dev/null", O_RDONLY), create(words + ".out"), create(words + ".err")]
        defer { for file in files where file >= 0 { close(file) } }
        guard files.allSatisfy({ $0 >= 0 }) else { throw DemoFailure("\(words).out cannot be written") }
        let inherited = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("BATON_") && !$0.key.hasPrefix("GIT_")
        }
        let all = inherited.merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }.sorted()
        var pid: pid_t = 0
        let error = withWords(arguments) { arguments in
            withWords(all) { csystem_spawn(arguments[0], arguments, $0, files, Int32(files.count), &pid) }
        }
        guard error == 0 else {
            throw DemoFailure("\(arguments[0]) cannot be started: \(String(cString: strerror(error)))")
        }
        return DemoChild(pid: pid, words: words)
    }

    private static func create(_ path: String) -> Int32 { open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600) }

    private static func withWords<Value>(
        _ words: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Value
    ) -> Value {
        let copies = words.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }

    /// Waits for its end; kills it when it takes too long or when nobody waits any more.
    func end(within limit: Duration) async throws -> Ended {
        let watch = Stopwatch()
        var status: Int32 = 0
        do {
            while waitpid(pid, &status, WNOHANG) != pid {
                guard watch.elapsed < limit else { throw DemoFailure("process \(pid) took more than \(limit.shown)") }
                try await Task.sleep(for: .milliseconds(2))
            }
        } catch {
            kill(-pid, SIGKILL)
            waitpid(pid, &status, 0)
            throw error
        }
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        return Ended(status: code, output: String(fileAt: words + ".out"), errors: String(fileAt: words + ".err"))
    }
}

extension Demo {
    /// Runs `baton` for a device; throws what it complains about.
    @discardableResult
    func baton(
        _ arguments: [String], on device: DemoDevice, environment: [String: String] = [:],
        within limit: Duration = .seconds(30)
    ) async throws -> DemoChild.Ended {
        let child = try DemoChild.start(
            [program] + arguments, environment: environment.merging(["BATON_HOME": device.home]) { $1 },
            words: "\(place.root)/out/\(device.name)-\(arguments[0])")
        let ended = try await child.end(within: limit)
        guard ended.status == 0 else {
            throw DemoFailure(
                "baton \(arguments.joined(separator: " ")) on \(device.name) ended with \(ended.status): "
                    + ended.complaint)
        }
        return ended
    }

    /// Runs another program by its name; git reads no configuration of the user.
    @discardableResult
    func tool(_ arguments: [String], within limit: Duration = .seconds(120)) async throws -> DemoChild.Ended {
        let configuration = place.root + "/out/gitconfig"
        if String(fileAt: configuration).isEmpty {
            try "[safe]\n\tdirectory = *\n".write(toFile: configuration, atomically: true, encoding: .utf8)
        }
        let child = try DemoChild.start(
            ["/usr/bin/env"] + arguments,
            environment: [
                "GIT_CONFIG_GLOBAL": configuration, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
                "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C",
            ], words: place.root + "/out/tool")
        let ended = try await child.end(within: limit)
        guard ended.status == 0 else {
            throw DemoFailure("\(arguments.joined(separator: " ")) ended with \(ended.status): \(ended.complaint)")
        }
        return ended
    }
}
