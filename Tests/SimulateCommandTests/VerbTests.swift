import ArgumentParser
import Foundation
import Testing

@testable import SimulateCommand

/// The exit code of each verb, as a user of the program gets it.
@Suite struct VerbTests {
    private func code(_ arguments: String...) -> Int32 {
        do {
            var command = try SimulateCommand.parseAsRoot(arguments)
            try command.run()
            return 0
        } catch let code as ExitCode {
            return code.rawValue
        } catch {
            return SimulateCommand.exitCode(for: error).rawValue
        }
    }

    @Test func `a scenario that holds, one that shows nothing and one that cannot be read`() throws {
        let scratch = try Scratch()
        #expect(code(try scratch.write(small, to: "good.sim")) == 0)
        let vacuous = small.replacingOccurrences(of: "round-published", with: "power-cut")
        let empty = try scratch.write(vacuous, to: "vacuous.sim")
        #expect(code(empty) == 4)
        #expect(code(empty, "--seed", "2") == 0, "one seed need not see it")
        #expect(code(try scratch.write(small + "\nfly\n", to: "bad.sim")) == 64)
        #expect(code(scratch.path) == 64)
        #expect(code("\(scratch.path)/none.sim") == 64)
    }

    @Test func `what is never to be seen is a broken expectation, what comes too late is a mesh that did not recover`()
        throws
    {
        let scratch = try Scratch()
        let never = small + "\nexpect never round-published\n"
        #expect(code(try scratch.write(never, to: "never.sim"), "--no-shrink", "--json") == 1)
        let slow = "chaos 5s\nconfig sync.settle=4s sync.max-wait=10s"
        let late = small.replacingOccurrences(of: "chaos 5s", with: slow) + "\nexpect within 1s converge\n"
        #expect(code(try scratch.write(late, to: "late.sim"), "--json") == 6)
    }

    @Test(arguments: [
        ["--seeds", "9..3"], ["--seeds", "1..3", "--seed", "2"], ["--jobs", "0"], ["--devices", "99"],
        ["--duration", "1y"], ["--for", "soon"], ["--profile", "quick"], ["replay"], ["replay", "5", "--seed", "6"],
        ["timeline", "5", "--view", "9s..3s"], ["--git", "svn"], ["shrink", "5", "--runs", "0"],
    ])
    func `wrong arguments are refused`(_ arguments: [String]) {
        var status: Int32 = 0
        do {
            _ = try SimulateCommand.parseAsRoot(arguments)
        } catch {
            status = SimulateCommand.exitCode(for: error).rawValue
        }
        #expect(status == 64)
    }

    @Test func `real git that is not there is said to be not there`() {
        #expect(code("--git", "real", "--seed", "1") == 64)
    }

    @Test func `a passing run replays, and there is nothing to shrink`() throws {
        let scratch = try Scratch()
        let file = try scratch.write(small, to: "good.sim")
        #expect(code("replay", file, "--seed", "2") == 0)
        #expect(code("explain", file, "--seed", "2") == 0)
        #expect(code("shrink", file, "--seed", "2") == 64)
        #expect(code("coverage", file) == 0)
    }

    @Test func `a mutant is killed, one survives, a neutral one passes`() {
        #expect(code("mutants", "like-reset-hard", "--budget", "60", "--ranges", "2") == 0)
        #expect(code("mutants", "heartbeat-halved", "--budget", "3", "--ranges", "1", "--json") == 0)
        #expect(code("mutants", "lease-from-reply", "--budget", "1", "--ranges", "1") == 5)
        #expect(code("mutants", "no-such-bug") == 64)
    }

    @Test func `fmt brings a file into its form, once`() throws {
        let scratch = try Scratch()
        let file = try scratch.write(small, to: "good.sim")
        #expect(code("fmt", "--check", scratch.path) == 1)
        #expect(code("fmt", scratch.path) == 0)
        let text = try scratch.read("good.sim")
        #expect(code("fmt", "--check", scratch.path) == 0)
        #expect(code("fmt", file) == 0)
        #expect(try scratch.read("good.sim") == text)
    }

    @Test func `the scenarios of the repository are in their form, and each says what it shows`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder = root.appendingPathComponent("simulations").path
        #expect(code("fmt", "--check", folder) == 0)
        let files = try ScenarioFinder.files([folder])
        #expect(files.count >= 40)
        for (path, file) in files {
            #expect(!file.about.isEmpty, "\(path)")
            #expect(path.hasSuffix("/\(file.name).sim"), "\(path)")
            let marks = file.expectations.filter { if case .sometimes = $0 { true } else { false } }
            #expect(!marks.isEmpty, "\(path)")
        }
    }
}
