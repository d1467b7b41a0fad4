import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct HermeticGitTests {
    @Test func `twenty concurrent calls each get their own answer`() async throws {
        let git = HermeticGit(installation: try await HermeticGit.locate(), gitDirectory: try Scratch().path)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<20 {
                let text = Array(String(repeating: "\(number) ", count: 50_000).utf8)
                group.addTask { try await git.run(["stripspace"], input: text).output.count == text.count }
            }
            for try await equal in group { #expect(equal) }
        }
    }

    @Test func `a deadline ends the whole process group`() async throws {
        let scratch = try Scratch()
        let git = HermeticGit(installation: try await HermeticGit.locate(), gitDirectory: scratch.path)
        // An alias runs a shell, whose child ignores TERM and writes down that it still lives.
        let script =
            "!sh -c 'trap \"\" TERM; sh -c \"trap \\\"\\\" TERM; echo \\$\\$ > \(scratch.path)/pid; sleep 900\" & wait'"
        let start = ContinuousClock.now
        await #expect(throws: GitError.self) {
            try await git.run(["-c", "alias.hang=\(script)", "hang"], deadline: .milliseconds(400))
        }
        // Far below the time of the child; other tests have the threads meanwhile, and others the machine.
        #expect(ContinuousClock.now - start < .seconds(600))
        let text = String(decoding: try scratch.read("pid"), as: UTF8.self)
        let pid = try #require(pid_t(text.split(separator: "\n").first ?? ""))
        // Gone, or a zombie that nobody has collected yet.
        let state = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ") Z"
        #expect(state.split(separator: ")").last?.hasPrefix(" Z") == true)
    }

    @Test func `a cancelled call ends its child`() async throws {
        let git = HermeticGit(installation: try await HermeticGit.locate(), gitDirectory: try Scratch().path)
        let task = Task { try await git.run(["-c", "alias.hang=!sleep 900", "hang"]) }
        task.cancel()
        let start = ContinuousClock.now
        await #expect(throws: GitError.self) { try await task.value }
        // Far below the time of the child; other tests have the threads meanwhile, and others the machine.
        #expect(ContinuousClock.now - start < .seconds(600))
    }

    @Test func `a git that is missing or too old is said in one line`() async throws {
        let scratch = try Scratch()
        await #expect(throws: GitError.self) {
            try await HermeticGit.locate(minimum: GitVersion(major: 99, minor: 0))
        }
        try scratch.write("git", "#!/bin/sh\necho git version 2.30.1\n", mode: 0o755)
        do {
            _ = try await HermeticGit.locate(searchPath: scratch.path)
            Issue.record("an old git was accepted")
        } catch {
            #expect(error.kind == .tooOld)
            #expect(!error.description.contains("\n"))
        }
    }

    @Test func `a child that closes its input does not end us`() async throws {
        let git = HermeticGit(installation: try await HermeticGit.locate(), gitDirectory: try Scratch().path)
        let bytes = [UInt8](repeating: 65, count: 4 << 20)
        let result = try await git.run(["-c", "alias.deaf=!exec <&-; true", "deaf"], input: bytes, accepting: [0, 1])
        #expect(result.output.isEmpty)
    }
}
